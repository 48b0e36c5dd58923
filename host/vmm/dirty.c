/* SPDX-License-Identifier: MIT */
/* The dirty log on every kind of kernel. */
#include "vmm/dirty.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bitmap.h"
#include "vmm/vm_impl.h"

#define MANUAL KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE
#define INITIALLY_SET KVM_DIRTY_LOG_INITIALLY_SET

static uint64_t pages_of(const struct vm *vm, unsigned int region)
{
	return vm->mem.region[region].bytes >> 12;
}

int vm_dirty_degrade(struct vm *vm, unsigned int flags)
{
	if (vm->log.on)
		return -EBUSY;
	if (flags & VM_DIRTY_NO_MANUAL)
		vm->caps.manual_dirty = 0;
	if (flags & VM_DIRTY_NO_INITIALLY_SET)
		vm->caps.manual_dirty &= ~INITIALLY_SET;
	return 0;
}

unsigned int vm_dirty_lacks(const struct vm *vm)
{
	unsigned int flags = vm->caps.manual_dirty;

	/* INITIALLY_SET means nothing without manual protection. */
	if (!(flags & MANUAL))
		return VM_DIRTY_NO_MANUAL | VM_DIRTY_NO_INITIALLY_SET;
	return flags & INITIALLY_SET ? 0 : VM_DIRTY_NO_INITIALLY_SET;
}

static int enable_manual(struct vm *vm)
{
	unsigned int flags = vm->caps.manual_dirty & (MANUAL | INITIALLY_SET);
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
		.args = { flags },
	};
	int rc;

	/* INITIALLY_SET means nothing without manual protection. With a ring
	 * it would leave the pages writable, and the first writes unlogged. */
	if (!(flags & MANUAL) || vm->log.flags == flags ||
	    vm->caps.ring_entries)
		return 0;
	rc = kvm_ioctl(vm->fd, KVM_ENABLE_CAP, &cap);
	if (!rc)
		vm->log.flags = flags;
	return rc;
}

static void free_maps(struct dirty_log *log)
{
	unsigned int i;

	for (i = 0; i < GUESTMEM_MAX_REGIONS; i++) {
		free(log->fetched[i]);
		free(log->kept[i]);
		log->fetched[i] = log->kept[i] = NULL;
	}
}

void dirty_keep_all(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->mem.nr_regions; i++)
		if (vm->log.kept[i])
			bitmap_set_range(vm->log.kept[i], 0, pages_of(vm, i));
}

/* Without INITIALLY_SET "every page is dirty" is ours to remember. */
static int alloc_maps(struct vm *vm)
{
	struct dirty_log *log = &vm->log;
	unsigned int i;

	for (i = 0; i < vm->mem.nr_regions; i++) {
		uint64_t pages = pages_of(vm, i);

		log->fetched[i] = calloc(1, BITMAP_BYTES(pages));
		if (!log->fetched[i])
			return -ENOMEM;
		if (log->flags & INITIALLY_SET)
			continue;
		log->kept[i] = calloc(1, BITMAP_BYTES(pages));
		if (!log->kept[i])
			return -ENOMEM;
	}
	dirty_keep_all(vm);
	return 0;
}

int dirty_set_flags(struct vm *vm, uint32_t flags)
{
	unsigned int i;
	int rc = 0, one;

	for (i = 0; i < vm->mem.nr_regions; i++) {
		one = vm_set_slot(vm, i, flags);
		if (one && !rc)
			rc = one;
	}
	return rc;
}

static int stop(struct vm *vm)
{
	int rc;

	if (!vm->log.on)
		return 0;
	rc = dirty_set_flags(vm, 0);
	free_maps(&vm->log);
	vm->log.on = vm->log.unwanted = false;
	/* What is left in the rings is of no interest any more. */
	if (vm->caps.ring_entries)
		dirty_ring_collect(vm);
	vm->log.ring_broken = 0;
	return rc;
}

static int stop_unwanted(struct vm *vm)
{
	return vm->log.unwanted ? stop(vm) : 0;
}

static int start(struct vm *vm)
{
	int rc = stop_unwanted(vm);

	if (rc)
		return rc;
	if (vm->log.on)
		return -EALREADY;
	rc = enable_manual(vm);
	if (!rc)
		rc = alloc_maps(vm);
	if (!rc) {
		rc = dirty_set_flags(vm, KVM_MEM_LOG_DIRTY_PAGES);
		if (rc)
			dirty_set_flags(vm, 0);
	}
	if (rc)
		free_maps(&vm->log);
	else
		vm->log.on = true;
	return rc;
}

int vm_log_start(struct vm *vm)
{
	int rc;

	pthread_mutex_lock(&vm->log.lock);
	rc = start(vm);
	pthread_mutex_unlock(&vm->log.lock);
	return rc;
}

int vm_log_stop(struct vm *vm)
{
	int rc;

	pthread_mutex_lock(&vm->log.lock);
	rc = stop(vm);
	pthread_mutex_unlock(&vm->log.lock);
	return rc;
}

void vm_log_stop_later(struct vm *vm)
{
	pthread_mutex_lock(&vm->log.lock);
	vm->log.unwanted = vm->log.on;
	pthread_mutex_unlock(&vm->log.lock);
}

int vm_log_settle(struct vm *vm)
{
	int rc;

	pthread_mutex_lock(&vm->log.lock);
	rc = stop_unwanted(vm);
	pthread_mutex_unlock(&vm->log.lock);
	return rc;
}

