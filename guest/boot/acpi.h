/* SPDX-License-Identifier: MIT */
/* Just enough ACPI to count vCPUs. */
#ifndef VMFERRY_GUEST_ACPI_H
#define VMFERRY_GUEST_ACPI_H

#include <stdint.h>

/**
 * acpi_find_rsdp() - search where a BIOS leaves the root pointer.
 *
 * Return: its address; 0 if there is none whose checksum is right.
 * Source: ACPI 6.5, 5.2.5.1.
 */
uint64_t acpi_find_rsdp(void);

/**
 * acpi_read_apic_ids() - the enabled vCPUs' APIC IDs, in the MADT's order.
 * @rsdp_gpa: ACPI root pointer; 0 = none.
 * @ids: room for @max IDs; those of 256 and more are left out.
 * @ret_problem: NULL, or what is wrong with the tables.
 *
 * Return: how many; 0 if there is no MADT.
 * Source: ACPI 6.5, 5.2.5, 5.2.8 and 5.2.12.
 */
uint32_t acpi_read_apic_ids(uint64_t rsdp_gpa, uint8_t *ids, uint32_t max,
			    const char **ret_problem);

#endif
