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

/* Return: entries taken. */
static uint32_t drain(struct vcpu *vcpu)
{
	uint32_t mask = vcpu->vm->caps.ring_entries - 1, nr = 0;

	for (; nr <= mask; nr++) {
		struct kvm_dirty_gfn *e = &vcpu->ring[vcpu->ring_next & mask];

		if (__atomic_load_n(&e->flags, __ATOMIC_ACQUIRE) !=
		    KVM_DIRTY_GFN_F_DIRTY)
			break;
		note_page(vcpu->vm, e->slot, e->offset);
		__atomic_store_n(&e->flags, KVM_DIRTY_GFN_F_RESET,
				 __ATOMIC_RELEASE);
		vcpu->ring_next++;
	}
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

int dirty_ring_collect(struct vm *vm)
{
	uint64_t nr = 0;
	unsigned int i;
	int rc;

	for (i = 0; i < vm->nr_vcpus; i++) {
		uint32_t one = vm->vcpu[i].ring ? drain(&vm->vcpu[i]) : 0;

		/* KVM stops a vCPU while some entries are still free. A ring
		 * without any may have been run over: nobody knows of what. */
		if (one && one == vm->caps.ring_entries)
			vm->log.ring_overrun = true;
		nr += one;
	}
	vm->log.ring_pages += nr;
	rc = reset(vm, nr);
	return vm->log.ring_overrun ? -EOVERFLOW : rc;
}

int dirty_ring_full(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	int rc;

	pthread_mutex_lock(&vm->log.lock);
	vm->log.ring_full_exits++;
	rc = dirty_ring_collect(vm);
	pthread_mutex_unlock(&vm->log.lock);
	return rc;
}

void vm_dirty_stats(struct vm *vm, struct vm_dirty_stats *ret_stats)
{
	pthread_mutex_lock(&vm->log.lock);
	*ret_stats = (struct vm_dirty_stats){
		.ring_pages = vm->log.ring_pages,
		.ring_full_exits = vm->log.ring_full_exits,
		.ring_resets = vm->log.ring_resets,
		.ring_reset_ns = vm->log.ring_reset_ns,
	};
	pthread_mutex_unlock(&vm->log.lock);
}

unsigned int vm_dirty_ring_entries(const struct vm *vm)
{
	return vm->caps.ring_entries;
}
