/* SPDX-License-Identifier: MIT */
/* PCI devices that are elsewhere, without KVM: what they say is hostile. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "proxy_fixture.h"

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

	f->config[MSIX + 1] = VENDOR_CAP;
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
	proxy_put32(f, MSIX + 4, 4096 | 1); /* the table, past BAR 1 */
	refused(f, -EINVAL);
	proxy_put32(f, MSIX + 4, 5); /* in a BAR that is not there */
	refused(f, -EINVAL);
	proxy_put32(f, MSIX + 4, 1);
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

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, proxy_setup, proxy_teardown)

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
