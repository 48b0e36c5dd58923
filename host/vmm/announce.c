/* SPDX-License-Identifier: MIT */
/* What the source says of its devices before the switchover. */
#include <errno.h>
#include <string.h>

#include "vmm/device.h"
#include "vmm/vm_impl.h"

struct head {
	uint32_t index; /* of the device */
	uint32_t bytes; /* of its state, behind this */
};

static int announce_one(struct device *device, struct buf *state)
{
	struct head head = { .index = device->index };
	size_t at = state->bytes;
	int rc = buf_append(state, &head, sizeof(head));

	if (!rc)
		rc = device->ops->save(device, state);
	if (rc)
		return rc;
	head.bytes = (uint32_t)(state->bytes - at - sizeof(head));
	memcpy(state->data + at, &head, sizeof(head));
	return 0;
}

int vm_devices_announce(struct vm *vm, struct buf *state)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; !rc && i < vm->map.nr_devices; i++)
		rc = announce_one(vm->map.device[i], state);
	return rc;
}

static int prepare_one(struct vm *vm, struct reader *r, unsigned int expected,
		       struct error *err)
{
	struct device *device = vm_device(vm, expected);
	const uint8_t *state;
	struct head head;

	if (reader_get(r, &head, sizeof(head)))
		return error_set(err, -EPROTO, "the announcement is cut");
	if (!device || head.index != expected)
		return error_set(err, -EPROTO,
				 "the source announces device %u where %u was "
				 "expected; this machine has %u",
				 head.index, expected, vm->map.nr_devices);
	state = reader_skip(r, head.bytes);
	if (!state)
		return error_set(err, -EPROTO, "the announcement of %s is cut",
				 device->name);
	return device->ops->load(device, state, head.bytes, err);
}

int vm_devices_prepare(struct vm *vm, const uint8_t *state, size_t bytes,
		       struct error *err)
{
	struct reader r = { state, bytes };
	unsigned int i;
	int rc = 0, end;

	if (!vm_is_quiescent(vm))
		return error_set(err, -EBUSY, "the machine runs already");
	memmap_begin(vm->map.map);
	for (i = 0; !rc && r.left; i++)
		rc = prepare_one(vm, &r, i, err);
	end = memmap_commit(vm->map.map);
	if (!rc && end)
		rc = error_set(err, end,
			       "the devices' memory map was refused: %s",
			       strerror(-end));
	return rc;
}
