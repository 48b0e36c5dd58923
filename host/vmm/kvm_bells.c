/* SPDX-License-Identifier: MIT */
/* Eventfds of the memory map as KVM's ioeventfds. */
#include "vmm/kvm_map.h"

#include <errno.h>
#include <stdlib.h>

#include <linux/kvm.h>

#include "base/clock.h"
#include "vmm/vm_impl.h"

int kvm_call(struct kvm_calls *calls, enum kvm_call kind, int fd,
	     unsigned long request, void *arg)
{
	uint64_t start_ns = clock_now_ns();
	int rc = kvm_ioctl(fd, request, arg);

	calls->calls[kind]++;
	calls->ns[kind] += clock_now_ns() - start_ns;
	return rc;
}

void kvm_bells_init(struct kvm_bells *bells, struct kvm_calls *calls, int vm_fd,
		    bool ports)
{
	*bells = (struct kvm_bells){
		.calls = calls,
		.vm_fd = vm_fd,
		.ports = ports,
	};
}

void kvm_bells_exit(struct kvm_bells *bells)
{
	free(bells->missing);
	bells->missing = NULL;
	bells->nr_missing = bells->max_missing = 0;
}

static bool is_same(const struct memmap_bell *a, const struct memmap_bell *b)
{
	const struct memmap_eventfd *x = &a->eventfd, *y = &b->eventfd;

	return a->addr == b->addr && x->bytes == y->bytes &&
	       x->match == y->match && x->value == y->value && x->fd == y->fd;
}

/* KVM never had it. */
static bool forget_missing(struct kvm_bells *bells,
			   const struct memmap_bell *bell)
{
	unsigned int i;

	for (i = 0; i < bells->nr_missing; i++) {
		if (!is_same(&bells->missing[i], bell))
			continue;
		bells->missing[i] = bells->missing[--bells->nr_missing];
		return true;
	}
	return false;
}

static void add_missing(struct kvm_bells *bells, const struct memmap_bell *bell)
{
	unsigned int max = bells->max_missing * 2 + 8;
	struct memmap_bell *more;

	if (bells->nr_missing == bells->max_missing) {
		more = realloc(bells->missing, max * sizeof(*more));
		/* Then KVM will be told to drop what it has not, and says so:
		 * an error more, no harm. */
		if (!more)
			return;
		bells->missing = more;
		bells->max_missing = max;
	}
	bells->missing[bells->nr_missing++] = *bell;
}

void kvm_bell_arg(const struct memmap_bell *bell, bool deassign,
		  struct kvm_ioeventfd *ret_arg)
{
	const struct memmap_eventfd *e = &bell->eventfd;

	*ret_arg = (struct kvm_ioeventfd){
		.datamatch = e->value,
		.addr = bell->addr,
		.len = e->bytes,
		.fd = e->fd,
	};
	if (e->match)
		ret_arg->flags |= KVM_IOEVENTFD_FLAG_DATAMATCH;
	if (deassign)
		ret_arg->flags |= KVM_IOEVENTFD_FLAG_DEASSIGN;
}

static int call(struct kvm_bells *bells, const struct memmap_bell *bell,
		bool deassign)
{
	struct kvm_ioeventfd arg;

	kvm_bell_arg(bell, deassign, &arg);
	if (bells->ports)
		arg.flags |= KVM_IOEVENTFD_FLAG_PIO;
	return kvm_call(bells->calls,
			deassign ? KVM_CALL_BELL_DEASSIGN
				 : KVM_CALL_BELL_ASSIGN,
			bells->vm_fd, KVM_IOEVENTFD, &arg);
}

int kvm_bells_change(void *ctx, enum memmap_change change,
		     const struct memmap_bell *bell)
{
	struct kvm_bells *bells = ctx;
	int rc;

	if (bells->vm_fd < 0)
		return 0;
	if (change == MEMMAP_GONE)
		return forget_missing(bells, bell) ? 0
						   : call(bells, bell, true);
	rc = call(bells, bell, false);
	if (rc)
		add_missing(bells, bell);
	return rc;
}
