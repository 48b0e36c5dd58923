/* SPDX-License-Identifier: MIT */
#include "proxy_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

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

void proxy_put32(struct fixture *f, unsigned int at, uint32_t value)
{
	memcpy(f->config + at, &value, sizeof(value));
}

/* A capability of the vendor's, MSI, MSI-X of two vectors in BAR 1. */
static void make_config(struct fixture *f)
{
	proxy_put32(f, 0x00, 0xfe101234);
	proxy_put32(f, 0x04, 0x00100000);
	proxy_put32(f, 0x08, 0x08800001);
	f->config[0x3d] = 1; /* INTA */
	f->config[CAPS] = VENDOR_CAP;
	proxy_put32(f, MSI, 0x00800005 | MSIX << 8);
	proxy_put32(f, VENDOR_CAP, 0xabcd0009 | MSI << 8);
	proxy_put32(f, MSIX, 0x00010011);
	proxy_put32(f, MSIX + 4, 1);
	proxy_put32(f, MSIX + 8, 2048 | 1);
}

int proxy_setup(void **state)
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

int proxy_teardown(void **state)
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
