/* SPDX-License-Identifier: MIT */
/* PCI devices that are elsewhere, without KVM: what they say is hostile. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "vmm/io.h"
#include "vmm/pci_proxy.h"
#include "vmm/routes.h"

#define ADDRESS_PORT 0xcf8u
#define DATA_PORT 0xcfcu
#define DEVFN PCI_DEVFN(1, 0)
#define CAPS 0x34u
#define MSI 0x40u
#define VENDOR_CAP 0x60u
#define MSIX 0x70u
#define BAR_PAGES 4u

/* A device of three BARs: registers; MSI-X; memory that may be mapped. */
struct fixture {
	struct memmap *map;
	struct memmap_region memory, ports;
	struct memmap_space *memory_space, *port_space;
	struct kvm_calls calls;
	struct routes routes;
	struct pci_bus *bus;
	struct device *device;
	struct pci_proxy_params params;
	uint8_t config[PCI_CONFIG_BYTES];
	uint8_t bar[BAR_PAGES * 4096];
	int fds[PCI_MAX_VECTORS];
	unsigned int nr_fds;
	unsigned int nr_config_writes;
	int fail; /* what every call returns */
	int memory_fd;
};

static int config_read(void *ctx, uint64_t offset, void *data, size_t bytes)
{
	struct fixture *f = ctx;

	assert_true(offset + bytes <= sizeof(f->config));
	memcpy(data, f->config + offset, bytes);
	return f->fail;
}

static int config_write(void *ctx, uint64_t offset, const void *data,
			size_t bytes)
{
	struct fixture *f = ctx;

	assert_true(offset + bytes <= sizeof(f->config));
	memcpy(f->config + offset, data, bytes);
	f->nr_config_writes++;
	return f->fail;
}

static int bar_read(void *ctx, unsigned int bar, uint64_t offset, void *data,
		    size_t bytes)
{
	struct fixture *f = ctx;

	assert_int_equal(bar, 0);
	assert_true(offset + bytes <= sizeof(f->bar));
	memcpy(data, f->bar + offset, bytes);
	return f->fail;
}

static int bar_write(void *ctx, unsigned int bar, uint64_t offset,
		     const void *data, size_t bytes)
{
	struct fixture *f = ctx;

	assert_int_equal(bar, 0);
	assert_true(offset + bytes <= sizeof(f->bar));
	memcpy(f->bar + offset, data, bytes);
	return f->fail;
}

static int set_vectors(void *ctx, const int *fds, unsigned int nr)
{
	struct fixture *f = ctx;

	memcpy(f->fds, fds, nr * sizeof(*fds));
	f->nr_fds = nr;
	return f->fail;
}

static const struct pci_proxy_ops ops = { config_read, config_write, bar_read,
					  bar_write, set_vectors };

static void put32(struct fixture *f, unsigned int at, uint32_t value)
{
	memcpy(f->config + at, &value, sizeof(value));
}

/* MSI, a capability of the vendor's, MSI-X of two vectors in BAR 1. */
static void make_config(struct fixture *f)
{
	put32(f, 0x00, 0xfe101234);
	put32(f, 0x04, 0x00100000);
	put32(f, 0x08, 0x08800001);
	f->config[0x3d] = 1; /* INTA */
	f->config[CAPS] = MSI;
	put32(f, MSI, 0x00800005 | VENDOR_CAP << 8);
	put32(f, VENDOR_CAP, 0xabcd0009 | MSIX << 8);
	put32(f, MSIX, 0x00010011);
	put32(f, MSIX + 4, 1);
	put32(f, MSIX + 8, 2048 | 1);
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
	f->memory_fd = memfd_create("bar", MFD_CLOEXEC);
	assert_int_equal(ftruncate(f->memory_fd, 16 * 4096), 0);
	make_config(f);
	f->params = (struct pci_proxy_params){
		.name = "vfio0",
		.ops = &ops,
		.ctx = f,
		.nr_vectors = 2,
		.bar = { { .bytes = BAR_PAGES * 4096 },
			 { .bytes = 4096 },
			 { .bytes = 16 * 4096,
			   .nr_areas = 1,
			   .area = { { 0, 16 * 4096, f->memory_fd, 0 } } } },
	};
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->device)
		f->device->ops->destroy(f->device);
	pci_bus_destroy(f->bus);
	memmap_destroy(f->map);
	routes_exit(&f->routes);
	close(f->memory_fd);
	return 0;
}

static void create(struct fixture *f)
{
	struct error err = { "" };

	if (pci_proxy_create(f->bus, &f->params, &f->device, &err))
		fail_msg("%s", err.text);
}

static void refused(struct fixture *f, int rc)
{
	struct error err = { "" };

	assert_int_equal(pci_proxy_create(f->bus, &f->params, &f->device, &err),
			 rc);
	assert_non_null(strstr(err.text, "vfio0"));
	assert_null(f->device);
}

