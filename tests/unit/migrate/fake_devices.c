/* SPDX-License-Identifier: MIT */
/* The array's devices: strings of bytes. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "fake_vm.h"

void fake_vm_add_device(struct fake_vm *vm, size_t early, size_t late)
{
	uint64_t random = early + late;
	struct fake_device *d;
	size_t i;

	if (!vm->device)
		vm->device = calloc(FAKE_DEVICES, sizeof(*d));
	assert(vm->device);
	d = &vm->device[vm->nr_devices++];
	assert(vm->nr_devices <= FAKE_DEVICES &&
	       early + late < sizeof(d->data));
	d->early_bytes = early;
	/* A target's is empty. */
	for (i = 0; vm->running && i < early + late; i++)
		d->data[i] = (uint8_t)fake_random(&random);
	d->bytes = vm->running ? early + late : 0;
}

bool fake_devices_equal(const struct fake_vm *a, const struct fake_vm *b)
{
	unsigned int i;

	for (i = 0; i < a->nr_devices; i++)
		if (a->device[i].bytes != b->device[i].bytes ||
		    !b->device[i].finished ||
		    memcmp(a->device[i].data, b->device[i].data,
			   a->device[i].bytes))
			return false;
	return a->nr_devices == b->nr_devices;
}

static unsigned int device_nr(void *ctx)
{
	return ((struct fake_vm *)ctx)->nr_devices;
}

/* So far it has got, and that comes next. */
static size_t early_now(const struct fake_device *d)
{
	size_t left = d->at < d->early_bytes ? d->early_bytes - d->at : 0;

	return d->step_bytes && d->step_bytes < left ? d->step_bytes : left;
}

static int device_left(void *ctx, struct migrate_device_left *ret_left)
{
	struct fake_vm *vm = ctx;
	unsigned int i;
	int rc = fake_vm_fails(vm, FAKE_LEFT);

	assert(vm->running);
	for (i = 0; i < vm->nr_devices; i++) {
		const struct fake_device *d = &vm->device[i];

		if (d->at < d->must_bytes)
			ret_left->must_bytes += d->must_bytes - d->at;
		ret_left->now_bytes += early_now(d);
		if (!d->guesses_none)
			ret_left->stopped_bytes += d->bytes - d->early_bytes;
	}
	return rc;
}

static ssize_t device_read(void *ctx, unsigned int index, void *data,
			   size_t bytes)
{
	struct fake_vm *vm = ctx;
	struct fake_device *d = &vm->device[index];
	size_t room = vm->running ? early_now(d) : d->bytes - d->at;
	int rc = fake_vm_fails(vm, FAKE_READ);

	assert(index < vm->nr_devices);
	if (rc)
		return rc;
	bytes = bytes < room ? bytes : room;
	memcpy(data, d->data + d->at, bytes);
	d->at += bytes;
	return (ssize_t)bytes;
}

static int device_write(void *ctx, unsigned int index, const void *data,
			size_t bytes, struct error *err)
{
	struct fake_vm *vm = ctx;
	struct fake_device *d = &vm->device[index];
	int rc = fake_vm_fails(vm, FAKE_WRITE);

	assert(index < vm->nr_devices && !vm->running && !d->finished);
	if (rc)
		return error_set(err, rc, "it does not like it");
	if (bytes > sizeof(d->data) - d->bytes)
		return -EFBIG;
	memcpy(d->data + d->bytes, data, bytes);
	d->bytes += bytes;
	return 0;
}

static int device_finish(void *ctx, unsigned int index, struct error *err)
{
	struct fake_vm *vm = ctx;
	int rc = fake_vm_fails(vm, FAKE_FINISH);

	assert(!vm->loaded);
	vm->device[index].finished = !rc;
	return rc;
}

const struct migrate_device_ops fake_device_ops = {
	.nr = device_nr,
	.left = device_left,
	.read = device_read,
	.write = device_write,
	.finish = device_finish,
};
