/* SPDX-License-Identifier: MIT */
/* PCI without KVM: configuration space, BARs in the map, the MSI-X table. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/memmap.h"
#include "vmm/pci.h"
#include "vmm/routes.h"

#define BAR_BYTES 0x4000u
#define TABLE 0x2000u
#define PBA 0x3000u
#define NR_VECTORS 3u
#define ADDRESS_PORT 0xcf8u
#define DATA_PORT 0xcfcu
#define CMD 0x04u
#define BAR0 0x10u

struct fixture {
	struct memmap *map;
	struct memmap_region memory, ports, bar;
	struct memmap_space *memory_space, *port_space;
	struct kvm_calls calls;
	struct routes routes;
	struct pci_bus *bus;
	struct pci_device pci;
	struct io_region io;
	uint64_t last_write, last_offset;
};

static const struct pci_ids ids = {
	.vendor = 0x1234,
	.device = 0x5678,
	.class_code = 0x020000,
};

static void note_write(void *ctx, uint64_t offset, unsigned int bytes,
		       uint64_t value)
{
	struct fixture *f = ctx;

	(void)bytes;
	f->last_offset = offset;
	f->last_write = value;
}

static uint64_t give_5a(void *ctx, uint64_t offset, unsigned int bytes)
{
	(void)ctx;
	(void)offset;
	(void)bytes;
	return 0x5a5a5a5a5a5a5a5a;
}

static const struct io_ops ops = { give_5a, note_write };

static void build(struct fixture *f)
{
	assert_int_equal(memmap_region_init(&f->bar, "bar", MEMMAP_CONTAINER,
					    BAR_BYTES, NULL),
			 0);
	assert_int_equal(io_region_init(&f->io, "registers", 0x1000, &ops, f),
			 0);
	assert_int_equal(memmap_add(&f->bar, &f->io.region, 0, 0), 0);
	pci_init(&f->pci, "device", &ids);
	assert_int_equal(pci_add_bar(&f->pci, 0, PCI_BAR_64, true, &f->bar), 0);
	assert_int_equal(pci_add_msix(&f->pci, 0, NR_VECTORS, TABLE, PBA), 0);
}

static int setup(void **state)
{
	static struct fixture fixture;
	struct fixture *f = &fixture;

	memset(f, 0, sizeof(*f));
	assert_int_equal(memmap_create(&f->map), 0);
	memmap_region_init(&f->memory, "memory", MEMMAP_CONTAINER, 1ull << 52,
			   NULL);
	memmap_region_init(&f->ports, "ports", MEMMAP_CONTAINER, 0x10000, NULL);
	memmap_add_space(f->map, "memory", &f->memory, NULL, &f->memory_space);
	memmap_add_space(f->map, "ports", &f->ports, NULL, &f->port_space);
	assert_int_equal(routes_init(&f->routes, f->map, &f->calls, -1), 0);
	assert_int_equal(pci_bus_create(f->map, &f->memory, &f->ports,
					&f->routes, &f->bus),
			 0);
	build(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	pci_detach(&f->pci);
	pci_exit(&f->pci);
	pci_bus_destroy(f->bus);
	memmap_region_fini(&f->bar);
	memmap_destroy(f->map);
	routes_exit(&f->routes);
	return 0;
}

static uint32_t config(struct fixture *f, unsigned int devfn,
		       unsigned int offset, unsigned int bytes)
{
	io_write(f->port_space, ADDRESS_PORT, 4,
		 0x80000000u | devfn << 8 | (offset & 0xfc));
	return (uint32_t)io_read(f->port_space, DATA_PORT + (offset & 3),
				 bytes);
}

static void set_config(struct fixture *f, unsigned int devfn,
		       unsigned int offset, unsigned int bytes, uint32_t value)
{
	io_write(f->port_space, ADDRESS_PORT, 4,
		 0x80000000u | devfn << 8 | (offset & 0xfc));
	io_write(f->port_space, DATA_PORT + (offset & 3), bytes, value);
}

static unsigned int nr_ranges(struct fixture *f)
{
	return memmap_view(f->memory_space)->nr_ranges;
}

static void test_refuses(void **state)
{
	struct fixture *f = *state;
	struct memmap_region odd, small;
	struct pci_device other;

	memmap_region_init(&odd, "odd", MEMMAP_CONTAINER, 0x3000, NULL);
	memmap_region_init(&small, "small", MEMMAP_CONTAINER, 0x800, NULL);
	pci_init(&other, "other", &ids);
	assert_int_equal(pci_add_bar(&other, 0, PCI_BAR_32, false, &odd),
			 -EINVAL);
	assert_int_equal(pci_add_bar(&other, 0, PCI_BAR_32, false, &small),
			 -EINVAL);
	assert_int_equal(pci_add_bar(&other, 5, PCI_BAR_64, false, &f->bar),
			 -EINVAL);
	assert_int_equal(pci_add_bar(&f->pci, 1, PCI_BAR_32, false, &odd),
			 -EINVAL);
	assert_int_equal(pci_add_msix(&f->pci, 0, 1, TABLE, PBA), -EINVAL);
	assert_int_equal(pci_add_msix(&other, 0, 1, TABLE, PBA), -EINVAL);
	assert_int_equal(pci_add_capability(&other, "", 1), -EINVAL);
	assert_int_equal(pci_attach(f->bus, &other, PCI_DEVFN(0, 0)), -EBUSY);
	assert_int_equal(pci_attach(f->bus, &other, 256), -ENOSPC);
	assert_int_equal(pci_config_write(&f->pci, 0xfe, 4, 0), -EINVAL);
	assert_int_equal(pci_config_write(&f->pci, 0x05, 2, 0), -EINVAL);
	assert_int_equal(pci_config_read(&f->pci, 0x100, 1), UINT32_MAX);
	pci_exit(&other);
}

static void test_capabilities_end(void **state)
{
	struct fixture *f = *state;
	uint8_t cap[64] = { 0x09 };
	unsigned int n = 0;

	while (pci_add_capability(&f->pci, cap, sizeof(cap)) > 0)
		n++;
	assert_int_equal(n, 2); /* 192 bytes, 12 of them MSI-X */
	assert_int_equal(pci_add_capability(&f->pci, cap, sizeof(cap)),
			 -ENOSPC);
}