static uint32_t config(struct fixture *f, unsigned int offset,
		       unsigned int bytes)
{
	io_write(f->port_space, ADDRESS_PORT, 4,
		 0x80000000u | DEVFN << 8 | (offset & 0xfc));
	return (uint32_t)io_read(f->port_space, DATA_PORT + offset % 4, bytes);
}

static void write_config(struct fixture *f, unsigned int offset,
			 unsigned int bytes, uint32_t value)
{
	io_write(f->port_space, ADDRESS_PORT, 4,
		 0x80000000u | DEVFN << 8 | (offset & 0xfc));
	io_write(f->port_space, DATA_PORT + offset % 4, bytes, value);
}

static uint64_t bar_gpa(struct fixture *f, unsigned int bar)
{
	return config(f, 0x10 + 4 * bar, 4) & ~0xfu;
}

static const struct memmap_range *range_at(struct fixture *f, uint64_t gpa)
{
	return memmap_find(memmap_view(f->memory_space), gpa);
}

static void test_guest_sees_the_device(void **state)
{
	struct fixture *f = *state;
	uint64_t gpa;

	create(f);
	assert_int_equal(config(f, 0, 4), 0xfe101234);
	assert_int_equal(config(f, 8, 4), 0x08800001);
	/* No INTx, and MSI is not in the list. */
	assert_int_equal(config(f, 0x3d, 1), 0);
	assert_int_equal(config(f, CAPS, 1), VENDOR_CAP);
	assert_int_equal(config(f, VENDOR_CAP + 1, 1), MSIX);
	assert_int_equal(config(f, MSIX + 1, 1), 0);
	/* What we don't know of is the device's own, also when it changes. */
	f->config[VENDOR_CAP + 3] = 0x77;
	assert_int_equal(config(f, VENDOR_CAP, 4), 0x77cd0009 | MSIX << 8);
	/* The device has heard where its BARs are. */
	gpa = bar_gpa(f, 0);
	assert_true(gpa);
	assert_memory_equal(f->config + 0x10, &(uint32_t){ (uint32_t)gpa }, 4);
}

static void test_accesses_reach_it(void **state)
{
	struct fixture *f = *state;
	uint64_t gpa;

	create(f);
	gpa = bar_gpa(f, 0);
	/* Memory is off: nobody is there. */
	assert_int_equal(io_read(f->memory_space, gpa, 4), 0xffffffff);
	write_config(f, 4, 2, 6);
	assert_int_equal(f->config[4], 6);
	io_write(f->memory_space, gpa + 8, 8, 0x1122334455667788);
	assert_int_equal(f->bar[8], 0x88);
	assert_int_equal(io_read(f->memory_space, gpa + 12, 4), 0x11223344);
	/* One that does not answer reads as ones. */
	f->fail = -ENOTCONN;
	assert_int_equal(io_read(f->memory_space, gpa + 12, 4), 0xffffffff);
	assert_int_equal(config(f, VENDOR_CAP, 4), 0xffffffff);
	/* What is ours goes on. */
	assert_int_equal(config(f, 0, 4), 0xfe101234);
}

static void test_memory_is_mapped(void **state)
{
	const struct memmap_range *range;
	struct fixture *f = *state;
	uint64_t gpa;

	/* All but the first page. */
	f->params.bar[2].area[0].offset = 4096;
	f->params.bar[2].area[0].bytes = 15 * 4096;
	f->params.bar[2].area[0].fd_offset = 4096;
	create(f);
	write_config(f, 4, 2, 6);
	gpa = bar_gpa(f, 2);
	memmap_read_lock();
	range = range_at(f, gpa);
	assert_int_equal(range->region->kind, MEMMAP_IO);
	assert_int_equal(range->bytes, 4096);
	range = range_at(f, gpa + 4096);
	assert_int_equal(range->region->kind, MEMMAP_RAM);
	assert_non_null(range->region->owner);
	assert_int_equal(range->bytes, 15 * 4096);
	memmap_read_unlock();
}

static void test_interrupts_are_its_eventfds(void **state)
{
	struct fixture *f = *state;
	uint64_t gpa, count;

	create(f);
	assert_int_equal(f->nr_fds, 2);
	write_config(f, 4, 2, 6);
	gpa = bar_gpa(f, 1);
	/* Off: what it says is no interrupt. */
	assert_int_equal(eventfd_write(f->fds[1], 1), 0);
	write_config(f, MSIX + 2, 2, 0x8000);
	assert_int_equal(eventfd_read(f->fds[1], &count), -1);
	/* Masked: it is pending. */
	assert_int_equal(io_read(f->memory_space, gpa + 2048, 8), 0);
	assert_int_equal(eventfd_write(f->fds[1], 1), 0);
	assert_int_equal(io_read(f->memory_space, gpa + 2048, 8), 2);
}

