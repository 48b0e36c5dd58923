/* SPDX-License-Identifier: MIT */
/* What firmware says, right and wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "boot/acpi.h"
#include "boot/fwcfg.h"
#include "boot/memmap.h"
#include "boot/smbios.h"
#include "low_memory.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void test_memmap(void **state)
{
	static const struct {
		struct memmap_entry e[6];
		uint32_t nr;
		struct boot_range want[4];
		uint32_t nr_want;
	} cases[] = {
		{ .nr = 0 },
		/* Unsorted, touching: one range. */
		{ { { MIB, MIB, 1, 0 }, { 0, MIB, 1, 0 } },
		  2,
		  { { 0, 2 * MIB } },
		  1 },
		/* Overlapping, and one inside of another. */
		{ { { 0, 4 * MIB, 1, 0 },
		    { MIB, MIB, 1, 0 },
		    { 3 * MIB, 4 * MIB, 1, 0 } },
		  3,
		  { { 0, 7 * MIB } },
		  1 },
		/* Empty ones of both kinds. */
		{ { { MIB, 0, 1, 0 }, { 0, 2 * MIB, 1, 0 }, { MIB, 0, 2, 0 } },
		  3,
		  { { 0, 2 * MIB } },
		  1 },
		/* Somebody claims the middle, whichever comes first. */
		{ { { MIB + 5, 1, 2, 0 }, { 0, 2 * MIB, 1, 0 } },
		  2,
		  { { 0, MIB + 5 }, { MIB + 6, 2 * MIB } },
		  2 },
		/* Somebody claims all of it. */
		{ .e = { { 0, 2 * MIB, 1, 0 }, { 0, 4 * GIB, 4, 0 } },
		  .nr = 2 },
		/* A claim over several, and types that nobody knows. */
		{ { { 0, 2 * MIB, 1, 0 },
		    { 4 * MIB, 2 * MIB, 1, 0 },
		    { MIB, 4 * MIB, 0, 0 },
		    { 8 * MIB, MIB, 77, 0 } },
		  4,
		  { { 0, MIB }, { 5 * MIB, 6 * MIB } },
		  2 },
		/* Past the end of the address space. */
		{ { { 1024 * GIB, UINT64_MAX, 1, 0 },
		    { 2048 * GIB, UINT64_MAX - 5, 2, 0 } },
		  2,
		  { { 1024 * GIB, 2048 * GIB } },
		  1 },
	};
	struct boot_range got[4];
	bool cut = true;
	size_t i;

	for (i = 0; i < COUNT(cases); i++) {
		uint32_t nr = memmap_usable(cases[i].e, cases[i].nr, got,
					    COUNT(got), &cut);

		assert_false(cut);
		assert_int_equal(nr, cases[i].nr_want);
		assert_memory_equal(got, cases[i].want, nr * sizeof(got[0]));
	}
}

static void test_memmap_too_many(void **state)
{
	static struct memmap_entry e[MEMMAP_MAX_ENTRIES + 1];
	struct boot_range got[3];
	bool cut = false;
	uint32_t i;

	for (i = 0; i < COUNT(e); i++)
		e[i] = (struct memmap_entry){ i * MIB, i + 1, E820_RAM, 0 };
	assert_int_equal(memmap_usable(e, COUNT(e), got, 3, &cut), 3);
	assert_true(cut);
	/* The largest of those that were looked at. */
	for (i = 0; i < 3; i++)
		assert_int_equal(got[i].start,
				 (MEMMAP_MAX_ENTRIES - 3 + i) * MIB);
}

static uint32_t read_ids(uint8_t *ids, const char **problem)
{
	return acpi_read_apic_ids(acpi_find_rsdp(), ids, 64, problem);
}

static void test_acpi(void **state)
{
	const char *problem;
	uint8_t ids[64];
	uint32_t i;
	int wide;

	for (wide = 0; wide < 2; wide++) {
		low_put_acpi(10, wide);
		assert_int_equal(acpi_find_rsdp(), LOW_RSDP);
		assert_int_equal(read_ids(ids, &problem), 10);
		assert_null(problem);
		for (i = 0; i < 10; i++)
			assert_int_equal(ids[i], 2 * i);
		assert_int_equal(acpi_read_apic_ids(LOW_RSDP, ids, 3, &problem),
				 3);
	}
	/* In the extended BIOS data area, where a search begins. */
	low_put_acpi(1, 0);
	low_put(0x40e, (LOW_RSDP - 0x10) >> 4, 2);
	assert_int_equal(acpi_find_rsdp(), LOW_RSDP);
	low_put(0x40e, 0xffff, 2);
	assert_int_equal(acpi_find_rsdp(), LOW_RSDP);
}

