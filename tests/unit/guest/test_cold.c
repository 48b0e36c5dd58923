/* SPDX-License-Identifier: MIT */
/* The packed part of the image: the very one that is built, and damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "kern/cold.h"
#include "lib/branches.h"
#include "lib/lzma.h"

#define FLAGS (PF_R | PF_W | PF_X)

struct segment {
	uint8_t *file; /* all of it */
	const uint8_t *data;
	size_t bytes;
};

/* guest.elf and guest.elf.debug */
static struct segment shipped, plain;

static struct segment read_segment(const char *path)
{
	struct segment s = { 0 };
	FILE *f = fopen(path, "rbe");
	Elf64_Ehdr header;
	size_t bytes;
	int i;

	assert_non_null(f);
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	bytes = (size_t)ftell(f);
	rewind(f);
	s.file = malloc(bytes);
	assert_non_null(s.file);
	assert_int_equal(fread(s.file, 1, bytes, f), bytes);
	fclose(f);
	memcpy(&header, s.file, sizeof(header));
	for (i = 0; i < header.e_phnum; i++) {
		Elf64_Phdr p;

		memcpy(&p, s.file + header.e_phoff + i * sizeof(p), sizeof(p));
		if (p.p_type != PT_LOAD || p.p_flags != FLAGS)
			continue;
		assert_true(p.p_offset + p.p_filesz <= bytes);
		s.data = s.file + p.p_offset;
		s.bytes = p.p_filesz;
	}
	assert_non_null(s.data);
	return s;
}

static struct cold_header header(void)
{
	struct cold_header h;

	memcpy(&h, shipped.data, sizeof(h));
	return h;
}

/* From and to memory that ends where it must: a sanitizer sees a step aside. */
static bool unpacks(const uint8_t *packed, size_t packed_bytes,
		    size_t raw_bytes, uint32_t *ret_check)
{
	uint8_t *from = malloc(packed_bytes ? packed_bytes : 1);
	uint8_t *to = malloc(raw_bytes ? raw_bytes : 1);
	bool ok;

	assert_non_null(from);
	assert_non_null(to);
	memcpy(from, packed, packed_bytes);
	ok = lzma_unpack(from, packed_bytes, to, raw_bytes);
	branches_restore(to, ok ? raw_bytes : 0);
	if (ok)
		*ret_check = lzma_check(to, raw_bytes);
	free(from);
	free(to);
	return ok;
}

static void test_image(void **state)
{
	struct cold_header h = header();
	uint8_t *raw = malloc(h.raw_bytes);

	(void)state;
	assert_int_equal(h.magic, COLD_MAGIC);
	assert_int_equal(h.raw_bytes, plain.bytes);
	assert_int_equal(h.packed_bytes + sizeof(h), shipped.bytes);
	assert_non_null(raw);
	assert_true(lzma_unpack(shipped.data + sizeof(h), h.packed_bytes, raw,
				h.raw_bytes));
	branches_restore(raw, h.raw_bytes);
	assert_memory_equal(raw, plain.data, plain.bytes);
	assert_int_equal(lzma_check(raw, plain.bytes), h.check);
	free(raw);
}

static void test_truncated(void **state)
{
	struct cold_header h = header();
	size_t bytes;
	uint32_t check;

	(void)state;
	/* The end mark may be missing: nobody reads it. */
	for (bytes = 0; bytes < h.packed_bytes - 16; bytes += 97)
		assert_false(unpacks(shipped.data + sizeof(h), bytes,
				     h.raw_bytes, &check));
}

static void test_too_long(void **state)
{
	struct cold_header h = header();
	uint32_t check;

	(void)state;
	assert_false(unpacks(shipped.data + sizeof(h), h.packed_bytes,
			     h.raw_bytes + 1, &check));
	/* Shorter than what is packed: a match may end beyond it. */
	if (unpacks(shipped.data + sizeof(h), h.packed_bytes, h.raw_bytes - 1,
		    &check))
		assert_int_not_equal(check, h.check);
}

static void test_corrupt(void **state)
{
	struct cold_header h = header();
	uint8_t *packed = malloc(h.packed_bytes);
	uint32_t check;
	size_t i;

	(void)state;
	assert_non_null(packed);
	memcpy(packed, shipped.data + sizeof(h), h.packed_bytes);
	for (i = 0; i < h.packed_bytes - 16; i += 61) {
		packed[i] ^= 1u << i % 8;
		if (unpacks(packed, h.packed_bytes, h.raw_bytes, &check))
			assert_int_not_equal(check, h.check);
		packed[i] ^= 1u << i % 8;
	}
	free(packed);
}

static void test_noise(void **state)
{
	uint8_t packed[4096];
	uint32_t seed, x, check;
	size_t i;

	(void)state;
	for (seed = 1; seed < 200; seed++) {
		for (x = seed, i = 0; i < sizeof(packed); i++) {
			x = x * 1664525 + 1013904223;
			packed[i] = x >> 24;
		}
		packed[0] = 0;
		unpacks(packed, sizeof(packed), 20000, &check);
	}
	packed[0] = 1;
	assert_false(unpacks(packed, sizeof(packed), 100, &check));
}

/* Source: what cksum says of the nine digits. */
static void test_check(void **state)
{
	(void)state;
	assert_int_equal(lzma_check((const uint8_t *)"123456789", 9),
			 930766865);
	assert_int_equal(lzma_check(NULL, 0), 4294967295);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_image),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_corrupt),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_check),
	};
	int failed;

	if (argc != 3)
		return 2;
	shipped = read_segment(argv[1]);
	plain = read_segment(argv[2]);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	free(shipped.file);
	free(plain.file);
	return failed;
}
