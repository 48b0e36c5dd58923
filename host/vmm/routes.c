/* SPDX-License-Identifier: MIT */
/* KVM's interrupt routing table and irqfds. */
#include "vmm/routes.h"

#include <errno.h>
#include <stdlib.h>

#include <linux/kvm.h>

#include "vmm/vm_impl.h"

static int commit(void *ctx);

int routes_init(struct routes *routes, struct memmap *map,
		struct kvm_calls *calls, int vm_fd)
{
	*routes = (struct routes){
		.map = map,
		.calls = calls,
		.vm_fd = vm_fd,
		.part = { .commit = commit, .ctx = routes },
	};
	routes->route = calloc(ROUTES_MAX, sizeof(*routes->route));
	routes->changed = calloc(ROUTES_MAX, sizeof(*routes->changed));
	routes->table = calloc(
		1, sizeof(*routes->table) +
			   ROUTES_KVM_MAX * sizeof(routes->table->entries[0]));
	if (routes->route && routes->changed && routes->table)
		return 0;
	routes_exit(routes);
	return -ENOMEM;
}

void routes_exit(struct routes *routes)
{
	free(routes->route);
	free(routes->changed);
	free(routes->table);
	routes->route = NULL;
	routes->changed = NULL;
	routes->table = NULL;
}

int routes_allocate(struct routes *routes, unsigned int nr,
		    unsigned int *ret_first_gsi)
{
	if (nr > ROUTES_MAX - routes->nr_gsis)
		return -ENOSPC;
	*ret_first_gsi = ROUTES_FIRST_GSI + routes->nr_gsis;
	routes->nr_gsis += nr;
	return 0;
}

void routes_set(struct routes *routes, unsigned int gsi, uint64_t addr,
		uint32_t data)
{
	struct route *r = &routes->route[gsi - ROUTES_FIRST_GSI];

	if (r->routed && r->addr == addr && r->data == data)
		return;
	r->addr = addr;
	r->data = data;
	r->routed = true;
	routes->stale = true;
	memmap_join(routes->map, &routes->part);
}

void routes_clear(struct routes *routes, unsigned int gsi)
{
	struct route *r = &routes->route[gsi - ROUTES_FIRST_GSI];

	if (!r->routed)
		return;
	r->routed = false;
	routes->stale = true;
	memmap_join(routes->map, &routes->part);
}

static void want(struct routes *routes, unsigned int gsi, bool wanted)
{
	struct route *r = &routes->route[gsi - ROUTES_FIRST_GSI];

	if (r->wanted == wanted)
		return;
	r->wanted = wanted;
	if (!r->listed)
		routes->changed[routes->nr_changed++] =
			(uint16_t)(gsi - ROUTES_FIRST_GSI);
	r->listed = true;
	memmap_join(routes->map, &routes->part);
}

void routes_connect(struct routes *routes, unsigned int gsi, int fd)
{
	routes->route[gsi - ROUTES_FIRST_GSI].fd = fd;
	want(routes, gsi, true);
}

void routes_disconnect(struct routes *routes, unsigned int gsi)
{
	want(routes, gsi, false);
}

static void add_chip(struct kvm_irq_routing *table, unsigned int gsi,
		     unsigned int chip, unsigned int pin)
{
	table->entries[table->nr++] = (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = chip, .pin = pin },
	};
}

/* As KVM has it by itself. Source: Linux, arch/x86/kvm/irq.c,
 * default_routing. */
static void add_chips(struct kvm_irq_routing *table)
{
	unsigned int gsi;

	for (gsi = 0; gsi < 16; gsi++)
		add_chip(table, gsi,
			 gsi < 8 ? KVM_IRQCHIP_PIC_MASTER
				 : KVM_IRQCHIP_PIC_SLAVE,
			 gsi % 8);
	for (gsi = 0; gsi < 24; gsi++)
		add_chip(table, gsi, KVM_IRQCHIP_IOAPIC, gsi);
}

struct kvm_irq_routing *routes_build(struct routes *routes)
{
	struct kvm_irq_routing *table = routes->table;
	unsigned int i;

	table->nr = table->flags = 0;
	add_chips(table);
	for (i = 0; i < routes->nr_gsis; i++) {
		const struct route *r = &routes->route[i];

		if (!r->routed)
			continue;
		table->entries[table->nr++] = (struct kvm_irq_routing_entry){
			.gsi = ROUTES_FIRST_GSI + i,
			.type = KVM_IRQ_ROUTING_MSI,
			.u.msi = {
				.address_lo = (uint32_t)r->addr,
				.address_hi = (uint32_t)(r->addr >> 32),
				.data = r->data,
			},
		};
	}
	return table;
}

static int set_table(struct routes *routes)
{
	int rc;

	if (!routes->stale)
		return 0;
	rc = kvm_call(routes->calls, KVM_CALL_ROUTING, routes->vm_fd,
		      KVM_SET_GSI_ROUTING, routes_build(routes));
	routes->stale = rc != 0;
	return rc;
}

static int set_irqfd(struct routes *routes, unsigned int i, bool assign)
{
	struct route *r = &routes->route[i];
	struct kvm_irqfd arg = {
		.fd = (uint32_t)r->fd,
		.gsi = ROUTES_FIRST_GSI + i,
		.flags = assign ? 0 : KVM_IRQFD_FLAG_DEASSIGN,
	};
	int rc = kvm_call(routes->calls,
			  assign ? KVM_CALL_IRQFD_ASSIGN
				 : KVM_CALL_IRQFD_DEASSIGN,
			  routes->vm_fd, KVM_IRQFD, &arg);

	if (!rc)
		r->present = assign;
	return rc;
}

static int set_irqfds(struct routes *routes, bool assign)
{
	unsigned int i;
	int rc, ret = 0;

	for (i = 0; i < routes->nr_changed; i++) {
		const struct route *r = &routes->route[routes->changed[i]];

		if (r->wanted != assign || r->present == assign)
			continue;
		rc = set_irqfd(routes, routes->changed[i], assign);
		ret = ret ? ret : rc;
	}
	return ret;
}

/* What failed stays in the list. */
static void forget_done(struct routes *routes)
{
	unsigned int i, n = 0;

	for (i = 0; i < routes->nr_changed; i++) {
		struct route *r = &routes->route[routes->changed[i]];

		r->listed = r->wanted != r->present;
		if (r->listed)
			routes->changed[n++] = routes->changed[i];
	}
	routes->nr_changed = n;
}

static int commit(void *ctx)
{
	struct routes *routes = ctx;
	int rc, ret;

	if (routes->vm_fd < 0)
		return 0;
	ret = set_irqfds(routes, false);
	rc = set_table(routes);
	ret = ret ? ret : rc;
	/* A route that KVM does not have yet must not fire: it may have an
	 * older one for that GSI. */
	if (!rc) {
		rc = set_irqfds(routes, true);
		ret = ret ? ret : rc;
	}
	forget_done(routes);
	return ret;
}
