/* SPDX-License-Identifier: MIT */
/* vCPUs, from ACPI's MADT. */
#ifndef VMFERRY_GUEST_MADT_H
#define VMFERRY_GUEST_MADT_H

#include <stdint.h>

/**
 * madt_read_apic_ids() - the enabled vCPUs' APIC IDs, in the table's order.
 * @rsdp_gpa: ACPI root pointer; 0 = none.
 * @ids: room for @max IDs; those of 256 and more are left out.
 *
 * Return: how many; 0 if there is no MADT.
 * Source: ACPI 6.5, 5.2.5, 5.2.8 and 5.2.12.
 */
uint32_t madt_read_apic_ids(uint64_t rsdp_gpa, uint8_t *ids, uint32_t max);

#endif
