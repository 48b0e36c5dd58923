/* SPDX-License-Identifier: MIT */
/* The image's file: laid out as in memory, and every lie in it refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <elf.h>
#include <errno.h>

#include "../random.h"
#include "drive/elf_image.h"
#include "fake_guest.h"

static struct fake_guest *make(void)
{
	struct oracle o = { .seed = 1,
			    .epoch = 1,
			    .nr_vcpus = 1,
			    .nr_orders = 1,
			    .order[0].pattern = 1,
			    .write = 1,
			    .content = 1,
			    .nr_pages = 1 };

	return fake_guest_create(o, 0);
}

static void image_is_laid_out(void **state)
{
	struct fake_guest *g = make();
	struct elf_image image;
	uint64_t moved, was;
	size_t at;

	assert_int_equal(elf_image_load(g->elf, g->elf_bytes, FAKE_IMAGE_GPA,
					&image, NULL),
			 0);
	assert_int_equal(image.bytes, 0x5000);
	assert_memory_equal(image.data, g->high, FAKE_IMAGE_BYTES);
	assert_non_null(elf_image_page(&image, FAKE_IMAGE_GPA + 0x2000));
	assert_null(elf_image_page(&image, FAKE_IMAGE_GPA + 0x3000));
	assert_null(elf_image_page(&image, FAKE_IMAGE_GPA + 0x5000));
	assert_null(elf_image_page(&image, FAKE_IMAGE_GPA - 1));
	elf_image_exit(&image);

	/* Elsewhere only the relocated words differ. */
	assert_int_equal(
		elf_image_load(g->elf, g->elf_bytes, 0x40000000, &image, NULL),
		0);
	memcpy(&moved, image.data + 0x10, 8);
	assert_int_equal(moved, 0x40000123);
	for (at = 0x2000; at <= 0x2000 + 63 * 8; at += 8) {
		memcpy(&was, g->high + at, 8);
		memcpy(&moved, image.data + at, 8);
		if (at == 0x2000 || at == 0x2010 || at == 0x2000 + 63 * 8)
			was += 0x40000000 - FAKE_IMAGE_GPA;
		assert_int_equal(moved, was);
	}
	assert_memory_equal(image.data + 0x18, g->high + 0x18, 0x2000 - 0x18);
	assert_memory_equal(image.data + at, g->high + at,
			    FAKE_IMAGE_BYTES - at);
	elf_image_exit(&image);
	fake_guest_destroy(g);
}

struct lie {
	const char *what;
	size_t offset, bytes;
	uint64_t value;
};

#define EHDR(name) offsetof(Elf64_Ehdr, name), sizeof(((Elf64_Ehdr *)0)->name)
#define PHDR(i, name)                                                          \
	sizeof(Elf64_Ehdr) + (i) * sizeof(Elf64_Phdr) +                        \
		offsetof(Elf64_Phdr, name),                                    \
		sizeof(((Elf64_Phdr *)0)->name)
#define DYN(i) 0x3800 + (i) * sizeof(Elf64_Dyn) + 8, 8
#define RELA(name)                                                             \
	0x1100 + offsetof(Elf64_Rela, name), sizeof(((Elf64_Rela *)0)->name)
#define RELR(i) 0x1200 + (i)*8, 8

static const struct lie lies[] = {
	/* tests/unit/base/test_elf_file.c has the others of these. */
	{ "not an ELF file", 0, 1, 0 },
	{ "is for machine 3", EHDR(e_machine), EM_386 },
	{ "program headers", EHDR(e_phoff), 0x4000 },
	{ "is cut", PHDR(0, p_offset), 0x4000 },
	{ "in the file", PHDR(0, p_filesz), 0x2801 },
	{ "wraps", PHDR(0, p_memsz), UINT64_MAX },
	{ "wraps", PHDR(0, p_paddr), UINT64_MAX },
	{ "wraps", PHDR(0, p_vaddr), UINT64_MAX },
	{ "too large", PHDR(0, p_memsz), ELF_IMAGE_MAX_BYTES + 1 },
	{ "too large", PHDR(0, p_paddr), UINT64_MAX - (1 << 20) },
	{ "too large", PHDR(0, p_vaddr), UINT64_MAX - (1 << 20) },
	{ "too far apart", PHDR(1, p_paddr), 0x4400000 },
	{ "is cut", PHDR(2, p_offset), 0x4000 },
	{ "odd size", DYN(1), 23 },
	{ "odd size", DYN(2), 16 },
	{ "table outside", DYN(0), 0 },
	{ "table outside", DYN(1), 24 * 1000 },
	{ "unknown type", RELA(r_info), R_X86_64_64 },
	{ "relocation outside", RELA(r_offset), 0 },
	{ "relocation outside", RELA(r_offset), 0x400000 + 0x27fc },
	{ "relocation outside", RELA(r_offset), UINT64_MAX },
	{ "odd size", DYN(4), 15 },
	{ "odd size", DYN(5), 24 },
	{ "table outside", DYN(3), 0 },
	{ "table outside", DYN(4), 8 * 4000 },
	{ "relocation outside", RELR(0), 0 },
	{ "relocation outside", RELR(0), 0x400000 + 0x27fa },
	{ "relocation outside", RELR(0), UINT64_MAX - 1 },
	/* A bitmap without a word before it. */
	{ "relocation outside", RELR(0), 3 },
};

static void lies_are_refused(void **state)
{
	struct fake_guest *g = make();
	uint8_t elf[sizeof(g->elf)];
	struct elf_image image;
	size_t i;

	for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct error err = { "" };
		int r;

		memcpy(elf, g->elf, sizeof(elf));
		memcpy(elf + lies[i].offset, &lies[i].value, lies[i].bytes);
		r = elf_image_load(elf, sizeof(elf), FAKE_IMAGE_GPA, &image,
				   &err);
		if (r != -EPROTO || !strstr(err.text, lies[i].what))
			fail_msg("'%s': %d, %s", lies[i].what, r, err.text);
	}
	assert_int_equal(
		elf_image_load(g->elf, g->elf_bytes, 0x201000, &image, NULL),
		-EPROTO);
	assert_int_equal(elf_image_load(g->elf, g->elf_bytes, -0x200000ull,
					&image, NULL),
			 0);
	elf_image_exit(&image);
	fake_guest_destroy(g);
}

/* Truncated anywhere, or with any bytes changed: no crash, no leak. */
static void noise_is_survived(void **state)
{
	struct fake_guest *g = make();
	struct rng rng = { 3 };
	struct elf_image image;
	uint8_t *elf;
	size_t i, bytes;

	for (i = 0; i < 4000; i++) {
		bytes = i < 2000 ? rng_below(&rng, sizeof(g->elf))
				 : sizeof(g->elf);
		elf = malloc(bytes + 1);
		memcpy(elf, g->elf, bytes);
		if (i >= 2000) {
			elf[rng_below(&rng, 256)] ^= rng_next(&rng) & 0xff;
			elf[0x3800 + rng_below(&rng, 64)] ^=
				rng_next(&rng) & 0xff;
		}
		if (!elf_image_load(elf, bytes, FAKE_IMAGE_GPA, &image, NULL))
			elf_image_exit(&image);
		free(elf);
	}
	fake_guest_destroy(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lies_are_refused),
		cmocka_unit_test(noise_is_survived),
		cmocka_unit_test(image_is_laid_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
