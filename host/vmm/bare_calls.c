/* SPDX-License-Identifier: MIT */
/* A load's calls of KVM, alone. */
#include "vmm/bare_calls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "vmm/vm_impl.h"

struct bare_calls {
	int vm_fd;
	unsigned int nr_bells, nr_irqfds;
	struct kvm_ioeventfd *bell;
	struct kvm_irqfd *irqfd;
	struct kvm_irq_routing *table;
};

void bare_calls_free(struct bare_calls *calls)
{
	if (!calls)
		return;
	free(calls->bell);
	free(calls->irqfd);
	free(calls->table);
	free(calls);
}

static int record_bells(struct bare_calls *c, struct vm *vm)
{
	const struct memmap_view *view = memmap_view(vm->map.memory);
	unsigned int i;

	c->bell = calloc(view->nr_bells + 1, sizeof(*c->bell));
	if (!c->bell)
		return -ENOMEM;
	for (i = 0; i < view->nr_bells; i++)
		kvm_bell_arg(&view->bells[i], false, &c->bell[c->nr_bells++]);
	return 0;
}

static int record_routes(struct bare_calls *c, struct vm *vm)
{
	struct routes *routes = &vm->map.routes;
	const struct kvm_irq_routing *table;
	unsigned int i;
	size_t bytes;

	c->irqfd = calloc(routes->nr_gsis + 1, sizeof(*c->irqfd));
	if (!c->irqfd)
		return -ENOMEM;
	for (i = 0; i < routes->nr_gsis; i++)
		if (routes->route[i].present)
			c->irqfd[c->nr_irqfds++] = (struct kvm_irqfd){
				.fd = (uint32_t)routes->route[i].fd,
				.gsi = ROUTES_FIRST_GSI + i,
			};
	table = routes_build(routes);
	bytes = sizeof(*table) + table->nr * sizeof(table->entries[0]);
	c->table = malloc(bytes);
	if (!c->table)
		return -ENOMEM;
	memcpy(c->table, table, bytes);
	return 0;
}

int bare_calls_record(struct vm *vm, struct bare_calls **ret_calls)
{
	struct bare_calls *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return -ENOMEM;
	c->vm_fd = vm->fd;
	memmap_begin(vm->map.map);
	rc = record_bells(c, vm);
	if (!rc)
		rc = record_routes(c, vm);
	memmap_commit(vm->map.map);
	if (rc)
		bare_calls_free(c);
	else
		*ret_calls = c;
	return rc;
}

static int set_bells(struct bare_calls *c, struct kvm_calls *spent,
		     uint32_t flag)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; !rc && i < c->nr_bells; i++) {
		struct kvm_ioeventfd arg = c->bell[i];

		arg.flags |= flag;
		rc = kvm_call(spent,
			      flag ? KVM_CALL_BELL_DEASSIGN
				   : KVM_CALL_BELL_ASSIGN,
			      c->vm_fd, KVM_IOEVENTFD, &arg);
	}
	return rc;
}

static int set_irqfds(struct bare_calls *c, struct kvm_calls *spent,
		      uint32_t flag)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; !rc && i < c->nr_irqfds; i++) {
		struct kvm_irqfd arg = c->irqfd[i];

		arg.flags |= flag;
		rc = kvm_call(spent,
			      flag ? KVM_CALL_IRQFD_DEASSIGN
				   : KVM_CALL_IRQFD_ASSIGN,
			      c->vm_fd, KVM_IRQFD, &arg);
	}
	return rc;
}

int bare_calls_run(struct bare_calls *calls, struct kvm_calls *ret_spent,
		   uint64_t *ret_ns)
{
	struct kvm_calls spent = { 0 }, back = { 0 };
	uint64_t start_ns = clock_now_ns(), ns;
	int rc, err;

	rc = set_bells(calls, &spent, 0);
	if (!rc)
		rc = kvm_call(&spent, KVM_CALL_ROUTING, calls->vm_fd,
			      KVM_SET_GSI_ROUTING, calls->table);
	if (!rc)
		rc = set_irqfds(calls, &spent, 0);
	ns = clock_now_ns() - start_ns;
	err = set_bells(calls, &back, KVM_IOEVENTFD_FLAG_DEASSIGN);
	rc = rc ? rc : err;
	err = set_irqfds(calls, &back, KVM_IRQFD_FLAG_DEASSIGN);
	rc = rc ? rc : err;
	if (rc)
		return rc;
	*ret_spent = spent;
	*ret_ns = ns;
	return 0;
}