static void test_acpi_damage(void **state)
{
	static const struct {
		uint64_t offset; /* from LOW_RSDP, or from the MADT */
		bool in_madt;
		uint64_t value;
		uint32_t bytes;
		uint32_t nr; /* vCPUs found all the same */
		const char *problem;
	} cases[] = {
		{ 0, false, 'X', 1, 0, "there is no ACPI root pointer" },
		{ 9, false, 'X', 1, 0, "there is no ACPI root pointer" },
		{ 0, true, 'X', 1, 0, "ACPI lists no MADT" },
		{ 4, true, 0, 4, 0, "ACPI lists no MADT" },
		{ 4, true, 35, 4, 0, "ACPI lists no MADT" },
		{ 4, true, 0xffffffff, 4, 0, "ACPI lists no MADT" },
		{ 4, true, 44, 4, 0, NULL },
		{ 4, true, 40, 4, 0, NULL },
		/* Half an entry, none, one of length 0 and 1. */
		{ 4, true, 57, 4, 1, "the MADT is damaged" },
		{ 4, true, 53, 4, 1, NULL },
		{ 45, true, 0, 1, 0, "the MADT is damaged" },
		{ 53, true, 1, 1, 1, "the MADT is damaged" },
		/* Too short for its type; twice the same; disabled. */
		{ 45, true, 4, 1, 0, "the MADT is damaged" },
		{ 55, true, 0, 1, 3, NULL },
		{ 48, true, 0, 1, 3, NULL },
	};
	const char *problem;
	uint8_t ids[64];
	size_t i;

	for (i = 0; i < COUNT(cases); i++) {
		uint64_t madt = low_put_acpi(4, 0);

		low_put((cases[i].in_madt ? madt : LOW_RSDP) + cases[i].offset,
			cases[i].value, cases[i].bytes);
		assert_int_equal(read_ids(ids, &problem), cases[i].nr);
		if (cases[i].problem)
			assert_string_equal(problem, cases[i].problem);
		else
			assert_null(problem);
	}
	/* Root tables out of reach, too short, too long. */
	low_put_acpi(4, 1);
	low_put(LOW_RSDP + 24, LOW_MEMORY_BYTES - 8, 8);
	assert_int_equal(acpi_read_apic_ids(LOW_RSDP, ids, 64, &problem), 0);
	assert_string_equal(problem, "the ACPI root table is damaged");
	low_put(LOW_RSDP + 24, 1ull << 40, 8);
	assert_int_equal(acpi_read_apic_ids(LOW_RSDP, ids, 64, &problem), 0);
	assert_string_equal(problem, "the ACPI root table is damaged");
	assert_int_equal(acpi_read_apic_ids(5ull << 40, ids, 64, &problem), 0);
	assert_int_equal(
		acpi_read_apic_ids(LOW_MEMORY_BYTES - 21, ids, 64, &problem),
		0);
}

static const char *const strings[] = {
	"other:seed=1",
	"vmferry:",
	"vmferry:rate=5M wss=8M",
	"vmferr:seed=2",
	"vmferry:seed=\x01\xff-3",
	"xvmferry:seed=4",
};

static void test_smbios(void **state)
{
	struct gather g;
	int wide;

	for (wide = 0; wide < 2; wide++) {
		low_put_smbios(strings, COUNT(strings), wide);
		g = (struct gather){ .used = 0 };
		assert_int_equal(smbios_find(), LOW_SMBIOS);
		assert_null(smbios_gather(LOW_SMBIOS, &g));
		assert_string_equal(g.text, "rate=5M wss=8M seed=  -3");
	}
	low_put_smbios(NULL, 0, 1);
	g = (struct gather){ .used = 0 };
	assert_null(smbios_gather(smbios_find(), &g));
	assert_string_equal(g.text, "");
	/* There is none at all. */
	low_put_acpi(1, 0);
	assert_int_equal(smbios_find(), 0);
	assert_null(smbios_gather(0, &g));
}

