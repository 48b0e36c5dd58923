/* SPDX-License-Identifier: MIT */
/* Making a PCI proxy out of what a device says of itself. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "control.h"
#include "vmm/pci_impl.h"
#include "vmm/pci_proxy_impl.h"

#define CAP_MSI 0x05u
#define BAR_IO 0x1u
#define BAR_TYPE_MASK 0x6u
#define HEADER_LAYOUT 0x7fu
#define CONFIG_CAP_END 0xfcu /* the last that has an id and a link */
/* The smallest that a BAR can be here. */
#define BAR_MIN_BYTES 4096u
#define BAR_MAX_BYTES PCI_WINDOW_END
#define TRAPPED_PRIORITY (-2)
#define MAPPED_PRIORITY (-1)

static void destroy(struct device *device)
{
	struct pci_proxy *p = proxy_of(device);
	unsigned int i, k;

	pci_detach(&p->pci);
	pci_exit(&p->pci);
	for (i = 0; i < PCI_NR_BARS; i++) {
		struct proxy_bar *bar = &p->bar[i];

		for (k = 0; k < bar->nr_areas; k++) {
			if (bar->area[k].map)
				munmap(bar->area[k].map, bar->area[k].bytes);
			memmap_region_fini(&bar->area[k].memory.region);
		}
		memmap_region_fini(&bar->trapped.region);
		memmap_region_fini(&bar->region);
	}
	free(p);
}

static const struct device_ops ops = {
	.save = proxy_save,
	.check = proxy_check,
	.load = proxy_load,
	.reset = proxy_reset,
	.destroy = destroy,
	.fields = &pci_proxy_fields,
};

/* ---- configuration space ------------------------------------------------ */

static void own(struct pci_proxy *p, unsigned int first, unsigned int nr)
{
	memset(&p->own[first], true, nr);
}

static struct pci_ids ids_of(const uint8_t *config)
{
	struct pci_ids ids = { .revision = config[CONFIG_REVISION] };

	memcpy(&ids.vendor, config + CONFIG_VENDOR, 2);
	memcpy(&ids.device, config + CONFIG_DEVICE, 2);
	memcpy(&ids.subsystem_vendor, config + CONFIG_SUBSYSTEM_VENDOR, 2);
	memcpy(&ids.subsystem, config + CONFIG_SUBSYSTEM, 2);
	memcpy(&ids.class_code, config + CONFIG_REVISION, 4);
	ids.class_code >>= 8;
	return ids;
}

/*
 * Follows the list as the device has it, and makes ours of it: without MSI.
 * The device's list may be a circle.
 *
 * Return: the place of MSI-X, 0 = none.
 */
static uint8_t take_capabilities(struct pci_proxy *p, const uint8_t *config)
{
	uint8_t *link = &p->pci.config[CONFIG_CAPABILITIES], msix = 0;
	uint8_t at = config[CONFIG_CAPABILITIES] & 0xfc;

	*link = 0;
	while (at >= CONFIG_FIRST_CAP && at <= CONFIG_CAP_END && !p->own[at]) {
		own(p, at, 2);
		if (config[at] != CAP_MSI &&
		    (config[at] != CAP_MSIX || !msix)) {
			*link = at;
			link = &p->pci.config[at + 1u];
			*link = 0;
			if (config[at] == CAP_MSIX)
				msix = at;
		}
		at = config[at + 1u] & 0xfc;
	}
	if (p->pci.config[CONFIG_CAPABILITIES])
		p->pci.config[CONFIG_STATUS] |= STATUS_CAPABILITIES;
	return msix;
}

static uint8_t take_config(struct pci_proxy *p, const uint8_t *config)
{
	const struct pci_ids ids = ids_of(config);

	pci_init(&p->pci, p->name, &ids);
	memcpy(&p->pci.config[CONFIG_FIRST_CAP], config + CONFIG_FIRST_CAP,
	       PCI_CONFIG_BYTES - CONFIG_FIRST_CAP);
	own(p, 0, CONFIG_FIRST_CAP);
	p->pci.raised_outside = true;
	return take_capabilities(p, config);
}

/* ---- BARs --------------------------------------------------------------- */

static int map_area(struct proxy_bar *bar, const struct pci_proxy_area *a,
		    uint64_t offset, uint64_t bytes)
{
	struct proxy_area *area = &bar->area[bar->nr_areas];
	int rc;

	area->map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, a->fd,
			 (off_t)(a->fd_offset + (offset - a->offset)));
	if (area->map == MAP_FAILED) {
		area->map = NULL;
		return -errno;
	}
	area->bytes = bytes;
	bar->nr_areas++;
	madvise(area->map, bytes, MADV_DONTDUMP);
	rc = device_memory_init(&area->memory, bar->proxy->name, bytes,
				area->map);
	return rc ? rc
		  : memmap_add(&bar->region, &area->memory.region, offset,
			       MAPPED_PRIORITY);
}

/* Whole pages of it, within the BAR. The file's place must be a page's, too. */
static int add_area(struct proxy_bar *bar, const struct pci_proxy_area *a)
{
	uint64_t begin = ABI_ALIGN_PAGE(a->offset), end;

	if (a->offset > bar->bytes || a->bytes > bar->bytes - a->offset ||
	    a->fd < 0 || a->fd_offset > INT64_MAX - bar->bytes ||
	    (a->fd_offset ^ a->offset) % ABI_PAGE_BYTES)
		return -ENOTSUP;
	end = (a->offset + a->bytes) & ~(uint64_t)(ABI_PAGE_BYTES - 1);
	return begin < end ? map_area(bar, a, begin, end - begin) : 0;
}

