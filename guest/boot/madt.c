/* SPDX-License-Identifier: MIT */
/* Just enough ACPI to count vCPUs. */
#include "boot/madt.h"

#include <stdbool.h>
#include <stddef.h>

#include "lib/string.h"

#define MADT_LOCAL_APIC 0
#define MADT_LOCAL_X2APIC 9
#define MADT_ENABLED 1u

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

static const struct acpi_header *madt_find(const struct acpi_rsdp *rsdp)
{
	bool wide = rsdp->revision >= 2 && rsdp->xsdt;
	uint32_t width = wide ? 8 : 4, at;
	const struct acpi_header *root =
		(const void *)(wide ? rsdp->xsdt : (uint64_t)rsdp->rsdt);

	if (!root)
		return NULL;
	for (at = sizeof(*root); at + width <= root->length; at += width) {
		const struct acpi_header *h =
			(const void *)load((const uint8_t *)root + at, width);

		if (h && !memcmp(h->signature, "APIC", 4))
			return h;
	}
	return NULL;
}

uint32_t madt_read_apic_ids(uint64_t rsdp_gpa, uint8_t *ids, uint32_t max)
{
	const struct acpi_rsdp *rsdp = (const void *)rsdp_gpa;
	const struct acpi_header *madt;
	uint32_t at, nr = 0;

	if (!rsdp || memcmp(rsdp->signature, "RSD PTR ", 8))
		return 0;
	madt = madt_find(rsdp);
	if (!madt)
		return 0;
	at = sizeof(*madt) + 8; /* APIC address, flags */
	while (at + 2 <= madt->length && nr < max) {
		const struct madt_entry *e =
			(const void *)((const uint8_t *)madt + at);
		uint32_t id = 256;

		if (e->type == MADT_LOCAL_APIC &&
		    (e->apic.flags & MADT_ENABLED))
			id = e->apic.id;
		if (e->type == MADT_LOCAL_X2APIC &&
		    (e->x2apic.flags & MADT_ENABLED))
			id = e->x2apic.id;
		if (id < 256)
			ids[nr++] = (uint8_t)id;
		if (e->length < 2)
			break;
		at += e->length;
	}
	return nr;
}
