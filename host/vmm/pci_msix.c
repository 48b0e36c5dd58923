/* SPDX-License-Identifier: MIT */
/* MSI-X: the table, the pending bits, and what fires when. */
#include "vmm/pci.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vmm/pci_impl.h"
#include "vmm/routes.h"

#define ENTRY_BYTES sizeof(struct pci_msix_entry)

uint16_t pci_msix_control(const struct pci_device *pci)
{
	if (!pci->msix_cap)
		return 0;
	return config_get16(pci, pci->msix_cap + 2u) & MSIX_CONTROL_BITS;
}

void pci_set_msix_control(struct pci_device *pci, uint16_t control)
{
	uint16_t old;

	if (!pci->msix_cap)
		return;
	old = config_get16(pci, pci->msix_cap + 2u);
	config_set16(pci, pci->msix_cap + 2u,
		     (uint16_t)((old & ~MSIX_CONTROL_BITS) |
				(control & MSIX_CONTROL_BITS)));
}

bool pci_vector_is_pending(struct pci_vector *vector)
{
	struct pollfd pfd = { .fd = vector->fd, .events = POLLIN };

	return !vector->connected && atomic_load(&vector->raised) &&
	       poll(&pfd, 1, 0) == 1 && pfd.revents & POLLIN;
}

void pci_vector_set_pending(struct pci_vector *vector, bool pending)
{
	uint64_t count = 1;
	ssize_t done;

	/* Non-blocking: empty when read, or full when written, is what is
	 * wanted. */
	atomic_store(&vector->raised, pending);
	if (!pending)
		done = read(vector->fd, &count, sizeof(count));
	else
		done = write(vector->fd, &count, sizeof(count));
	(void)done;
}

void pci_drain_vectors(struct pci_device *pci)
{
	unsigned int i;

	for (i = 0; i < pci->nr_vectors; i++)
		if (!pci->vectors[i].connected &&
		    atomic_load(&pci->vectors[i].raised))
			pci_vector_set_pending(&pci->vectors[i], false);
}

/* May it fire? */
static bool is_open(const struct pci_device *pci,
		    const struct pci_vector *vector)
{
	return (pci_msix_control(pci) & MSIX_CONTROL_BITS) == MSIX_ENABLE &&
	       !(vector->entry.control & PCI_MSIX_MASKED);
}

static int open_vector(struct pci_device *pci, struct pci_vector *v)
{
	struct routes *routes = pci_routes(pci);
	const struct pci_msix_entry *e = &v->entry;

	pci_begin(pci);
	routes_set(routes, v->gsi, (uint64_t)e->addr_high << 32 | e->addr_low,
		   e->data);
	routes_connect(routes, v->gsi, v->fd);
	v->routed = v->connected = true;
	return pci_commit(pci);
}

/* While it is only masked its route stays: it is likely to come back. */
static int shut_vector(struct pci_device *pci, struct pci_vector *v)
{
	bool off = !(pci_msix_control(pci) & MSIX_ENABLE);

	if (!v->connected && !(v->routed && off))
		return 0;
	pci_begin(pci);
	if (v->connected)
		routes_disconnect(pci_routes(pci), v->gsi);
	v->connected = false;
	if (off)
		routes_clear(pci_routes(pci), v->gsi);
	v->routed = !off;
	return pci_commit(pci);
}

static int update_vector(struct pci_device *pci, struct pci_vector *v)
{
	return is_open(pci, v) ? open_vector(pci, v) : shut_vector(pci, v);
}

int pci_update_vectors(struct pci_device *pci)
{
	bool enabled = pci_msix_control(pci) & MSIX_ENABLE;
	unsigned int i;
	int rc, ret = 0;

	atomic_store_explicit(&pci->msix_enabled, enabled,
			      memory_order_relaxed);
	for (i = 0; i < pci->nr_vectors && pci->bus; i++) {
		rc = update_vector(pci, &pci->vectors[i]);
		ret = ret ? ret : rc;
	}
	return ret;
}

void pci_raise(struct pci_device *pci, unsigned int vector)
{
	if (vector < pci->nr_vectors &&
	    atomic_load_explicit(&pci->msix_enabled, memory_order_relaxed))
		pci_vector_set_pending(&pci->vectors[vector], true);
}

int pci_msix_write(struct pci_device *pci, unsigned int vector,
		   const struct pci_msix_entry *entry)
{
	int rc, err;

	if (vector >= pci->nr_vectors)
		return -EINVAL;
	pci_begin(pci);
	pci->vectors[vector].entry = *entry;
	pci->vectors[vector].entry.control &= PCI_MSIX_MASKED;
	rc = pci->bus ? update_vector(pci, &pci->vectors[vector]) : 0;
	err = pci_commit(pci);
	return rc ? rc : err;
}

/* ---- as the guest sees it ----------------------------------------------- */