static void test_is_found(void **state)
{
	struct fixture *f = *state;
	unsigned int cap;

	assert_int_equal(config(f, 0, 0, 4), 0x12378086);
	assert_int_equal(config(f, PCI_DEVFN(1, 0), 0, 4), 0xffffffff);
	assert_int_equal(pci_attach(f->bus, &f->pci, PCI_DEVFN_ANY), 0);
	assert_int_equal(config(f, PCI_DEVFN(1, 0), 0, 4), 0x56781234);
	assert_int_equal(config(f, PCI_DEVFN(1, 0), 2, 2), 0x5678);
	assert_int_equal(config(f, PCI_DEVFN(1, 0), 0x0b, 1), 0x02);
	assert_int_equal(config(f, PCI_DEVFN(1, 0), 0x06, 2) & 0x10, 0x10);
	cap = config(f, PCI_DEVFN(1, 0), 0x34, 1);
	assert_int_equal(config(f, PCI_DEVFN(1, 0), cap, 2), 0x0011);
	assert_int_equal(config(f, PCI_DEVFN(1, 0), cap + 2, 2),
			 NR_VECTORS - 1);
	/* Not enabled, another bus, an address narrower than 4 bytes. */
	io_write(f->port_space, ADDRESS_PORT, 4, PCI_DEVFN(1, 0) << 8);
	assert_int_equal(io_read(f->port_space, DATA_PORT, 4), 0xffffffff);
	io_write(f->port_space, ADDRESS_PORT, 4, 0x80010000);
	assert_int_equal(io_read(f->port_space, DATA_PORT, 4), 0xffffffff);
	io_write(f->port_space, ADDRESS_PORT, 2, 0x0800);
	assert_int_equal(io_read(f->port_space, ADDRESS_PORT, 4), 0x80010000);
}

