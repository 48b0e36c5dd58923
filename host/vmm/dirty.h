/* SPDX-License-Identifier: MIT */
/*
 * The dirty log: which pages the guest has written.
 *
 * A region's index is its place in vm_memory(). The same meaning on every
 * kernel: with manual protection (and INITIALLY_SET) KVM does the work, else a
 * bitmap of ours keeps what KVM forgets as it reports it. With a dirty ring
 * (vm_params.dirty_ring_entries) pages come out of the vCPUs' rings into that
 * bitmap: when somebody fetches, and when a ring is full.
 */
#ifndef VMFERRY_VMM_DIRTY_H
#define VMFERRY_VMM_DIRTY_H

#include <stddef.h>
#include <stdint.h>

struct vm;

/* What the dirty ring did since vm_create(); all 0 with the bitmap. */
struct vm_dirty_stats {
	uint64_t ring_pages; /* entries taken out of the rings */
	uint64_t ring_full_exits; /* a vCPU had to wait until its was empty */
	/* KVM wrote on in a full one: every page counts as dirty again. */
	uint64_t ring_overruns;
	uint64_t ring_resets; /* KVM_RESET_DIRTY_RINGS */
	uint64_t ring_reset_ns; /* time in those calls */
};

void vm_dirty_stats(struct vm *vm, struct vm_dirty_stats *ret_stats);

/* Entries of each vCPU's ring; 0 = the log is KVM's bitmap. */
unsigned int vm_dirty_ring_entries(const struct vm *vm);

/**
 * vm_log_start() - start logging in all regions.
 *
 * From here on every page counts as dirty until vm_fetch_dirty() and
 * vm_clear_dirty() have seen it. vCPUs may run.
 *
 * Return: 0; -EALREADY if it is on; -ENOMEM; or what KVM said (nothing is
 * logged then).
 */
int vm_log_start(struct vm *vm);
/* Ends logging; 0 also if it was off. */
int vm_log_stop(struct vm *vm);

/**
 * vm_log_stop_later() - end logging when the vCPUs are to run again.
 *
 * The machine is paused and may never run again: KVM then takes down its
 * write protection, page by page, for nobody. vm_resume() and vm_log_start()
 * do it first.
 */
void vm_log_stop_later(struct vm *vm);

/**
 * vm_fetch_dirty() - OR the dirty pages of a region into @bitmap.
 * @bitmap: one bit per 4 KiB page, least significant first.
 * @bitmap_bytes: at least BITMAP_BYTES(pages of the region).
 *
 * The pages stay dirty until vm_clear_dirty(). A page written later shows up
 * in the next call.
 *
 * Return: 0; -EINVAL for a wrong region, logging off, or a short bitmap;
 * -EIO if KVM does not empty the dirty rings; or what KVM_GET_DIRTY_LOG said.
 * Where KVM ran over a ring (one that emulates ring 0 may, for guests that
 * write a lot there), every page is dirty: nothing is lost.
 * Source: Documentation/virt/kvm/api.rst, KVM_GET_DIRTY_LOG.
 */
int vm_fetch_dirty(struct vm *vm, unsigned int region, uint64_t *bitmap,
		   size_t bitmap_bytes);

/**
 * vm_clear_dirty() - forget pages, before reading them.
 * @first: multiple of 64.
 * @nr: multiple of 64, or up to the region's end.
 * @bitmap: of the whole region; bits set in [@first, @first + @nr) are the
 *	pages to forget.
 *
 * A page read after this call is either current or will be fetched again.
 *
 * Return: 0, -EINVAL for a range against the rules, or what
 * KVM_CLEAR_DIRTY_LOG said.
 */
int vm_clear_dirty(struct vm *vm, unsigned int region, uint64_t first,
		   uint64_t nr, const uint64_t *bitmap);

/**
 * vm_mark_dirty() - a device of ours has written guest memory.
 *
 * KVM sees only what vCPUs write. After the write: a page that is read in
 * between is fetched again. Outside of guest memory nothing happens.
 * Context: any thread, no lock, logging or not.
 */
void vm_mark_dirty(struct vm *vm, uint64_t gpa, uint64_t bytes);
/* The same by a bitmap of a region, from its first page on. */
void vm_mark_dirty_bits(struct vm *vm, unsigned int region,
			const uint64_t *bitmap, uint64_t nr_pages);

/*
 * How a host without the newer capabilities behaves, for tests: turns them
 * off for this machine. Before vm_log_start().
 */
#define VM_DIRTY_NO_MANUAL (1u << 0)
#define VM_DIRTY_NO_INITIALLY_SET (1u << 1)
int vm_dirty_degrade(struct vm *vm, unsigned int flags);
/* What it lacks now, by the same flags. */
unsigned int vm_dirty_lacks(const struct vm *vm);

#endif
