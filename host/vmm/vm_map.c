/* SPDX-License-Identifier: MIT */
/* Making and ending a machine's memory map; its devices. */
#include "vmm/vm_map.h"

#include <errno.h>
#include <string.h>

#include "vmm/map_stats.h"
#include "vmm/vm_impl.h"

/* More than any guest address there can be. */
#define MEMORY_BYTES (1ull << 52)
#define PORT_BYTES 0x10000ull
/* Hides what claims its addresses: its slots stay whole. */
#define RAM_PRIORITY 10

/* Those of RAM come with the machine and stay. */
static int memory_changed(void *ctx, enum memmap_change change,
			  const struct memmap_range *range)
{
	const struct kvm_bells *bells = ctx;
	struct vm *vm = bells->owner;
	size_t i;

	if (range->region->kind != MEMMAP_RAM)
		return 0;
	if (range->region->owner)
		return bells->vm_fd < 0
			       ? 0
			       : kvm_slots_change(
					 &vm->map.slots, &vm->map.calls, vm->fd,
					 GUESTMEM_MAX_REGIONS, change, range);
	if (change != MEMMAP_NEW)
		return 0;
	i = (size_t)(range->region - vm->map.ram);
	vm->map.calls.calls[KVM_CALL_SLOT]++;
	return vm_set_slot(vm, (unsigned int)i, 0);
}

static int add_space(struct vm_map *m, bool ports)
{
	struct kvm_bells *bells = ports ? &m->port_bells : &m->memory_bells;
	const struct memmap_listener listener = {
		.ctx = bells,
		.range = ports ? NULL : memory_changed,
		.bell = kvm_bells_change,
	};
	struct memmap_region *root = ports ? &m->port_root : &m->memory_root;
	const char *name = ports ? "ports" : "memory";
	int rc = memmap_region_init(root, name, MEMMAP_CONTAINER,
				    ports ? PORT_BYTES : MEMORY_BYTES, NULL);

	return rc ? rc
		  : memmap_add_space(m->map, name, root, &listener,
				     ports ? &m->ports : &m->memory);
}

static int add_ram(struct vm *vm)
{
	struct vm_map *m = &vm->map;
	unsigned int i;
	int rc = 0, err;

	memmap_begin(m->map);
	for (i = 0; !rc && i < vm->mem.nr_regions; i++) {
		const struct guestmem_region *r = &vm->mem.region[i];

		rc = memmap_region_init(&m->ram[i], r->name, MEMMAP_RAM,
					r->bytes, NULL);
		if (!rc)
			rc = memmap_add(&m->memory_root, &m->ram[i], r->gpa,
					RAM_PRIORITY);
	}
	err = memmap_commit(m->map);
	return rc ? rc : err;
}

int vm_map_init(struct vm *vm, enum vm_commit commit, struct error *err)
{
	struct vm_map *m = &vm->map;
	int rc = memmap_create(&m->map);

	if (rc)
		return error_set(err, rc, "out of memory");
	m->commit = commit;
	kvm_bells_init(&m->memory_bells, &m->calls, vm->fd, false);
	kvm_bells_init(&m->port_bells, &m->calls, vm->fd, true);
	m->memory_bells.owner = vm;
	rc = routes_init(&m->routes, m->map, &m->calls, vm->fd);
	if (!rc)
		rc = add_space(m, false);
	if (!rc)
		rc = add_space(m, true);
	if (!rc)
		rc = pci_bus_create(m->map, &m->memory_root, &m->port_root,
				    &m->routes, &m->pci);
	if (!rc)
		rc = add_ram(vm);
	if (rc)
		error_set(err, rc, "KVM refused the machine's memory map: %s",
			  strerror(-rc));
	return rc;
}

void vm_map_silence(struct vm *vm)
{
	struct vm_map *m = &vm->map;

	m->memory_bells.vm_fd = m->port_bells.vm_fd = m->routes.vm_fd = -1;
}

void vm_map_exit(struct vm *vm)
{
	struct vm_map *m = &vm->map;

	while (m->nr_devices) {
		struct device *device = m->device[--m->nr_devices];

		if (device->ops->destroy)
			device->ops->destroy(device);
	}
	pci_bus_destroy(m->pci);
	memmap_destroy(m->map);
	routes_exit(&m->routes);
	kvm_bells_exit(&m->memory_bells);
	kvm_bells_exit(&m->port_bells);
}

struct memmap *vm_map(struct vm *vm)
{
	return vm->map.map;
}

struct memmap_space *vm_memory_space(struct vm *vm)
{
	return vm->map.memory;
}

struct memmap_space *vm_port_space(struct vm *vm)
{
	return vm->map.ports;
}

void *vm_ram_at(struct vm *vm, uint64_t gpa, uint64_t bytes)
{
	const struct memmap_range *range;
	void *at = NULL;

	memmap_read_lock();
	range = memmap_find(memmap_view(vm->map.memory), gpa);
	if (range && range->region->kind == MEMMAP_RAM &&
	    !range->region->owner && bytes <= range->bytes &&
	    gpa - range->addr <= range->bytes - bytes)
		at = vm->mem.region[range->region - vm->map.ram].hva +
		     range->offset + (gpa - range->addr);
	memmap_read_unlock();
	return at;
}

struct pci_bus *vm_pci(struct vm *vm)
{
	return vm->map.pci;
}

int vm_add_device(struct vm *vm, struct device *device)
{
	struct vm_map *m = &vm->map;

	if (m->nr_devices == VM_MAX_DEVICES)
		return -ENOSPC;
	device->index = m->nr_devices;
	m->device[m->nr_devices++] = device;
	return 0;
}

unsigned int vm_nr_devices(const struct vm *vm)
{
	return vm->map.nr_devices;
}

struct device *vm_device(const struct vm *vm, unsigned int index)
{
	return index < vm->map.nr_devices ? vm->map.device[index] : NULL;
}

void vm_devices_begin(struct vm *vm)
{
	if (vm->map.commit != VM_COMMIT_EACH)
		memmap_begin(vm->map.map);
}

int vm_devices_commit(struct vm *vm)
{
	return vm->map.commit == VM_COMMIT_EACH ? 0
						: memmap_commit(vm->map.map);
}

void vm_devices_pause(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->map.nr_devices; i++)
		if (vm->map.device[i]->ops->pause)
			vm->map.device[i]->ops->pause(vm->map.device[i]);
}

void vm_devices_resume(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->map.nr_devices; i++)
		if (vm->map.device[i]->ops->resume)
			vm->map.device[i]->ops->resume(vm->map.device[i]);
}

int vm_devices_reset(struct vm *vm)
{
	unsigned int i;
	int rc, ret = 0;

	memmap_begin(vm->map.map);
	for (i = 0; i < vm->map.nr_devices; i++) {
		rc = vm->map.device[i]->ops->reset(vm->map.device[i]);
		ret = ret ? ret : rc;
	}
	rc = memmap_commit(vm->map.map);
	return ret ? ret : rc;
}

void vm_map_stats(const struct vm *vm, struct memmap_stats *ret_stats,
		  struct kvm_calls *ret_calls)
{
	memmap_get_stats(vm->map.map, ret_stats);
	*ret_calls = vm->map.calls;
}

enum vm_commit vm_commit(const struct vm *vm)
{
	return vm->map.commit;
}

void vm_set_commit(struct vm *vm, enum vm_commit commit)
{
	vm->map.commit = commit;
}