static void test_state_moves(void **state)
{
	struct fixture *f = *state;
	struct buf saved = BUF_INIT, again = BUF_INIT;
	struct error err = { "" };
	unsigned int writes;

	create(f);
	write_config(f, 4, 2, 6);
	write_config(f, MSIX + 2, 2, 0x8000);
	eventfd_write(f->fds[1], 1);
	assert_int_equal(f->device->ops->save(f->device, &saved), 0);
	assert_int_equal(f->device->ops->reset(f->device), 0);
	assert_int_equal(config(f, 4, 2), 0);
	writes = f->nr_config_writes;
	assert_int_equal(
		f->device->ops->load(f->device, saved.data, saved.bytes, &err),
		0);
	/* The device has it by its own state. */
	assert_int_equal(f->nr_config_writes, writes);
	assert_int_equal(config(f, 4, 2), 6);
	assert_int_equal(f->device->ops->save(f->device, &again), 0);
	assert_int_equal(saved.bytes, again.bytes);
	assert_memory_equal(saved.data, again.data, saved.bytes);
	/* Another device's, and less than all of it. */
	assert_int_equal(f->device->ops->check(f->device, saved.data,
					       saved.bytes - 1, &err),
			 -EPROTO);
	saved.data[saved.bytes - 1] ^= 1;
	err.text[0] = '\0';
	assert_int_equal(
		f->device->ops->check(f->device, saved.data, saved.bytes, &err),
		-EPROTO);
	assert_non_null(strstr(err.text, "bar5_bytes"));
	buf_exit(&saved);
	buf_exit(&again);
}

static void test_a_circle_of_capabilities_ends(void **state)
{
	struct fixture *f = *state;

	f->config[MSIX + 1] = MSI;
	create(f);
	assert_int_equal(config(f, MSIX + 1, 1), 0);
}

static void test_nonsense_is_refused(void **state)
{
	struct fixture *f = *state;
	const struct pci_proxy_params good = f->params;
	struct pci_proxy_bar *bar = f->params.bar;

	f->fail = -ENOTCONN;
	refused(f, -ENOTCONN);
	f->fail = 0;
	f->config[0x0e] = 1; /* a bridge */
	refused(f, -ENOTSUP);
	f->config[0x0e] = 0;
	bar[0].bytes = 1ull << 40;
	refused(f, -ENOSPC);
	f->params = good;
	bar[2].area[0].bytes = 17 * 4096; /* past the BAR */
	refused(f, -ENOTSUP);
	bar[2].area[0] =
		(struct pci_proxy_area){ UINT64_MAX, 4096, f->memory_fd, 0 };
	refused(f, -ENOTSUP);
	bar[2].area[0] =
		(struct pci_proxy_area){ 0, 4096, f->memory_fd, UINT64_MAX };
	refused(f, -ENOTSUP);
	bar[2].area[0] = (struct pci_proxy_area){ 0, 4096, f->memory_fd, 1 };
	refused(f, -ENOTSUP);
	f->params = good;
	put32(f, MSIX + 4, 4096 | 1); /* the table, past BAR 1 */
	refused(f, -EINVAL);
	put32(f, MSIX + 4, 5); /* in a BAR that is not there */
	refused(f, -EINVAL);
	put32(f, MSIX + 4, 1);
	create(f);
}

static void test_odd_sizes(void **state)
{
	struct fixture *f = *state;
	uint64_t gpa;

	/* A BAR of 100 bytes takes a page, and the rest of it is nobody's. */
	f->params.bar[0].bytes = 100;
	/* Less than a page of an area is none. */
	f->params.bar[2].area[0].bytes = 4095;
	/* More vectors than it offers by the capability. */
	f->params.nr_vectors = 4000;
	create(f);
	assert_int_equal(f->nr_fds, 2);
	write_config(f, 4, 2, 6);
	gpa = bar_gpa(f, 0);
	assert_int_equal(io_read(f->memory_space, gpa, 4), 0);
	assert_int_equal(io_read(f->memory_space, gpa + 100, 4), 0xffffffff);
	memmap_read_lock();
	assert_int_equal(range_at(f, bar_gpa(f, 2))->region->kind, MEMMAP_IO);
	memmap_read_unlock();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_guest_sees_the_device),
		TEST(test_accesses_reach_it),
		TEST(test_memory_is_mapped),
		TEST(test_interrupts_are_its_eventfds),
		TEST(test_state_moves),
		TEST(test_a_circle_of_capabilities_ends),
		TEST(test_nonsense_is_refused),
		TEST(test_odd_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
