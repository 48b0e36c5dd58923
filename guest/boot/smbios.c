/* SPDX-License-Identifier: MIT */
/* The structure table, walked with an eye on its end. */
#include "boot/smbios.h"

#include "boot/firmware.h"
#include "lib/string.h"

#define AREA_START 0xf0000u
#define AREA_BYTES 0x10000u
#define ENTRY_ALIGN 16u
#define ENTRY_MIN_BYTES 24u
#define ENTRY_MAX_BYTES 32u
#define TABLE_MAX_BYTES (1u << 20)
#define HEADER_BYTES 4u
#define TYPE_OEM_STRINGS 11
#define TYPE_END 127

#define PREFIX "vmferry:"
#define PREFIX_BYTES (sizeof(PREFIX) - 1)

struct table {
	uint64_t gpa;
	uint64_t bytes;
};

static uint64_t load(const uint8_t *at, uint32_t bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | at[bytes];
	return value;
}

/* Is there an entry point, and which table does it name? */
static bool read_entry(uint64_t gpa, struct table *ret)
{
	const uint8_t *at = firmware_at(gpa, ENTRY_MIN_BYTES);
	uint32_t bytes;
	bool wide;

	if (!at || at[0] != '_' || at[1] != 'S' || at[2] != 'M')
		return false;
	wide = at[3] == '3' && at[4] == '_';
	if (!wide && at[3] != '_')
		return false;
	bytes = wide ? at[6] : at[5];
	/* One version of the specification said 1e where it meant 1f. */
	if (bytes < (wide ? 24 : 30) || bytes > ENTRY_MAX_BYTES ||
	    !firmware_at(gpa, bytes) || firmware_sum(at, bytes))
		return false;
	if (wide)
		*ret = (struct table){ load(at + 16, 8), load(at + 12, 4) };
	else
		*ret = (struct table){ load(at + 24, 4), load(at + 22, 2) };
	return true;
}

uint64_t smbios_find(void)
{
	const uint8_t *at = firmware_at(AREA_START, AREA_BYTES);
	struct table table;
	uint32_t i;

	for (i = 0; at && i < AREA_BYTES; i += ENTRY_ALIGN)
		if (at[i] == '_' && read_entry(AREA_START + i, &table))
			return AREA_START + i;
	return 0;
}

/* The strings behind a structure. Return: bytes with the final NUL, 0 if it is
 * not there. */
static uint64_t read_strings(const char *text, uint64_t bytes,
			     struct gather *words)
{
	uint64_t at = 0, end;

	/* None at all: two NULs. */
	if (bytes >= 2 && !text[0] && !text[1])
		return 2;
	while (at < bytes && text[at]) {
		for (end = at; end < bytes && text[end]; end++)
			;
		if (end == bytes)
			return 0;
		if (words && end - at > PREFIX_BYTES &&
		    !memcmp(text + at, PREFIX, PREFIX_BYTES))
			gather_add(words, text + at + PREFIX_BYTES,
				   end - at - PREFIX_BYTES);
		at = end + 1;
	}
	return at < bytes ? at + 1 : 0;
}

const char *smbios_gather(uint64_t entry_gpa, struct gather *words)
{
	struct table table;
	const uint8_t *at;
	uint64_t done = 0, bytes;

	if (!entry_gpa)
		return NULL;
	if (!read_entry(entry_gpa, &table))
		return "the SMBIOS entry point is damaged";
	if (table.bytes > TABLE_MAX_BYTES)
		table.bytes = TABLE_MAX_BYTES;
	at = firmware_at(table.gpa, table.bytes);
	if (!at)
		return "the SMBIOS table is out of reach";
	while (done + HEADER_BYTES <= table.bytes && at[done] != TYPE_END) {
		bool ours = at[done] == TYPE_OEM_STRINGS;
		uint64_t own = at[done + 1];

		if (own < HEADER_BYTES || own > table.bytes - done)
			return "the SMBIOS table is damaged";
		done += own;
		bytes = read_strings((const char *)at + done,
				     table.bytes - done, ours ? words : NULL);
		if (!bytes)
			return "the SMBIOS table is damaged";
		done += bytes;
	}
	return NULL;
}
