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

bool pci_vector_is_pending(const struct pci_device *pci,
			   struct pci_vector *vector)
{
	struct pollfd pfd = { .fd = vector->fd, .events = POLLIN };

	return !vector->connected &&
	       (pci->raised_outside || atomic_load(&vector->raised)) &&
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
		    (pci->raised_outside ||
		     atomic_load(&pci->vectors[i].raised)))
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
		    pci_vector_is_pending(pci, &pci->vectors[n]))
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

/* As in the book. */
struct msix_cap {
	uint8_t id, next;
	uint16_t control;
	uint32_t table, pba; /* an offset, and the BAR in bits 0 to 2 */
};

_Static_assert(sizeof(struct msix_cap) == CAP_MSIX_BYTES, "PCI");

static void take_cap(struct pci_device *pci, uint8_t at)
{
	uint16_t writable = MSIX_CONTROL_BITS;

	memcpy(&pci->writable[at + 2], &writable, sizeof(writable));
	pci->msix_cap = at;
}

static bool fits(const struct memmap_region *region, uint64_t offset,
		 uint64_t bytes)
{
	return !(offset % 8) && offset < region->bytes &&
	       bytes <= region->bytes - offset;
}

static int check_bar(const struct pci_device *pci, unsigned int bar,
		     uint64_t offset, uint64_t bytes)
{
	const struct memmap_region *region =
		bar < PCI_NR_BARS ? pci->bar[bar].region : NULL;

	return region && region->kind == MEMMAP_CONTAINER &&
			       fits(region, offset, bytes)
		       ? 0
		       : -EINVAL;
}

static int add_part(struct pci_device *pci, struct io_region *io,
		    const char *name, const struct io_ops *ops, uint32_t place,
		    uint64_t bytes)
{
	unsigned int bar = place & MSIX_BAR_BITS;
	uint64_t offset = place & ~MSIX_BAR_BITS;
	int rc = check_bar(pci, bar, offset, bytes);

	if (!rc)
		rc = io_region_init(io, name, bytes, ops, pci);
	return rc ? rc
		  : memmap_add(pci->bar[bar].region, &io->region, offset, 0);
}

static int check(const struct pci_device *pci, const struct msix_cap *cap,
		 unsigned int nr)
{
	if (!nr || nr > PCI_MAX_VECTORS || pci->msix_cap || pci->bus)
		return -EINVAL;
	if (check_bar(pci, cap->table & MSIX_BAR_BITS,
		      cap->table & ~MSIX_BAR_BITS, nr * ENTRY_BYTES))
		return -EINVAL;
	return check_bar(pci, cap->pba & MSIX_BAR_BITS,
			 cap->pba & ~MSIX_BAR_BITS, (nr + 63) / 64 * 8);
}

static int add_parts(struct pci_device *pci, const struct msix_cap *cap,
		     unsigned int nr)
{
	int rc = make_vectors(pci, nr);

	if (!rc)
		rc = add_part(pci, &pci->msix_table, "MSI-X table", &table_ops,
			      cap->table, nr * ENTRY_BYTES);
	if (!rc)
		rc = add_part(pci, &pci->msix_pba, "MSI-X pending bits",
			      &pba_ops, cap->pba, (nr + 63) / 64 * 8);
	return rc;
}

int pci_add_msix(struct pci_device *pci, unsigned int bar,
		 unsigned int nr_vectors, uint64_t table_offset,
		 uint64_t pba_offset)
{
	const struct msix_cap cap = {
		.id = CAP_MSIX,
		.control = (uint16_t)(nr_vectors - 1),
		.table = (uint32_t)table_offset | bar,
		.pba = (uint32_t)pba_offset | bar,
	};
	int rc = -EINVAL, at;

	if (bar < PCI_NR_BARS && table_offset <= UINT32_MAX &&
	    pba_offset <= UINT32_MAX &&
	    !((table_offset | pba_offset) & MSIX_BAR_BITS))
		rc = check(pci, &cap, nr_vectors);
	if (rc)
		return rc;
	at = pci_add_capability(pci, &cap, sizeof(cap));
	if (at < 0)
		return at;
	take_cap(pci, (uint8_t)at);
	return add_parts(pci, &cap, nr_vectors);
}

int pci_adopt_msix(struct pci_device *pci, uint8_t at, unsigned int nr_vectors)
{
	struct msix_cap cap;
	int rc;

	if (at < CONFIG_FIRST_CAP || at > PCI_CONFIG_BYTES - sizeof(cap))
		return -EINVAL;
	memcpy(&cap, &pci->config[at], sizeof(cap));
	rc = check(pci, &cap, nr_vectors);
	if (rc)
		return rc;
	config_set16(pci, at + 2u, (uint16_t)(nr_vectors - 1));
	take_cap(pci, at);
	return add_parts(pci, &cap, nr_vectors);
}