static void test_functions(void **state)
{
	struct fixture *f = *state;
	struct pci_device second;

	assert_int_equal(pci_attach(f->bus, &f->pci, PCI_DEVFN(3, 0)), 0);
	assert_int_equal(config(f, PCI_DEVFN(3, 0), 0x0e, 1), 0);
	pci_init(&second, "second", &ids);
	assert_int_equal(pci_attach(f->bus, &second, PCI_DEVFN(3, 1)), 0);
	assert_int_equal(config(f, PCI_DEVFN(3, 0), 0x0e, 1), 0x80);
	assert_int_equal(pci_detach(&second), 0);
	assert_int_equal(config(f, PCI_DEVFN(3, 0), 0x0e, 1), 0);
	pci_exit(&second);
}

static void test_bar_is_sized_and_mapped(void **state)
{
	struct fixture *f = *state;
	const unsigned int d = PCI_DEVFN(1, 0);

	assert_int_equal(pci_attach(f->bus, &f->pci, (int)d), 0);
	assert_int_equal(config(f, d, BAR0, 4), PCI_WINDOW_GPA | 0xc);
	assert_int_equal(nr_ranges(f), 0);
	set_config(f, d, BAR0, 4, 0xffffffff);
	set_config(f, d, BAR0 + 4, 4, 0xffffffff);
	assert_int_equal(config(f, d, BAR0, 4), ~(BAR_BYTES - 1) | 0xc);
	assert_int_equal(config(f, d, BAR0 + 4, 4), 0xffffffff);
	/* Nowhere yet: it claims nothing. */
	set_config(f, d, CMD, 2, 2);
	assert_int_equal(nr_ranges(f), 0);
	set_config(f, d, BAR0 + 4, 4, 1);
	set_config(f, d, BAR0, 4, 0x10000);
	assert_int_equal(nr_ranges(f), 3); /* registers, table, PBA */
	assert_int_equal(io_read(f->memory_space, 0x100010000, 4), 0x5a5a5a5a);
	io_write(f->memory_space, 0x100010008, 2, 0x1234567);
	assert_int_equal(f->last_offset, 8);
	assert_int_equal(f->last_write, 0x4567);
	/* Across the end of the registers: nobody's. */
	assert_int_equal(io_read(f->memory_space, 0x100010ffe, 4), 0xffffffff);
	set_config(f, d, CMD, 2, 0);
	assert_int_equal(nr_ranges(f), 0);
	assert_int_equal(io_read(f->memory_space, 0x100010000, 4), 0xffffffff);
}

static void write_entry(struct fixture *f, unsigned int n, uint32_t data,
			uint32_t control)
{
	uint64_t at = PCI_WINDOW_GPA + TABLE + 16ull * n;

	io_write(f->memory_space, at, 8, 0xfee00000);
	io_write(f->memory_space, at + 8, 4, data);
	io_write(f->memory_space, at + 12, 4, control);
}

static void enable_msix(struct fixture *f, uint16_t control)
{
	unsigned int cap = config(f, PCI_DEVFN(1, 0), 0x34, 1);

	set_config(f, PCI_DEVFN(1, 0), cap + 2, 2, control);
}

static uint64_t pba(struct fixture *f)
{
	return io_read(f->memory_space, PCI_WINDOW_GPA + PBA, 8);
}

static void start(struct fixture *f)
{
	assert_int_equal(pci_attach(f->bus, &f->pci, PCI_DEVFN(1, 0)), 0);
	set_config(f, PCI_DEVFN(1, 0), CMD, 2, 6);
}

static void test_vectors_pend(void **state)
{
	struct fixture *f = *state;

	start(f);
	pci_raise(&f->pci, 0); /* MSI-X is off */
	pci_raise(&f->pci, NR_VECTORS);
	enable_msix(f, 0x8000);
	assert_int_equal(pba(f), 0);
	pci_raise(&f->pci, 2);
	assert_int_equal(pba(f), 4);
	write_entry(f, 2, 0x42, 0xfffffffe);
	/* KVM would have taken it. */
	assert_true(f->pci.vectors[2].connected);
	assert_int_equal(f->pci.vectors[2].entry.control, 0);
	assert_int_equal(pba(f), 0);
	assert_true(f->routes.route[2].routed);
	assert_int_equal(f->routes.route[2].data, 0x42);
	/* All masked: disconnected, the route stays. */
	enable_msix(f, 0xc000);
	assert_false(f->routes.route[2].wanted);
	assert_true(f->routes.route[2].routed);
	enable_msix(f, 0);
	assert_false(f->routes.route[2].routed);
	/* Narrow writes do nothing to an entry. */
	io_write(f->memory_space, PCI_WINDOW_GPA + TABLE + 8, 2, 0x77);
	assert_int_equal(f->pci.vectors[0].entry.data, 0);
}