static uint64_t round_up(uint64_t bytes)
{
	uint64_t power = BAR_MIN_BYTES;

	while (power < bytes)
		power <<= 1;
	return power;
}

static int make_region(struct proxy_bar *bar, const struct pci_proxy_bar *from)
{
	const char *name = bar->proxy->name;
	unsigned int i;
	int rc = memmap_region_init(&bar->region, name, MEMMAP_CONTAINER,
				    round_up(bar->bytes), bar);

	if (!rc)
		rc = io_region_init(&bar->trapped, name, bar->bytes,
				    &proxy_bar_ops, bar);
	if (!rc)
		rc = memmap_add(&bar->region, &bar->trapped.region, 0,
				TRAPPED_PRIORITY);
	for (i = 0; !rc && i < from->nr_areas && i < PCI_PROXY_MAX_AREAS; i++)
		rc = add_area(bar, &from->area[i]);
	return rc;
}

static int add_bar(struct pci_proxy *p, unsigned int i,
		   const struct pci_proxy_bar *from, const uint8_t *config)
{
	struct proxy_bar *bar = &p->bar[i];
	bool is_64;
	int rc;

	bar->proxy = p;
	bar->index = i;
	/* The upper half of one before it, or an I/O BAR: not there. */
	if (!from->bytes || config[CONFIG_BAR(i)] & BAR_IO ||
	    p->pci.bar[i].kind)
		return 0;
	if (from->bytes > BAR_MAX_BYTES)
		return -ENOSPC;
	bar->bytes = from->bytes;
	is_64 = (config[CONFIG_BAR(i)] & BAR_TYPE_MASK) == BAR_TYPE_64;
	rc = make_region(bar, from);
	return rc ? rc
		  : pci_add_bar(&p->pci, i, is_64 ? PCI_BAR_64 : PCI_BAR_32,
				config[CONFIG_BAR(i)] & BAR_PREFETCHABLE,
				&bar->region);
}

/* ---- all of it ---------------------------------------------------------- */

/* As firmware would: our bus has given them addresses. */
static int tell_bars(struct pci_proxy *p)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; !rc && i < PCI_NR_BARS; i++) {
		uint32_t value = config_get32(&p->pci, CONFIG_BAR(i));

		if (p->pci.bar[i].kind)
			rc = p->ops->config_write(p->ctx, CONFIG_BAR(i), &value,
						  sizeof(value));
	}
	return rc;
}

static int tell_vectors(struct pci_proxy *p)
{
	int fds[PCI_MAX_VECTORS];
	unsigned int i;

	for (i = 0; i < p->pci.nr_vectors; i++)
		fds[i] = p->pci.vectors[i].fd;
	return i ? p->ops->set_vectors(p->ctx, fds, i) : 0;
}

static int add_vectors(struct pci_proxy *p, uint8_t msix, unsigned int offered)
{
	unsigned int nr;

	if (!msix || !offered || msix > PCI_CONFIG_BYTES - CAP_MSIX_BYTES)
		return 0;
	nr = (config_get16(&p->pci, msix + 2u) & 0x7ffu) + 1;
	nr = nr < offered ? nr : offered;
	nr = nr < PCI_MAX_VECTORS ? nr : PCI_MAX_VECTORS;
	own(p, msix, CAP_MSIX_BYTES);
	return pci_adopt_msix(&p->pci, msix, nr);
}

static int build(struct pci_proxy *p, const struct pci_proxy_params *params,
		 const uint8_t *config)
{
	uint8_t msix = take_config(p, config);
	unsigned int i;
	int rc = 0;

	for (i = 0; !rc && i < PCI_NR_BARS; i++)
		rc = add_bar(p, i, &params->bar[i], config);
	if (!rc)
		rc = add_vectors(p, msix, params->nr_vectors);
	p->pci.hooks = &proxy_hooks;
	return rc;
}

static int place(struct pci_bus *bus, struct pci_proxy *p)
{
	int rc = pci_attach(bus, &p->pci, PCI_DEVFN_ANY);

	if (!rc)
		rc = tell_bars(p);
	return rc ? rc : tell_vectors(p);
}

int pci_proxy_create(struct pci_bus *bus, const struct pci_proxy_params *params,
		     struct device **ret_device, struct error *err)
{
	struct pci_proxy *p = calloc(1, sizeof(*p));
	uint8_t config[PCI_CONFIG_BYTES];
	int rc;

	if (!p) {
		error_set(err, -ENOMEM, "out of memory");
		return -ENOMEM;
	}
	snprintf(p->name, sizeof(p->name), "%s", params->name);
	p->device = (struct device){ .name = p->name, .ops = &ops };
	p->ops = params->ops;
	p->ctx = params->ctx;
	rc = p->ops->config_read(p->ctx, 0, config, sizeof(config));
	if (!rc && config[CONFIG_HEADER_TYPE] & HEADER_LAYOUT)
		rc = -ENOTSUP;
	if (!rc)
		rc = build(p, params, config);
	if (!rc)
		rc = place(bus, p);
	if (rc) {
		destroy(&p->device);
		error_set(err, rc, "%s cannot be a device of the machine's: %s",
			  params->name, strerrordesc_np(-rc));
		return rc;
	}
	*ret_device = &p->device;
	return 0;
}

int pci_proxy_add(struct vm *vm, const struct pci_proxy_params *params,
		  struct error *err)
{
	struct device *device;
	int rc = pci_proxy_create(vm_pci(vm), params, &device, err);

	if (rc)
		return rc;
	rc = vm_add_device(vm, device);
	if (rc) {
		device->ops->destroy(device);
		error_set(err, rc, "the machine has too many devices");
	}
	return rc;
}
