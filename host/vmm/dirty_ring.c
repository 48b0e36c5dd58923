/* SPDX-License-Identifier: MIT */
/*
 * The dirty ring: KVM lists the pages that a vCPU has written in a ring that it
 * shares with us.
 *
 * Of each entry first the page is noted, then the entry is given back (RESET),
 * then KVM protects the page again. Only after that the page may be read: what
 * is written between is in the page already, what is written later is a new
 * entry.
 *
 * Source: Documentation/virt/kvm/api.rst, KVM_CAP_DIRTY_LOG_RING.
 */
#include "vmm/dirty.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/bitmap.h"
#include "base/clock.h"
#include "vmm/vm_impl.h"

#define PAGE 4096u
/* So often a vCPU may find its ring full and empty: then it is KVM's fault. */
#define FUTILE_MAX 1000u

static size_t ring_bytes(const struct vm *vm)
{
	return vm->caps.ring_entries * sizeof(struct kvm_dirty_gfn);
}

/* x86 keeps stores in order, so the plain ring is as good as the newer one
 * with its acquire and release. */
static int find_ring(const struct vm *vm, size_t *ret_bytes)
{
	static const int caps[] = { KVM_CAP_DIRTY_LOG_RING_ACQ_REL,
				    KVM_CAP_DIRTY_LOG_RING };
	size_t i;
	int bytes;

	for (i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
		bytes = kvm_ioctl_value(vm->fd, KVM_CHECK_EXTENSION,
					(unsigned long)caps[i]);
		if (bytes > 0) {
			*ret_bytes = (size_t)bytes;
			return caps[i];
		}
	}
	return -EOPNOTSUPP;
}

int dirty_ring_enable(struct vm *vm, unsigned int nr_entries, struct error *err)
{
	size_t most = 0, bytes = nr_entries * sizeof(struct kvm_dirty_gfn);
	struct kvm_enable_cap cap = { .args = { bytes } };
	int rc = find_ring(vm, &most);

	if (rc < 0)
		return error_set(err, rc,
				 "this host's KVM has no dirty ring "
				 "(KVM_CAP_DIRTY_LOG_RING): it takes Linux "
				 "5.11; use the bitmap");
	if (bytes > most) {
		bytes = most;
		cap.args[0] = most;
	}
	cap.cap = (uint32_t)rc;
	rc = kvm_ioctl(vm->fd, KVM_ENABLE_CAP, &cap);
	if (rc)
		return error_set(
			err, rc, "KVM refused dirty rings of %zu entries: %s",
			bytes / sizeof(struct kvm_dirty_gfn), strerror(-rc));
	vm->caps.ring_entries =
		(uint32_t)(bytes / sizeof(struct kvm_dirty_gfn));
	return 0;
}

int dirty_ring_map(struct vcpu *vcpu)
{
	void *ring;

	if (!vcpu->vm->caps.ring_entries)
		return 0;
	ring = mmap(NULL, ring_bytes(vcpu->vm), PROT_READ | PROT_WRITE,
		    MAP_SHARED, vcpu->fd, KVM_DIRTY_LOG_PAGE_OFFSET * PAGE);
	if (ring == MAP_FAILED)
		return -errno;
	vcpu->ring = ring;
	return 0;
}

void dirty_ring_unmap(struct vcpu *vcpu)
{
	if (vcpu->ring)
		munmap(vcpu->ring, ring_bytes(vcpu->vm));
	vcpu->ring = NULL;
}

static void note_page(struct vm *vm, uint32_t slot, uint64_t page)
{
	uint64_t *kept;

	/* The address space (SMM's) in the high half is always 0 here. */
	if (slot >= vm->mem.nr_regions ||
	    page >= vm->mem.region[slot].bytes / PAGE)
		return;
	kept = vm->log.kept[slot];
	if (kept)
		kept[page / 64] |= 1ull << page % 64;
}

static uint32_t flags_at(const struct vcpu *vcpu, uint32_t at)
{
	uint32_t mask = vcpu->vm->caps.ring_entries - 1;

	return __atomic_load_n(&vcpu->ring[at & mask].flags, __ATOMIC_ACQUIRE);
}

