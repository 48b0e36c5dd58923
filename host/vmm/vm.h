/* SPDX-License-Identifier: MIT */
/*
 * A virtual machine on the raw KVM API: memory, vCPU threads, an in-kernel
 * irqchip and PIT, one serial port, one exit port, a PCI bus (pci.h) for the
 * devices that vm_add_device() brings (device.h).
 *
 * Non-goals: SMM, firmware, real-mode boot, hot plug.
 *
 * A machine is born paused: its vCPU threads exist and wait. vm_resume() lets
 * them run, vm_pause() brings them back. All calls may come from any thread
 * but a vCPU's, so never from a callback; vm_pause(), vm_resume(), the state
 * and the dirty log want one caller at a time.
 */
#ifndef VMFERRY_VMM_VM_H
#define VMFERRY_VMM_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/hyperv.h"
#include "vmm/guestmem.h"

#define VM_MAX_VCPUS 64u
#define VM_MIN_RAM_BYTES (16ull << 20)
#define VM_RAM_ALIGN_BYTES (2ull << 20)
#define VM_MAX_RING_ENTRIES 65536u

struct vm;
struct memmap;
struct memmap_space;

/**
 * struct vm_events - what the machine tells, from its vCPU threads.
 *
 * Any of them may be NULL. exit_port, shutdown and failed end the machine: it
 * is called once, all vCPUs stop by themselves, and vm_resume() gives
 * -ESHUTDOWN from then on. Hand the news to another thread and return.
 */
struct vm_events {
	/* The guest wrote @value to ABI_EXIT_PORT. */
	void (*exit_port)(void *ctx, uint32_t value);
	/* Triple fault. */
	void (*shutdown)(void *ctx, unsigned int vcpu);
	/* KVM cannot go on; @sentence says where and why. */
	void (*failed)(void *ctx, unsigned int vcpu, const char *sentence);
	/* Serial output; the serial port is locked meanwhile: don't push. */
	void (*serial_write)(void *ctx, const uint8_t *bytes, size_t nr_bytes);
	/* vm_serial_push() takes bytes again after it took less than offered;
	 * also from vm_resume(), in its caller's thread. */
	void (*serial_room)(void *ctx);
};

/* How the memory map is committed while the state of devices is loaded. */
enum vm_commit {
	VM_COMMIT_ONCE, /* one transaction around the load */
	VM_COMMIT_EACH, /* every change is a commit of its own */
	/* As once, and what the source has announced is there before. */
	VM_COMMIT_PREPARED,
};

/* May the guest be a hypervisor? */
enum vm_nested {
	VM_NESTED_AUTO, /* where the host's KVM allows it */
	VM_NESTED_ON, /* or there is no machine */
	VM_NESTED_OFF,
};

struct vm_params {
	unsigned int nr_vcpus; /* 1..VM_MAX_VCPUS */
	uint64_t ram_bytes; /* multiple of 2 MiB, at least 16 MiB */
	/* As in struct guestmem_params. */
	enum backing_kind backing;
	uint64_t page_bytes;
	const char *path;
	bool awaited;
	bool unreserved; /* the same: its pages may be more than there are */
	uint64_t control_bytes;
	/*
	 * Dirty log: 0 = KVM's bitmap, else a ring of so many entries a vCPU
	 * (a power of 2, at most VM_MAX_RING_ENTRIES and what KVM offers).
	 */
	unsigned int dirty_ring_entries;
	enum vm_commit commit;
	enum vm_nested nested;
	struct hyperv_choice hyperv; /* whose interface the guest sees */
	const struct vm_events *events; /* must outlive the machine */
	void *ctx; /* handed to the events */
	const char *kvm_path; /* NULL = /dev/kvm */
};

/**
 * vm_create() - make a machine, paused, its memory zero.
 *
 * Return: 0; -EINVAL for parameters out of range; -ENODEV or -EACCES without
 * a usable /dev/kvm (this host cannot run it: @err has the remedy);
 * -EOPNOTSUPP for a KVM that lacks something indispensable; or what the
 * kernel said.
 */
int vm_create(const struct vm_params *params, struct vm **ret_vm,
	      struct error *err);
/* Stops the vCPUs, joins their threads, frees everything. NULL is fine. */
void vm_destroy(struct vm *vm);

/**
 * vm_set_boot() - aim vCPU 0 at a PVH entry point.
 * @entry_gpa, @start_info_gpa: of struct loader_result.
 *
 * 32-bit protected mode without paging, flat segments, interrupts off, ebx =
 * start_info; the other vCPUs wait for INIT and SIPI.
 * Source: Xen, docs/misc/pvh.pandoc, "Boot protocol".
 *
 * Return: 0 or what KVM_SET_(S)REGS said. Context: paused.
 */
int vm_set_boot(struct vm *vm, uint64_t entry_gpa, uint64_t start_info_gpa);

/**
 * vm_resume() - let the vCPUs run.
 *
 * Return: 0, also when they already do; -ESHUTDOWN after the machine has
 * ended; -EIO after a vm_state_load() that failed half-way.
 */
int vm_resume(struct vm *vm);

/**
 * vm_pause() - stop the vCPUs.
 *
 * On return none is in KVM_RUN, an I/O instruction in flight is complete, and
 * nothing of ours writes guest memory. Sleeps, doesn't spin. Idempotent.
 */
void vm_pause(struct vm *vm);

/* May it run: between vm_resume() and vm_pause(), and not ended. */
bool vm_is_running(struct vm *vm);

/**
 * vm_serial_push() - input for the guest's serial port.
 *
 * Bytes taken are part of the machine's state. Between vm_state_save() and
 * vm_resume() it takes none: they would be lost with the source.
 *
 * Return: bytes taken, 0..@nr_bytes. Context: any thread but serial_write().
 */
size_t vm_serial_push(struct vm *vm, const uint8_t *bytes, size_t nr_bytes);

/*
 * See guestmem_adopt(), guestmem_take() and guestmem_drop(); KVM's memory slots
 * stay as they are. Context: paused; after a drop it must never run again.
 */
int vm_adopt_memory(struct vm *vm, unsigned int region, int fd,
		    struct error *err);
int vm_take_memory(struct vm *vm);
int vm_drop_memory(struct vm *vm);

const struct guestmem *vm_memory(const struct vm *vm);
/* The memory map, for devices; its spaces. */
struct memmap *vm_map(struct vm *vm);
struct memmap_space *vm_memory_space(struct vm *vm);
struct memmap_space *vm_port_space(struct vm *vm);
unsigned int vm_nr_vcpus(const struct vm *vm);
/* Kernel thread id of vCPU @index's thread. Valid from vm_create() on. */
pid_t vm_thread_id(const struct vm *vm, unsigned int index);
/* Exits to us of vCPU @index since vm_create(); racy. */
uint64_t vm_nr_exits(const struct vm *vm, unsigned int index);
/* Frequency of the guest's TSC. */
uint64_t vm_tsc_hz(const struct vm *vm);

#endif
