/* SPDX-License-Identifier: MIT */
/* UEFI's memory map, its load options, and the image that is placed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <elf.h>
#include <string.h>
#include <cmocka.h>

#include "boot/efimap.h"
#include "boot/place.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct entry {
	uint64_t type, start, virtual_start, nr_pages, attributes, more;
};

static const struct entry entries[] = {
	{ 3, 0, 0, 1, 0, 0 }, /* boot services code: page 0 */
	{ 7, 0x1000, 0, 0x9f, 0, 0 },
	{ 0, 0xa0000, 0, 0x60, 0, 0 },
	{ 7, MIB, 0, 0x300, 0, 0 }, /* to 4 MiB */
	{ 10, 4 * MIB, 0, 1, 0, 0 },
	{ 7, 4 * MIB + 4096, 0, 0x500, 0, 0 },
	{ 2, 16 * MIB, 0, 0x100, 0, 0 },
	{ 4, 17 * MIB, 0, 0x100, 0, 0 },
	{ 9, 18 * MIB, 0, 1, 0, 0 },
	{ 8, 19 * MIB, 0, 1, 0, 0 },
	{ 99, 20 * MIB, 0, 1, 0, 0 },
	{ 7, 4 * GIB, 0, 0x40000, 0, 0 },
};

static void test_convert(void **state)
{
	static const struct memmap_entry want[] = {
		{ 0, 0xa0000, E820_RAM, 0 },
		{ 0xa0000, 0x60000, E820_RESERVED, 0 },
		{ MIB, 3 * MIB, E820_RAM, 0 },
		{ 4 * MIB, 4096, E820_NVS, 0 },
		{ 4 * MIB + 4096, 5 * MIB, E820_RAM, 0 },
		{ 16 * MIB, 2 * MIB, E820_RAM, 0 },
		{ 18 * MIB, 4096, E820_ACPI, 0 },
		{ 19 * MIB, 4096, E820_BAD, 0 },
		{ 20 * MIB, 4096, E820_RESERVED, 0 },
		{ 4 * GIB, GIB, E820_RAM, 0 },
	};
	struct efi_map map = { entries, sizeof(entries), sizeof(entries[0]) };
	struct memmap_entry got[COUNT(want) + 1];

	assert_int_equal(efimap_convert(&map, got, COUNT(got)), COUNT(want));
	assert_memory_equal(got, want, sizeof(want));
	assert_int_equal(efimap_convert(&map, got, 2), 2);
	/* Half an entry at the end, entries too short, none. */
	map.bytes -= 5;
	assert_int_equal(efimap_convert(&map, got, COUNT(got)),
			 COUNT(want) - 1);
	map.entry_bytes = 39;
	assert_int_equal(efimap_convert(&map, got, COUNT(got)), 0);
	map.entry_bytes = 0;
	assert_int_equal(efimap_convert(&map, got, COUNT(got)), 0);
	map = (struct efi_map){ NULL, 0, 48 };
	assert_int_equal(efimap_convert(&map, got, COUNT(got)), 0);
}

static void test_find(void **state)
{
	static const struct entry odd[] = {
		{ 7, 8 * MIB, 0, UINT64_MAX, 0, 0 },
		{ 7, UINT64_MAX & ~4095ull, 0, 1, 0, 0 },
	};
	struct efi_map map = { entries, sizeof(entries), sizeof(entries[0]) };
	const uint64_t align = 2 * MIB;

	assert_int_equal(efimap_find(&map, 2 * MIB, align, align), 2 * MIB);
	assert_int_equal(efimap_find(&map, 2 * MIB + 1, align, align), 6 * MIB);
	assert_int_equal(efimap_find(&map, 4096, align, 3 * MIB), 6 * MIB);
	assert_int_equal(efimap_find(&map, 4 * MIB, align, align), 0);
	/* Above 4 GiB nothing is found, nor past the end of everything. */
	assert_int_equal(efimap_find(&map, 4096, align, 4 * GIB), 0);
	map = (struct efi_map){ odd, sizeof(odd), sizeof(odd[0]) };
	assert_int_equal(efimap_find(&map, 4096, align, align), 8 * MIB);
	assert_int_equal(efimap_find(&map, 4 * GIB - 8 * MIB, align, align),
			 8 * MIB);
	assert_int_equal(efimap_find(&map, 4 * GIB, align, align), 0);
}

