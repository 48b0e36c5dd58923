/* SPDX-License-Identifier: MIT */
/*
 * A machine's low memory with firmware tables in it, for the guest's parsers:
 * firmware_at() of boot/firmware.h reads it. Nothing is mapped behind its end.
 */
#ifndef TESTS_UNIT_GUEST_LOW_MEMORY_H
#define TESTS_UNIT_GUEST_LOW_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#define LOW_MEMORY_BYTES 0x110000u
#define LOW_RSDP 0xe0010u
#define LOW_SMBIOS 0xf0020u
/* Tables end where memory does: who reads on finds nothing mapped. */
#define LOW_ACPI (LOW_MEMORY_BYTES - 0x180u)
#define LOW_MADT (LOW_MEMORY_BYTES - 0xc0u)
#define LOW_OEM (LOW_MEMORY_BYTES - 0x80u)

/* Zeroed; made by the first call. */
uint8_t *low_memory(void);

void low_put(uint64_t gpa, uint64_t value, uint32_t bytes);
/* Makes the bytes from @gpa sum up to zero, by the one at @at. */
void low_fix_sum(uint64_t gpa, uint64_t bytes, uint64_t at);

/* RSDP, RSDT or (@wide) XSDT, and a MADT with @nr vCPUs: LAPICs with IDs 0,
 * 2, 4, ... and x2APICs behind those. Return: the MADT's address. */
uint64_t low_put_acpi(uint32_t nr, int wide);

/* An entry point and a table: a BIOS structure without strings, OEM strings
 * with @nr of @strings, the end. Return: the table's address. */
uint64_t low_put_smbios(const char *const *strings, uint32_t nr, int wide);

#endif