static void test_state_goes_round(void **state)
{
	struct fixture *f = *state;
	struct memmap_stats before, after;
	struct pci_state saved, again;

	start(f);
	enable_msix(f, 0x8000);
	write_entry(f, 1, 0x55, 0);
	pci_raise(&f->pci, 0);
	pci_get_state(&f->pci, &saved);
	assert_int_equal(saved.pending[0], 1);
	/* The same again: nothing happens. */
	memmap_get_stats(f->map, &before);
	assert_int_equal(pci_set_state(&f->pci, &saved), 0);
	memmap_get_stats(f->map, &after);
	assert_int_equal(after.commits, before.commits);
	assert_int_equal(after.views, before.views);
	assert_int_equal(pci_reset(&f->pci), 0);
	assert_int_equal(nr_ranges(f), 0);
	assert_false(f->routes.route[1].wanted);
	assert_int_equal(pci_set_state(&f->pci, &saved), 0);
	pci_get_state(&f->pci, &again);
	assert_memory_equal(&again, &saved, sizeof(saved));
	assert_int_equal(nr_ranges(f), 3);
	assert_true(f->routes.route[1].wanted);
}

static void test_state_is_distrusted(void **state)
{
	struct fixture *f = *state;
	struct pci_state good, s;
	const char *field = NULL;

	start(f);
	pci_get_state(&f->pci, &good);
#define REFUSED(change, name)                                                  \
	do {                                                                   \
		s = good;                                                      \
		change;                                                        \
		assert_int_equal(pci_check_state(&f->pci, &s, &field),         \
				 -EPROTO);                                     \
		assert_string_equal(field, name);                              \
		assert_int_equal(pci_set_state(&f->pci, &s), -EPROTO);         \
	} while (0)
	REFUSED(s.command = 1, "command");
	REFUSED(s.msix_control = 1, "msix_control");
	REFUSED(s.nr_vectors++, "nr_vectors");
	REFUSED(s.bar[0] |= 0x1000, "bar0");
	REFUSED(s.bar[2] = 0x10000, "bar2");
	REFUSED(s.msix[0].control = 2, "msix");
	REFUSED(s.msix[NR_VECTORS].data = 1, "msix");
	REFUSED(s.pending[0] = 1u << NR_VECTORS, "pending");
	pci_get_state(&f->pci, &s);
	assert_memory_equal(&s, &good, sizeof(s));
}

/* One transaction, one view; outside each change its own. */
static void test_commits(void **state)
{
	struct fixture *f = *state;
	struct memmap_stats before, after;
	struct pci_state s;
	unsigned int i;

	start(f);
	enable_msix(f, 0x8000);
	for (i = 0; i < NR_VECTORS; i++)
		write_entry(f, i, 0x40 + i, 0);
	pci_get_state(&f->pci, &s);
	assert_int_equal(pci_reset(&f->pci), 0);
	memmap_get_stats(f->map, &before);
	assert_int_equal(pci_set_state(&f->pci, &s), 0);
	memmap_get_stats(f->map, &after);
	assert_int_equal(after.commits - before.commits, 1 + NR_VECTORS);
	assert_int_equal(pci_reset(&f->pci), 0);
	memmap_get_stats(f->map, &before);
	memmap_begin(f->map);
	assert_int_equal(pci_set_state(&f->pci, &s), 0);
	assert_int_equal(memmap_commit(f->map), 0);
	memmap_get_stats(f->map, &after);
	assert_int_equal(after.commits - before.commits, 1);
	assert_int_equal(after.views - before.views, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_refuses),
		TEST(test_capabilities_end),
		TEST(test_is_found),
		TEST(test_functions),
		TEST(test_bar_is_sized_and_mapped),
		TEST(test_vectors_pend),
		TEST(test_state_goes_round),
		TEST(test_state_is_distrusted),
		TEST(test_commits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
