/* SPDX-License-Identifier: MIT */
/* The bus and its devices in the machine's state. */
#include <errno.h>
#include <string.h>

#include "vmm/fields.h"
#include "vmm/state_format.h"
#include "vmm/vm_impl.h"

static struct state_device describe(const struct device *device)
{
	struct state_device d = { "", "" };

	memcpy(d.name, device->name, strnlen(device->name, 15));
	memcpy(d.table, device->ops->fields->name,
	       strnlen(device->ops->fields->name, 15));
	return d;
}

static int save_device(struct device *device, struct buf *state,
		       struct error *err)
{
	const struct state_device head = describe(device);
	struct buf payload = BUF_INIT;
	int rc = buf_append(&payload, &head, sizeof(head));

	if (!rc)
		rc = device->ops->save(device, &payload);
	if (!rc)
		rc = state_append(state, STATE_DEVICE, device->index,
				  payload.data, payload.bytes);
	if (rc)
		error_set(err, rc, "cannot save section DEVICE of %u, %s: %s",
			  device->index, device->name, strerror(-rc));
	buf_exit(&payload);
	return rc;
}

int devices_save(struct vm *vm, struct buf *state, struct error *err)
{
	const struct state_pci pci = {
		.address = pci_bus_address(vm->map.pci),
		.nr_devices = vm->map.nr_devices,
	};
	unsigned int i;
	int rc = state_append(state, STATE_PCI, 0, &pci, sizeof(pci));

	if (rc)
		return error_set(err, rc, "out of memory");
	for (i = 0; !rc && i < vm->map.nr_devices; i++)
		rc = save_device(vm->map.device[i], state, err);
	return rc;
}

/* A machine of before there was a bus. */
static unsigned int nr_devices(const struct state_view *view)
{
	struct state_pci pci;

	if (!view->pci.data)
		return 0;
	memcpy(&pci, view->pci.data, sizeof(pci));
	return pci.nr_devices;
}

static int check_device(struct device *device, const struct state_part *part,
			struct error *err)
{
	const struct state_device expected = describe(device);
	struct state_device head;

	memcpy(&head, part->data, sizeof(head));
	if (memcmp(&head, &expected, sizeof(head)))
		return error_set(err, -EPROTO,
				 "section DEVICE of %u is of '%.15s' (%.15s), "
				 "this machine has '%s' (%s) there",
				 device->index, head.name, head.table,
				 expected.name, expected.table);
	return device->ops->check(device, part->data + sizeof(head),
				  part->bytes - sizeof(head), err);
}

int devices_check(struct vm *vm, const struct state_view *view,
		  struct error *err)
{
	unsigned int i, nr = nr_devices(view);
	int rc = 0;

	if (nr != vm->map.nr_devices)
		return error_set(err, -EPROTO,
				 "the state is of %u devices, this machine has "
				 "%u: start it with the same --devices",
				 nr, vm->map.nr_devices);
	for (i = 0; !rc && i < nr; i++)
		rc = check_device(vm->map.device[i], &view->device[i], err);
	return rc;
}

int devices_load(struct vm *vm, const struct state_view *view,
		 struct error *err)
{
	unsigned int i, nr = nr_devices(view);
	struct state_pci pci;
	int rc = 0, end;

	if (view->pci.data) {
		memcpy(&pci, view->pci.data, sizeof(pci));
		pci_bus_set_address(vm->map.pci, pci.address);
	}
	vm_devices_begin(vm);
	for (i = 0; !rc && i < nr; i++) {
		struct device *device = vm->map.device[i];
		const struct state_part *part = &view->device[i];
		const size_t head = sizeof(struct state_device);

		rc = device->ops->load(device, part->data + head,
				       part->bytes - head, err);
		if (rc)
			error_set(err, rc,
				  "cannot load section DEVICE of %u, %s: %s", i,
				  device->name, strerror(-rc));
	}
	end = vm_devices_commit(vm);
	if (!rc && end)
		rc = error_set(err, end,
			       "the devices' memory map was refused: %s",
			       strerror(-end));
	return rc;
}