int vm_log_init(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->mem.nr_regions; i++) {
		vm->log.own[i] = calloc(1, BITMAP_BYTES(pages_of(vm, i)));
		if (!vm->log.own[i])
			return -ENOMEM;
	}
	return 0;
}

static void mark(struct vm *vm, unsigned int region, uint64_t word,
		 uint64_t bits)
{
	/* What was written before is seen by whoever finds the bit: also where
	 * it was set already, so that there is no shortcut for that. */
	atomic_fetch_or(&vm->log.own[region][word], bits);
}

void vm_mark_dirty(struct vm *vm, uint64_t gpa, uint64_t bytes)
{
	uint64_t first = gpa >> 12, last = (gpa + bytes - 1) >> 12, page;
	unsigned int i;

	for (i = 0; i < vm->mem.nr_regions && bytes; i++) {
		uint64_t start = vm->mem.region[i].gpa >> 12;
		uint64_t end = start + pages_of(vm, i);

		for (page = first < start ? start : first;
		     page <= last && page < end; page++)
			mark(vm, i, (page - start) / 64,
			     1ull << (page - start) % 64);
	}
}

void vm_mark_dirty_bits(struct vm *vm, unsigned int region,
			const uint64_t *bitmap, uint64_t nr_pages)
{
	uint64_t i, most = pages_of(vm, region);

	if (nr_pages > most)
		nr_pages = most;
	for (i = 0; i < BITMAP_WORDS(nr_pages); i++) {
		uint64_t left = nr_pages - i * 64;
		uint64_t mask = left < 64 ? (1ull << left) - 1 : UINT64_MAX;

		if (bitmap[i] & mask)
			mark(vm, region, i, bitmap[i] & mask);
	}
}

void vm_log_exit(struct vm *vm)
{
	unsigned int i;

	free_maps(&vm->log);
	for (i = 0; i < GUESTMEM_MAX_REGIONS; i++)
		free((void *)vm->log.own[i]);
	pthread_mutex_destroy(&vm->log.lock);
}

/* KVM's news of a region, into its `fetched`. */
static int get_log(struct vm *vm, unsigned int region)
{
	struct kvm_dirty_log request = {
		.slot = region,
		.dirty_bitmap = vm->log.fetched[region],
	};

	return kvm_ioctl(vm->fd, KVM_GET_DIRTY_LOG, &request);
}

static int fetch(struct vm *vm, unsigned int region, uint64_t *bitmap,
		 size_t bitmap_bytes)
{
	uint64_t pages, i, *fetched, *kept;
	bool ring = vm->caps.ring_entries;
	int rc;

	if (!vm->log.on || region >= vm->mem.nr_regions)
		return -EINVAL;
	pages = pages_of(vm, region);
	if (bitmap_bytes < BITMAP_BYTES(pages))
		return -EINVAL;
	rc = ring ? dirty_ring_collect(vm) : get_log(vm, region);
	if (rc)
		return rc;
	fetched = vm->log.fetched[region];
	kept = vm->log.kept[region];
	for (i = 0; i < BITMAP_WORDS(pages); i++) {
		if (kept && !ring)
			kept[i] |= fetched[i];
		bitmap[i] |= kept ? kept[i] : fetched[i];
		bitmap[i] |= atomic_load_explicit(&vm->log.own[region][i],
						  memory_order_acquire);
	}
	return 0;
}

int vm_fetch_dirty(struct vm *vm, unsigned int region, uint64_t *bitmap,
		   size_t bitmap_bytes)
{
	int rc;

	pthread_mutex_lock(&vm->log.lock);
	rc = fetch(vm, region, bitmap, bitmap_bytes);
	pthread_mutex_unlock(&vm->log.lock);
	return rc;
}

static int clear(struct vm *vm, unsigned int region, uint64_t first,
		 uint64_t nr, const uint64_t *bitmap)
{
	struct kvm_clear_dirty_log request = {
		.slot = region,
		.num_pages = (uint32_t)nr,
		.first_page = first,
		.dirty_bitmap = (void *)(bitmap + first / 64),
	};
	uint64_t pages, i, *kept;

	if (!vm->log.on || region >= vm->mem.nr_regions)
		return -EINVAL;
	pages = pages_of(vm, region);
	if (first % 64 || first > pages || nr > pages - first ||
	    nr > UINT32_MAX || (nr % 64 && first + nr != pages))
		return -EINVAL;
	kept = vm->log.kept[region];
	for (i = first / 64; i < BITMAP_WORDS(first + nr); i++) {
		if (kept)
			kept[i] &= ~bitmap[i];
		/* The page is read behind this. */
		if (bitmap[i] & atomic_load(&vm->log.own[region][i]))
			atomic_fetch_and(&vm->log.own[region][i], ~bitmap[i]);
	}
	/* Without manual protection the fetch has protected them again. */
	if (!nr || !(vm->log.flags & MANUAL))
		return 0;
	return kvm_ioctl(vm->fd, KVM_CLEAR_DIRTY_LOG, &request);
}

int vm_clear_dirty(struct vm *vm, unsigned int region, uint64_t first,
		   uint64_t nr, const uint64_t *bitmap)
{
	int rc;

	pthread_mutex_lock(&vm->log.lock);
	rc = clear(vm, region, first, nr, bitmap);
	pthread_mutex_unlock(&vm->log.lock);
	return rc;
}