static void test_smbios_damage(void **state)
{
	static const struct {
		uint64_t gpa;
		uint64_t value;
		uint32_t bytes;
		bool entry; /* the entry point's sum is put right */
		const char *problem;
	} cases[] = {
		{ LOW_SMBIOS + 12, 1, 1, false,
		  "the SMBIOS entry point is damaged" },
		{ LOW_SMBIOS + 6, 23, 1, true,
		  "the SMBIOS entry point is damaged" },
		{ LOW_SMBIOS + 6, 255, 1, true,
		  "the SMBIOS entry point is damaged" },
		{ LOW_SMBIOS + 16, 1ull << 40, 8, true,
		  "the SMBIOS table is out of reach" },
		{ LOW_SMBIOS + 16, LOW_MEMORY_BYTES - 4, 8, true,
		  "the SMBIOS table is out of reach" },
		{ LOW_SMBIOS + 12, 0xffffffff, 4, true,
		  "the SMBIOS table is out of reach" },
		{ LOW_SMBIOS + 12, 0, 4, true,
		  "the SMBIOS table is out of reach" },
		{ LOW_OEM + 1, 0, 1, false, "the SMBIOS table is damaged" },
		{ LOW_OEM + 1, 3, 1, false, "the SMBIOS table is damaged" },
		{ LOW_OEM + 1, 255, 1, false, "the SMBIOS table is damaged" },
		/* It ends within a structure, within a string. */
		{ LOW_SMBIOS + 12, 10, 4, true, NULL },
		{ LOW_SMBIOS + 12, 12, 4, true, "the SMBIOS table is damaged" },
		{ LOW_SMBIOS + 12, 20, 4, true, "the SMBIOS table is damaged" },
	};
	struct gather g;
	size_t i;

	for (i = 0; i < COUNT(cases); i++) {
		const char *problem;

		low_put_smbios(strings, COUNT(strings), 1);
		low_put(cases[i].gpa, cases[i].value, cases[i].bytes);
		if (cases[i].entry)
			low_fix_sum(LOW_SMBIOS, 24, LOW_SMBIOS + 5);
		g = (struct gather){ .used = 0 };
		problem = smbios_gather(LOW_SMBIOS, &g);
		if (cases[i].problem)
			assert_string_equal(problem, cases[i].problem);
		else
			assert_null(problem);
	}
}

static void test_gather_room(void **state)
{
	static char piece[GATHER_BYTES];
	struct gather g = { .used = 0 };

	memset(piece, 'x', sizeof(piece));
	gather_add(&g, piece, sizeof(piece));
	assert_true(g.cut);
	assert_int_equal(g.used, 0);
	gather_add(&g, piece, GATHER_BYTES - 2);
	assert_int_equal(strlen(g.text), GATHER_BYTES - 2);
	gather_add(&g, "y", 1);
	gather_add_key(&g, "k", 1, "v", 1);
	assert_int_equal(strlen(g.text), GATHER_BYTES - 2);
	g = (struct gather){ .used = 0 };
	gather_add_key(&g, "key", 3, "a\0b", 3);
	gather_add(&g, "z=1", 10);
	assert_string_equal(g.text, "key=a z=1");
}

static void put_file(struct fwcfg_dir *dir, uint32_t i, const char *name,
		     uint8_t size)
{
	memset(&dir->file[i], 0, sizeof(dir->file[i]));
	dir->file[i].size[3] = size;
	dir->file[i].select[1] = (uint8_t)i;
	strncpy(dir->file[i].name, name, FWCFG_KEY_BYTES);
}

static void test_fwcfg(void **state)
{
	static struct fwcfg_dir dir;
	struct fwcfg_file file;
	uint32_t at = 0;

	assert_false(fwcfg_find(&dir, &at, &file));
	memset(&dir, 'o', sizeof(dir));
	put_file(&dir, 0, "etc/x", 1);
	put_file(&dir, 1, "opt/vmferry/", 1);
	put_file(&dir, 2, "opt/vmferry/rate", 2);
	/* A name that does not end, in a file of 4 GiB. */
	memset(&dir.file[3], 0xff, 8);
	memcpy(dir.file[3].name,
	       "opt/vmferry/"
	       "01234567890123456789012345678901234567890123",
	       FWCFG_KEY_BYTES);
	at = 0;
	/* Four billion files, says the count. */
	assert_true(fwcfg_find(&dir, &at, &file));
	assert_string_equal(file.key, "rate");
	assert_int_equal(file.select, 2);
	assert_int_equal(file.bytes, 2);
	assert_true(fwcfg_find(&dir, &at, &file));
	assert_int_equal(strlen(file.key), FWCFG_KEY_BYTES - 13);
	assert_int_equal(file.bytes, FWCFG_VALUE_BYTES);
	assert_false(fwcfg_find(&dir, &at, &file));
	assert_int_equal(at, FWCFG_FILES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memmap),
		cmocka_unit_test(test_memmap_too_many),
		cmocka_unit_test(test_acpi),
		cmocka_unit_test(test_acpi_damage),
		cmocka_unit_test(test_smbios),
		cmocka_unit_test(test_smbios_damage),
		cmocka_unit_test(test_gather_room),
		cmocka_unit_test(test_fwcfg),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
