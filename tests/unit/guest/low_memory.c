/* SPDX-License-Identifier: MIT */
/* Right tables, for others to damage. */
#include "low_memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "boot/firmware.h"

#define GUARD_BYTES 4096u

uint8_t *low_memory(void)
{
	static uint8_t *memory;

	if (!memory) {
		memory = mmap(NULL, LOW_MEMORY_BYTES + GUARD_BYTES,
			      PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (memory == MAP_FAILED ||
		    mprotect(memory + LOW_MEMORY_BYTES, GUARD_BYTES, PROT_NONE))
			abort();
	}
	memset(memory, 0, LOW_MEMORY_BYTES);
	return memory;
}

static uint8_t *low_at;

const void *firmware_at(uint64_t gpa, uint64_t bytes)
{
	if (!low_at || !gpa || !bytes || gpa >= LOW_MEMORY_BYTES ||
	    bytes > LOW_MEMORY_BYTES - gpa)
		return NULL;
	return low_at + gpa;
}

void low_put(uint64_t gpa, uint64_t value, uint32_t bytes)
{
	if (!low_at)
		low_at = low_memory();
	memcpy(low_at + gpa, &value, bytes);
}

void low_fix_sum(uint64_t gpa, uint64_t bytes, uint64_t at)
{
	low_at[at] = 0;
	low_at[at] = (uint8_t)-firmware_sum(low_at + gpa, bytes);
}

static void put_text(uint64_t gpa, const char *text)
{
	memcpy(low_at + gpa, text, strlen(text));
}

uint64_t low_put_acpi(uint32_t nr, int wide)
{
	uint64_t root = LOW_ACPI, madt = LOW_MADT, at;
	uint32_t i;

	low_at = low_memory();
	put_text(LOW_RSDP, "RSD PTR ");
	low_put(LOW_RSDP + 15, wide ? 2 : 0, 1);
	low_put(LOW_RSDP + 16, root, 4);
	low_put(LOW_RSDP + 20, 36, 4);
	low_put(LOW_RSDP + 24, wide ? root : 0, 8);
	low_fix_sum(LOW_RSDP, 20, LOW_RSDP + 8);
	put_text(root, wide ? "XSDT" : "RSDT");
	low_put(root + 4, 36u + (wide ? 16u : 8u), 4);
	/* First a table that is out of reach. */
	low_put(root + 36, 0xfffffff0u, wide ? 8 : 4);
	low_put(root + 36 + (wide ? 8 : 4), madt, wide ? 8 : 4);
	put_text(madt, "APIC");
	at = madt + 44;
	for (i = 0; i < nr / 2; i++, at += 8)
		low_put(at,
			0x0800 | i << 16 | (uint64_t)(2 * i) << 24 | 1ull << 32,
			8);
	for (; i < nr; i++, at += 16) {
		low_put(at, 0x1009 | (uint64_t)(2 * i) << 32, 8);
		low_put(at + 8, 1, 8);
	}
	low_put(madt + 4, at - madt, 4);
	return madt;
}

uint64_t low_put_smbios(const char *const *strings, uint32_t nr, int wide)
{
	uint64_t table = LOW_OEM, at = table;
	uint32_t i;

	low_at = low_memory();
	low_put(at, 0x0600 | 0, 6);
	at += 6 + 2;
	low_put(at, 0x050b, 4);
	low_put(at + 4, nr, 1);
	at += 5;
	for (i = 0; i < nr; i++) {
		put_text(at, strings[i]);
		at += strlen(strings[i]) + 1;
	}
	at += nr ? 1 : 2;
	low_put(at, 0x047f, 4);
	at += 6;
	put_text(LOW_SMBIOS, wide ? "_SM3_" : "_SM_");
	if (wide) {
		low_put(LOW_SMBIOS + 6, 24, 1);
		low_put(LOW_SMBIOS + 12, at - table, 4);
		low_put(LOW_SMBIOS + 16, table, 8);
		low_fix_sum(LOW_SMBIOS, 24, LOW_SMBIOS + 5);
	} else {
		low_put(LOW_SMBIOS + 5, 31, 1);
		low_put(LOW_SMBIOS + 22, at - table, 2);
		low_put(LOW_SMBIOS + 24, table, 4);
		low_fix_sum(LOW_SMBIOS, 31, LOW_SMBIOS + 4);
	}
	return table;
}