static void test_text(void **state)
{
	char text[8];

	assert_int_equal(efimap_text(L"", 0, text, 8), 0);
	assert_string_equal(text, "");
	assert_int_equal(efimap_text("a\0=\0b\0\0\0c\0", 10, text, 8), 3);
	assert_string_equal(text, "a=b");
	/* No NUL, an odd byte, and what is not ASCII. */
	assert_int_equal(efimap_text("a\0\xe9\0\0\x04zz", 7, text, 8), 3);
	assert_string_equal(text, "a??");
	assert_int_equal(efimap_text("1\0"
				     "2\0"
				     "3\0"
				     "4\0"
				     "5\0",
				     10, text, 4),
			 3);
	assert_string_equal(text, "123");
	assert_int_equal(efimap_text("1\0", 2, text, 1), 0);
	assert_string_equal(text, "");
}

struct image {
	Elf64_Ehdr header;
	Elf64_Phdr segment[3];
	uint8_t bytes[64];
};

static void make_image(struct image *image)
{
	*image = (struct image){
		.header = {
			.e_ident = "\177ELF\2\1",
			.e_machine = EM_X86_64,
			.e_entry = 2 * MIB + 16,
			.e_phoff = sizeof(Elf64_Ehdr),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 3,
		},
		.segment = {
			{ .p_type = PT_LOAD,
			  .p_offset = offsetof(struct image, bytes),
			  .p_vaddr = 2 * MIB,
			  .p_filesz = 32,
			  .p_memsz = 32 },
			{ .p_type = PT_NOTE, .p_offset = UINT64_MAX },
			{ .p_type = PT_LOAD,
			  .p_offset = offsetof(struct image, bytes) + 32,
			  .p_vaddr = 2 * MIB + 4096,
			  .p_filesz = 32,
			  .p_memsz = 4097 },
		},
	};
	memset(image->bytes, 0x5a, sizeof(image->bytes));
}

static void test_place(void **state)
{
	static uint8_t memory[3 * 4096];
	struct image image;
	uint64_t bytes = 0;
	size_t i;

	make_image(&image);
	assert_true(place_measure(&image, sizeof(image), &bytes));
	assert_int_equal(bytes, sizeof(memory));
	memset(memory, 0xff, sizeof(memory));
	assert_int_equal(place_copy(&image, bytes, memory),
			 (uint64_t)memory + 16);
	for (i = 0; i < sizeof(memory); i++)
		assert_int_equal(memory[i],
				 i % 4096 < 32 && i < 8192 ? 0x5a : 0);
}

static void test_place_damage(void **state)
{
	static const struct {
		size_t offset;
		uint64_t value;
		uint32_t bytes;
	} cases[] = {
		{ 0, 'X', 1 },
		{ offsetof(Elf64_Ehdr, e_machine), EM_386, 2 },
		{ offsetof(Elf64_Ehdr, e_entry), 4 * MIB - 1, 8 },
		{ offsetof(Elf64_Ehdr, e_phoff), UINT64_MAX, 8 },
		{ offsetof(Elf64_Ehdr, e_phoff), 65, 8 },
		{ offsetof(Elf64_Ehdr, e_phnum), 0xffff, 2 },
		{ offsetof(Elf64_Ehdr, e_phnum), 0, 2 },
		{ offsetof(Elf64_Ehdr, e_phentsize), 1, 2 },
		{ offsetof(struct image, segment[0].p_offset), UINT64_MAX, 8 },
		{ offsetof(struct image, segment[0].p_filesz), UINT64_MAX, 8 },
		{ offsetof(struct image, segment[0].p_filesz), 33, 8 },
		{ offsetof(struct image, segment[2].p_memsz), 2 * MIB, 8 },
		{ offsetof(struct image, segment[2].p_memsz), UINT64_MAX, 8 },
	};
	struct image image;
	uint64_t bytes = 7;
	size_t i;

	for (i = 0; i < COUNT(cases); i++) {
		make_image(&image);
		memcpy((uint8_t *)&image + cases[i].offset, &cases[i].value,
		       cases[i].bytes);
		assert_false(place_measure(&image, sizeof(image), &bytes));
	}
	make_image(&image);
	assert_false(place_measure(&image, sizeof(image) - 1, &bytes));
	assert_false(place_measure(&image, 10, &bytes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_convert),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_place),
		cmocka_unit_test(test_place_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
