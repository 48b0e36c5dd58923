/* SPDX-License-Identifier: MIT */
/* A device with queues and nothing behind them. */
#include "machine/bench_device.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "queues.h"
#include "vmm/memmap.h"
#include "vmm/pci.h"

#define BAR 0u
#define BAR_BYTES 0x4000ull
#define NOTIFY_OFFSET 0x0000ull
#define NOTIFY_STEP 4ull
#define TABLE_OFFSET 0x2000ull
#define PBA_OFFSET 0x3000ull

struct bench_device {
	struct device device;
	struct pci_device pci;
	struct memmap_region bar;
	struct io_region notify;
	unsigned int nr_queues;
	uint64_t enabled; /* queues */
	int kick[ABI_QUEUES_MAX];
};

struct bench_state {
	struct pci_state pci;
	uint64_t enabled;
};

static struct bench_device *of(struct device *device)
{
	return (struct bench_device *)device;
}

/* Only what differs; each its own change. */
static int set_enabled(struct bench_device *b, uint64_t enabled)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; !rc && i < b->nr_queues; i++) {
		const struct memmap_eventfd e = {
			.offset = i * NOTIFY_STEP,
			.bytes = 2,
			.fd = b->kick[i],
		};
		uint64_t bit = 1ull << i;

		if (!((b->enabled ^ enabled) & bit))
			continue;
		rc = enabled & bit
			     ? memmap_add_eventfd(&b->notify.region, &e)
			     : memmap_remove_eventfd(&b->notify.region, &e);
		b->enabled ^= bit;
	}
	return rc;
}

static int save(struct device *device, struct buf *state)
{
	struct bench_state s = { .enabled = of(device)->enabled };

	pci_get_state(&of(device)->pci, &s.pci);
	return buf_append(state, &s, sizeof(s));
}

static int load(struct device *device, const uint8_t *state, size_t bytes,
		struct error *err)
{
	struct bench_state s;
	const char *field;
	int rc, queues;

	if (bytes != sizeof(s))
		return error_set(err, -EPROTO, "the state of %s has %zu bytes",
				 device->name, bytes);
	memcpy(&s, state, sizeof(s));
	if (pci_check_state(&of(device)->pci, &s.pci, &field))
		return error_set(err, -EPROTO, "%s cannot have such a '%s'",
				 device->name, field);
	/* The BAR first, as a virtio device does: each notifier then changes
	 * the view. */
	rc = pci_set_state(&of(device)->pci, &s.pci);
	queues = set_enabled(of(device), s.enabled);
	return rc ? rc : queues;
}

static int reset(struct device *device)
{
	int rc = pci_reset(&of(device)->pci);
	int queues = set_enabled(of(device), 0);

	return rc ? rc : queues;
}

static void destroy(struct device *device)
{
	struct bench_device *b = of(device);
	unsigned int i;

	pci_detach(&b->pci);
	pci_exit(&b->pci);
	for (i = 0; i < b->nr_queues; i++)
		if (b->kick[i] >= 0)
			close(b->kick[i]);
	memmap_region_fini(&b->notify.region);
	memmap_region_fini(&b->bar);
	free(b);
}

static const struct device_ops ops = {
	.save = save,
	.load = load,
	.reset = reset,
	.destroy = destroy,
};

static const struct io_ops no_registers;

static int make_bar(struct bench_device *b)
{
	int rc = memmap_region_init(&b->bar, "bench", MEMMAP_CONTAINER,
				    BAR_BYTES, b);

	if (!rc)
		rc = io_region_init(&b->notify, "notify",
				    b->nr_queues * NOTIFY_STEP, &no_registers,
				    b);
	if (!rc)
		rc = memmap_add(&b->bar, &b->notify.region, NOTIFY_OFFSET, 0);
	if (!rc)
		rc = pci_add_bar(&b->pci, BAR, PCI_BAR_64, true, &b->bar);
	return rc ? rc
		  : pci_add_msix(&b->pci, BAR, b->nr_queues + 1, TABLE_OFFSET,
				 PBA_OFFSET);
}

int bench_device_add(struct vm *vm, unsigned int nr_queues)
{
	static const struct pci_ids ids = {
		.vendor = ABI_QUEUES_VENDOR,
		.device = ABI_QUEUES_DEVICE_NET,
		.class_code = 0xff0000,
	};
	struct bench_device *b = calloc(1, sizeof(*b));
	unsigned int i;
	int rc = 0;

	if (!b)
		return -ENOMEM;
	b->device = (struct device){ .name = "bench", .ops = &ops };
	b->nr_queues = nr_queues;
	pci_init(&b->pci, "bench", &ids);
	for (i = 0; i < nr_queues; i++) {
		b->kick[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		rc = b->kick[i] < 0 ? -errno : rc;
	}
	if (!rc)
		rc = make_bar(b);
	if (!rc)
		rc = pci_attach(vm_pci(vm), &b->pci, PCI_DEVFN_ANY);
	if (!rc)
		rc = vm_add_device(vm, &b->device);
	if (rc)
		destroy(&b->device);
	return rc;
}

int bench_device_start(struct device *device)
{
	struct bench_device *b = of(device);
	struct pci_state s;
	unsigned int i;
	int rc;

	pci_get_state(&b->pci, &s);
	s.command = 6; /* memory, bus master */
	s.msix_control = 0x8000;
	for (i = 0; i < s.nr_vectors; i++)
		s.msix[i] = (struct pci_msix_entry){
			.addr_low = 0xfee00000,
			.data = 0x40 + i % 0x80,
		};
	rc = pci_set_state(&b->pci, &s);
	return rc ? rc : set_enabled(b, ~0ull >> (64 - b->nr_queues));
}
