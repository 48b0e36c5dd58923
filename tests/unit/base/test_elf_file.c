/* SPDX-License-Identifier: MIT */
/* Every lying field of an ELF header and its segments is refused by name. */
#include "base/elf_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unit/random.h"
#include "unit/unit.h"

struct image {
	Elf64_Ehdr h;
	Elf64_Phdr ph[4];
	uint8_t bytes[64];
};

#define AT(member) offsetof(struct image, member)
#define TEXT AT(bytes)

static struct image good_image(void)
{
	return (struct image){
		.h = {
			.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64,
				     ELFDATA2LSB, EV_CURRENT },
			.e_type = ET_DYN,
			.e_machine = EM_X86_64,
			.e_version = EV_CURRENT,
			.e_phoff = AT(ph),
			.e_ehsize = sizeof(Elf64_Ehdr),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 4,
		},
		.ph = {
			{ .p_type = PT_LOAD, .p_offset = TEXT,
			  .p_vaddr = 0x200000, .p_paddr = 0x200000,
			  .p_filesz = 64, .p_memsz = 64 },
			{ .p_type = PT_NOTE, .p_offset = TEXT, .p_filesz = 64 },
			{ .p_type = PT_DYNAMIC, .p_offset = TEXT + 64 },
			/* Of no interest: may say what it likes. */
			{ .p_type = PT_GNU_STACK, .p_offset = UINT64_MAX,
			  .p_filesz = UINT64_MAX },
		},
	};
}

static int walk(const void *data, size_t bytes, struct error *err)
{
	struct elf_file file;
	unsigned int i;
	int rc = elf_file_open(data, bytes, "the image", &file, err);

	for (i = 0; !rc && i < file.header.e_phnum; i++) {
		Elf64_Phdr ph;

		rc = elf_file_segment(&file, i, &ph, err);
		if (rc || ph.p_type == PT_GNU_STACK)
			continue;
		if (ph.p_type == PT_LOAD || ph.p_type == PT_NOTE ||
		    ph.p_type == PT_DYNAMIC)
			assert_true(ph.p_offset + ph.p_filesz <= bytes);
		if (ph.p_type == PT_LOAD) {
			assert_true(ph.p_filesz <= ph.p_memsz);
			assert_true(ph.p_paddr + ph.p_memsz >= ph.p_paddr);
			assert_true(ph.p_vaddr + ph.p_memsz >= ph.p_vaddr);
		}
	}
	return rc;
}

struct lie {
	const char *word; /* in the sentence */
	size_t offset, bytes;
	uint64_t value;
};

#define SET(member, v, w)                                                      \
	{                                                                      \
		w, AT(member), sizeof(((struct image *)0)->member), v          \
	}

static const struct lie lies[] = {
	SET(h.e_ident[0], 0x7e, "not an ELF"),
	SET(h.e_ident[EI_CLASS], ELFCLASS32, "64-bit"),
	SET(h.e_ident[EI_DATA], ELFDATA2MSB, "little-endian"),
	SET(h.e_ident[EI_VERSION], 2, "version"),
	SET(h.e_version, 0, "version"),
	SET(h.e_machine, EM_386, "machine 3"),
	SET(h.e_type, ET_REL, "type 1"),
	SET(h.e_type, ET_CORE, "type 4"),
	SET(h.e_ehsize, 52, "header of 52"),
	SET(h.e_phentsize, 32, "headers of 32"),
	SET(h.e_phentsize, 0, "headers of 0"),
	SET(h.e_phnum, 0, "0 program headers"),
	SET(h.e_phnum, 0xffff, "65535 program headers"),
	SET(h.e_phnum, 300, "cut within its program headers"),
	SET(h.e_phoff, UINT64_MAX, "cut within its program headers"),
	SET(h.e_phoff, UINT64_MAX - 224, "cut within its program headers"),
	SET(h.e_phoff, sizeof(struct image) - 100, "cut within"),
	SET(ph[0].p_offset, sizeof(struct image) + 1, "header 0 reaches"),
	SET(ph[0].p_offset, UINT64_MAX, "header 0 reaches"),
	SET(ph[0].p_offset, UINT64_MAX - 63, "header 0 reaches"),
	SET(ph[0].p_filesz, UINT64_MAX, "header 0 reaches"),
	SET(ph[0].p_filesz, UINT64_MAX - TEXT + 1, "header 0 reaches"),
	SET(ph[0].p_filesz, 65, "header 0 reaches"),
	SET(ph[0].p_memsz, 63, "63 bytes in memory and 64 in the file"),
	SET(ph[0].p_memsz, UINT64_MAX, "at 0x200000 that wraps"),
	SET(ph[0].p_memsz, UINT64_MAX - 0x1fffff, "at 0x200000 that wraps"),
	SET(ph[0].p_paddr, UINT64_MAX - 62, "wraps"),
	SET(ph[0].p_vaddr, UINT64_MAX - 62, "virtual address"),
	SET(ph[1].p_offset, UINT64_MAX - 4, "header 1 reaches"),
	SET(ph[1].p_filesz, 65, "header 1 reaches"),
	SET(ph[2].p_offset, TEXT + 65, "header 2 reaches"),
	SET(ph[2].p_filesz, 1, "header 2 reaches"),
};

static void test_lies(void **state)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(lies); i++) {
		struct image img = good_image();
		struct error err = { "" };

		memcpy((uint8_t *)&img + lies[i].offset, &lies[i].value,
		       lies[i].bytes);
		if (walk(&img, sizeof(img), &err) != -ENOEXEC)
			fail_msg("case %zu (%s) is taken", i, lies[i].word);
		if (!strstr(err.text, lies[i].word) ||
		    strncmp(err.text, "the image ", 10) != 0)
			fail_msg("case %zu: '%s' lacks '%s'", i, err.text,
				 lies[i].word);
	}
}

/* Just inside is good. */
static void test_limits(void **state)
{
	struct image img = good_image();

	assert_int_equal(walk(&img, sizeof(img), NULL), 0);
	img.h.e_type = ET_EXEC;
	img.ph[0].p_paddr = UINT64_MAX - 64;
	img.ph[0].p_vaddr = UINT64_MAX - 64;
	assert_int_equal(walk(&img, sizeof(img), NULL), 0);
}

/* Cut anywhere it is refused; ASan guards the end. */
static void test_truncated(void **state)
{
	struct image img = good_image();
	size_t n;

	for (n = 0; n < sizeof(img); n++) {
		void *copy = malloc(n + !n);

		assert_non_null(copy);
		memcpy(copy, &img, n);
		assert_int_equal(walk(copy, n, NULL), -ENOEXEC);
		free(copy);
	}
}

static void test_random_damage(void **state)
{
	struct rng rng = { 1 };
	unsigned int i, n;

	for (i = 0; i < 20000; i++) {
		struct image *img = malloc(sizeof(*img));

		assert_non_null(img);
		*img = good_image();
		for (n = 0; n <= i % 4; n++)
			((uint8_t *)img)[rng_below(&rng, TEXT)] =
				(uint8_t)rng_next(&rng);
		walk(img, sizeof(*img), NULL);
		free(img);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_random_damage),
	};

	return cmocka_run_group_tests_name("base-elf-file", tests, NULL, NULL);
}