/* Gives @nr entries back to KVM, whatever is in them. */
static void give_back(struct vcpu *vcpu, uint32_t nr)
{
	uint32_t mask = vcpu->vm->caps.ring_entries - 1;

	while (nr--)
		__atomic_store_n(&vcpu->ring[vcpu->ring_next++ & mask].flags,
				 KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
}

/*
 * Where KVM has run over a ring it writes on ahead of the entry that we, and
 * its own RESET, look at. The first entry that comes tells how far: those
 * between are given back, with what they held long ago.
 *
 * Return: entries skipped.
 */
static uint32_t catch_up(struct vcpu *vcpu)
{
	uint32_t size = vcpu->vm->caps.ring_entries, ahead = 0;

	while (ahead < size &&
	       flags_at(vcpu, vcpu->ring_next + ahead) != KVM_DIRTY_GFN_F_DIRTY)
		ahead++;
	/* None there; or the one that was looked at first came meanwhile. */
	if (ahead == size ||
	    flags_at(vcpu, vcpu->ring_next) == KVM_DIRTY_GFN_F_DIRTY)
		return 0;
	give_back(vcpu, ahead);
	return ahead;
}

/* Return: entries taken. */
static uint32_t drain(struct vcpu *vcpu)
{
	uint32_t size = vcpu->vm->caps.ring_entries;
	uint32_t nr = vcpu->ring_skewed ? catch_up(vcpu) : 0;

	for (; nr < size; nr++) {
		struct kvm_dirty_gfn *e =
			&vcpu->ring[vcpu->ring_next & (size - 1)];

		if (flags_at(vcpu, vcpu->ring_next) != KVM_DIRTY_GFN_F_DIRTY)
			break;
		note_page(vcpu->vm, e->slot, e->offset);
		give_back(vcpu, 1);
	}
	vcpu->ring_taken += nr;
	return nr;
}

/* A signal that is pending shortens a call: on until all are protected. */
static int reset(struct vm *vm, uint64_t nr)
{
	uint64_t begin_ns = clock_now_ns();
	unsigned int idle = 0;
	int rc = 0;

	while (nr && idle < 1000) {
		rc = kvm_ioctl_value(vm->fd, KVM_RESET_DIRTY_RINGS, 0);
		vm->log.ring_resets++;
		if (rc < 0)
			break;
		idle = rc ? 0 : idle + 1;
		nr -= (uint64_t)rc < nr ? (uint64_t)rc : nr;
	}
	vm->log.ring_reset_ns += clock_now_ns() - begin_ns;
	if (rc < 0)
		return rc;
	return nr ? -EIO : 0;
}

/*
 * Rings that KVM may have run over: which pages it wrote then nobody knows, and
 * they are not protected. So all are protected anew, and all count as dirty.
 * While nothing is logged the rings hold still.
 */
static int start_over(struct vm *vm, const bool *overrun, uint64_t nr)
{
	uint32_t size = vm->caps.ring_entries;
	unsigned int i;
	int rc = dirty_set_flags(vm, 0);

	if (rc)
		return rc;
	for (i = 0; i < vm->nr_vcpus; i++) {
		struct vcpu *vcpu = &vm->vcpu[i];

		if (!overrun[i])
			continue;
		/* KVM may have written over what was given back already. */
		vcpu->ring_next -= size;
		give_back(vcpu, size);
		vcpu->ring_skewed = true;
		vm->log.ring_overruns++;
	}
	rc = reset(vm, nr);
	if (rc || !vm->log.on)
		return rc;
	rc = dirty_set_flags(vm, KVM_MEM_LOG_DIRTY_PAGES);
	dirty_keep_all(vm);
	return rc;
}

int dirty_ring_collect(struct vm *vm)
{
	bool overrun[VM_MAX_VCPUS] = { false }, any = false;
	uint64_t nr = 0;
	unsigned int i;
	int rc;

	for (i = 0; i < vm->nr_vcpus; i++) {
		uint32_t one = vm->vcpu[i].ring ? drain(&vm->vcpu[i]) : 0;

		/* KVM stops a vCPU while some entries are still free. A ring
		 * without any may have been run over: nobody knows of what. */
		overrun[i] = one && one == vm->caps.ring_entries;
		any |= overrun[i];
		nr += one;
	}
	vm->log.ring_pages += nr;
	rc = any ? start_over(vm, overrun, nr) : reset(vm, nr);
	if (rc && !vm->log.ring_broken)
		vm->log.ring_broken = rc;
	return vm->log.ring_broken;
}

/*
 * Full, with nothing in it, again: KVM is ahead by more than a ring, and counts
 * it as full for that. Half of it is less than what it takes to be full.
 */
static void unblock(struct vcpu *vcpu)
{
	uint32_t half = vcpu->vm->caps.ring_entries / 2;

	if (!vcpu->ring_skewed)
		return;
	give_back(vcpu, half);
	vcpu->ring_taken = half;
	reset(vcpu->vm, half);
}

int dirty_ring_full(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	int rc;

	pthread_mutex_lock(&vm->log.lock);
	vm->log.ring_full_exits++;
	dirty_ring_collect(vm);
	/* Somebody else may have emptied it meanwhile: once. */
	vcpu->ring_futile = vcpu->ring_taken ? 0 : vcpu->ring_futile + 1;
	if (vcpu->ring_futile > 1)
		unblock(vcpu);
	vcpu->ring_taken = 0;
	rc = vcpu->ring_futile < FUTILE_MAX ? 0 : -EIO;
	pthread_mutex_unlock(&vm->log.lock);
	return rc;
}

void vm_dirty_stats(struct vm *vm, struct vm_dirty_stats *ret_stats)
{
	pthread_mutex_lock(&vm->log.lock);
	*ret_stats = (struct vm_dirty_stats){
		.ring_pages = vm->log.ring_pages,
		.ring_full_exits = vm->log.ring_full_exits,
		.ring_overruns = vm->log.ring_overruns,
		.ring_resets = vm->log.ring_resets,
		.ring_reset_ns = vm->log.ring_reset_ns,
	};
	pthread_mutex_unlock(&vm->log.lock);
}

unsigned int vm_dirty_ring_entries(const struct vm *vm)
{
	return vm->caps.ring_entries;
}
