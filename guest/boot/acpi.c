/* SPDX-License-Identifier: MIT */
/* RSDP, RSDT or XSDT, MADT. */
#include "boot/acpi.h"

#include <stddef.h>

#include "boot/firmware.h"
#include "lib/string.h"

#define MADT_LOCAL_APIC 0
#define MADT_LOCAL_X2APIC 9
#define MADT_ENABLED 1u
#define MADT_FIXED_BYTES 8u /* APIC address, flags */

#define RSDP_SUMMED_BYTES 20u
#define RSDP_ALIGN 16u
/* Segment of the extended BIOS data area. */
#define EBDA_CELL 0x40eu
#define EBDA_BYTES 1024u
#define BIOS_START 0xe0000u
#define BIOS_BYTES 0x20000u

/* No table that we read is longer, but by damage. */
#define TABLE_MAX_BYTES (1u << 20)

struct __attribute__((packed)) acpi_rsdp {
	char signature[8];
	uint8_t checksum;
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
};

struct __attribute__((packed)) acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t rest[28];
};

struct __attribute__((packed)) madt_entry {
	uint8_t type;
	uint8_t length;
	union __attribute__((packed)) {
		struct __attribute__((packed)) {
			uint8_t processor, id;
			uint32_t flags;
		} apic;
		struct __attribute__((packed)) {
			uint16_t reserved;
			uint32_t id, flags, processor;
		} x2apic;
	};
};

static uint64_t load(const uint8_t *at, uint32_t bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | at[bytes];
	return value;
}

static bool is_rsdp(const uint8_t *at)
{
	return !memcmp(at, "RSD PTR ", 8) &&
	       !firmware_sum(at, RSDP_SUMMED_BYTES);
}

static uint64_t search(uint64_t gpa, uint64_t bytes)
{
	const uint8_t *at = firmware_at(gpa, bytes);
	uint64_t i;

	for (i = 0; at && i + RSDP_SUMMED_BYTES <= bytes; i += RSDP_ALIGN)
		/* Most of it is something else: one byte tells. */
		if (at[i] == 'R' && is_rsdp(at + i))
			return gpa + i;
	return 0;
}

uint64_t acpi_find_rsdp(void)
{
	const uint8_t *cell = firmware_at(EBDA_CELL, 2);
	uint64_t found = 0;

	if (cell)
		found = search(load(cell, 2) << 4, EBDA_BYTES);
	return found ? found : search(BIOS_START, BIOS_BYTES);
}

/* A whole table, its length within bounds; NULL if it can't be one. */
static const struct acpi_header *table_at(uint64_t gpa)
{
	const struct acpi_header *h = firmware_at(gpa, sizeof(*h));

	if (!h || h->length < sizeof(*h) || h->length > TABLE_MAX_BYTES)
		return NULL;
	return firmware_at(gpa, h->length);
}

static const struct acpi_header *find_madt(const struct acpi_rsdp *rsdp,
					   uint64_t gpa, const char **problem)
{
	bool wide = rsdp->revision >= 2 && firmware_at(gpa, sizeof(*rsdp)) &&
		    rsdp->xsdt;
	uint32_t width = wide ? 8 : 4, at;
	const struct acpi_header *root =
		table_at(wide ? rsdp->xsdt : (uint64_t)rsdp->rsdt);

	*problem = "the ACPI root table is damaged";
	if (!root)
		return NULL;
	*problem = "ACPI lists no MADT";
	for (at = sizeof(*root); at + width <= root->length; at += width) {
		const struct acpi_header *h =
			table_at(load((const uint8_t *)root + at, width));

		if (h && !memcmp(h->signature, "APIC", 4))
			return h;
	}
	return NULL;
}

/* The ID of an enabled vCPU; 256 for anything else. */
static uint32_t entry_id(const struct madt_entry *e)
{
	if (e->type == MADT_LOCAL_APIC && e->length >= 2 + sizeof(e->apic) &&
	    (e->apic.flags & MADT_ENABLED))
		return e->apic.id;
	if (e->type == MADT_LOCAL_X2APIC &&
	    e->length >= 2 + sizeof(e->x2apic) &&
	    (e->x2apic.flags & MADT_ENABLED) && e->x2apic.id < 256)
		return e->x2apic.id;
	return 256;
}

static bool is_listed(const uint8_t *ids, uint32_t nr, uint32_t id)
{
	while (nr--)
		if (ids[nr] == id)
			return true;
	return false;
}

uint32_t acpi_read_apic_ids(uint64_t rsdp_gpa, uint8_t *ids, uint32_t max,
			    const char **ret_problem)
{
	const struct acpi_rsdp *rsdp = firmware_at(rsdp_gpa, RSDP_SUMMED_BYTES);
	const struct acpi_header *madt;
	uint32_t at, id, nr = 0;

	*ret_problem = "there is no ACPI root pointer";
	if (!rsdp || memcmp(rsdp->signature, "RSD PTR ", 8))
		return 0;
	madt = find_madt(rsdp, rsdp_gpa, ret_problem);
	if (!madt)
		return 0;
	*ret_problem = NULL;
	at = sizeof(*madt) + MADT_FIXED_BYTES;
	while (at + 2 <= madt->length && nr < max) {
		const struct madt_entry *e =
			(const void *)((const uint8_t *)madt + at);

		if (e->length < 2 || at + e->length > madt->length) {
			*ret_problem = "the MADT is damaged";
			break;
		}
		id = entry_id(e);
		if (id < 256 && !is_listed(ids, nr, id))
			ids[nr++] = (uint8_t)id;
		at += e->length;
	}
	return nr;
}