/* Entries are read and written by aligned words of 4 or 8 bytes. */
static bool is_access(uint64_t offset, unsigned int bytes)
{
	return (bytes == 4 || bytes == 8) && !(offset % bytes);
}

static uint64_t read_table(void *ctx, uint64_t offset, unsigned int bytes)
{
	struct pci_device *pci = ctx;
	const uint8_t *entry;
	uint64_t value = 0;

	if (!is_access(offset, bytes))
		return UINT64_MAX;
	pci_begin(pci);
	entry = (void *)&pci->vectors[offset / ENTRY_BYTES].entry;
	memcpy(&value, entry + offset % ENTRY_BYTES, bytes);
	pci_commit(pci);
	return value;
}

static void write_table(void *ctx, uint64_t offset, unsigned int bytes,
			uint64_t value)
{
	struct pci_device *pci = ctx;
	unsigned int vector = (unsigned int)(offset / ENTRY_BYTES);
	struct pci_msix_entry entry;

	if (!is_access(offset, bytes))
		return;
	pci_begin(pci);
	entry = pci->vectors[vector].entry;
	memcpy((uint8_t *)&entry + offset % ENTRY_BYTES, &value, bytes);
	/* What KVM refuses is retried with the next change; the guest cannot
	 * be told. */
	pci_msix_write(pci, vector, &entry);
	pci_commit(pci);
}

static const struct io_ops table_ops = {
	.read = read_table,
	.write = write_table,
};

static uint64_t read_pba(void *ctx, uint64_t offset, unsigned int bytes)
{
	struct pci_device *pci = ctx;
	uint64_t value = 0;
	unsigned int i;

	pci_begin(pci);
	for (i = 0; i < 8 * bytes; i++) {
		uint64_t n = offset * 8 + i;

		if (n < pci->nr_vectors &&
		    pci_vector_is_pending(&pci->vectors[n]))
			value |= 1ull << i;
	}
	pci_commit(pci);
	return value;
}

static const struct io_ops pba_ops = { .read = read_pba };

/* ---- building ----------------------------------------------------------- */

static int make_vectors(struct pci_device *pci, unsigned int nr)
{
	unsigned int i;

	pci->vectors = calloc(nr, sizeof(*pci->vectors));
	if (!pci->vectors)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		struct pci_vector *v = &pci->vectors[i];

		v->entry.control = PCI_MSIX_MASKED;
		v->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (v->fd < 0)
			return -errno;
		pci->nr_vectors++;
	}
	return 0;
}

static int add_cap(struct pci_device *pci, unsigned int bar, unsigned int nr,
		   uint64_t table, uint64_t pba)
{
	struct {
		uint8_t id, next;
		uint16_t control;
		uint32_t table, pba;
	} cap = { CAP_MSIX, 0, (uint16_t)(nr - 1), (uint32_t)table | bar,
		  (uint32_t)pba | bar };
	uint16_t writable = MSIX_CONTROL_BITS;
	int at;

	_Static_assert(sizeof(cap) == CAP_MSIX_BYTES, "as in the book");
	at = pci_add_capability(pci, &cap, sizeof(cap));
	if (at < 0)
		return at;
	memcpy(&pci->writable[at + 2], &writable, sizeof(writable));
	pci->msix_cap = (uint8_t)at;
	return 0;
}

static bool fits(const struct memmap_region *region, uint64_t offset,
		 uint64_t bytes)
{
	return !(offset % 8) && offset < region->bytes &&
	       bytes <= region->bytes - offset;
}

int pci_add_msix(struct pci_device *pci, unsigned int bar,
		 unsigned int nr_vectors, uint64_t table_offset,
		 uint64_t pba_offset)
{
	uint64_t table_bytes = nr_vectors * ENTRY_BYTES;
	uint64_t pba_bytes = (nr_vectors + 63) / 64 * 8;
	struct memmap_region *region;
	int rc;

	if (bar >= PCI_NR_BARS || !pci->bar[bar].region || pci->msix_cap ||
	    !nr_vectors || nr_vectors > PCI_MAX_VECTORS)
		return -EINVAL;
	region = pci->bar[bar].region;
	if (region->kind != MEMMAP_CONTAINER ||
	    !fits(region, table_offset, table_bytes) ||
	    !fits(region, pba_offset, pba_bytes) || pci->bus)
		return -EINVAL;
	rc = make_vectors(pci, nr_vectors);
	if (!rc)
		rc = add_cap(pci, bar, nr_vectors, table_offset, pba_offset);
	if (!rc)
		rc = io_region_init(&pci->msix_table, "MSI-X table",
				    table_bytes, &table_ops, pci);
	if (!rc)
		rc = io_region_init(&pci->msix_pba, "MSI-X pending bits",
				    pba_bytes, &pba_ops, pci);
	if (!rc)
		rc = memmap_add(region, &pci->msix_table.region, table_offset,
				0);
	if (!rc)
		rc = memmap_add(region, &pci->msix_pba.region, pba_offset, 0);
	return rc;
}
