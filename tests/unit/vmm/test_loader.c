/* SPDX-License-Identifier: MIT */
/*
 * The PVH loader against images that lie. Each bad case changes one thing of a
 * good image and must be refused with a sentence that names it.
 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "unit/random.h"
#include "unit/unit.h"
#include "vmm/loader.h"

#define RAM (32ull << 20)
#define CONTROL_BYTES 8192u
#define TWO_MIB (2ull << 20)

struct note {
	Elf64_Nhdr head;
	char name[4];
	uint32_t entry;
};

/* A kernel of two segments and a note. */
struct image {
	Elf64_Ehdr h;
	Elf64_Phdr ph[3];
	struct note note;
	uint8_t text[64];
	uint8_t data[32];
};

#define AT(member) offsetof(struct image, member)

static struct image good_image(void)
{
	struct image img = {
		.h = {
			.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64,
				     ELFDATA2LSB, EV_CURRENT },
			.e_type = ET_DYN,
			.e_machine = EM_X86_64,
			.e_version = EV_CURRENT,
			.e_phoff = AT(ph),
			.e_ehsize = sizeof(Elf64_Ehdr),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 3,
		},
		.ph = {
			{ .p_type = PT_LOAD, .p_flags = PF_R | PF_X,
			  .p_offset = AT(text), .p_vaddr = 0x200000,
			  .p_paddr = 0x200000, .p_filesz = 64, .p_memsz = 64,
			  .p_align = 1 },
			{ .p_type = PT_LOAD, .p_flags = PF_R | PF_W,
			  .p_offset = AT(data), .p_vaddr = 0x201000,
			  .p_paddr = 0x201000, .p_filesz = 32,
			  .p_memsz = 0x3000, .p_align = 0 },
			{ .p_type = PT_NOTE, .p_offset = AT(note),
			  .p_filesz = sizeof(struct note), .p_align = 4 },
		},
		.note = { { 4, 4, 18 }, "Xen", 0x200010 },
	};

	memset(img.text, 0x90, sizeof(img.text));
	memset(img.data, 0xdd, sizeof(img.data));
	return img;
}

static int setup(void **state)
{
	struct guestmem *mem = calloc(1, sizeof(*mem));

	*state = mem;
	return mem ? guestmem_init(mem,
				   &(struct guestmem_params){
					   .ram_bytes = RAM,
					   .backing = BACKING_ANON,
					   .control_bytes = CONTROL_BYTES },
				   NULL)
		   : -1;
}

static int teardown(void **state)
{
	guestmem_exit(*state);
	free(*state);
	return 0;
}

static int load(const struct guestmem *mem, const struct image *img,
		size_t bytes, uint64_t base, struct error *err)
{
	struct loader_params p = { .base_gpa = base };
	struct loader_result r;

	return loader_load_pvh(mem, img, bytes, &p, &r, err);
}

struct bad {
	const char *word; /* in the sentence */
	size_t offset, bytes;
	uint64_t value;
};

#define SET(member, v, w)                                                      \
	{                                                                      \
		w, AT(member), sizeof(((struct image *)0)->member), v          \
	}

static const struct bad bad[] = {
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
	SET(h.e_phoff, UINT64_MAX - 168, "cut within its program headers"),
	SET(h.e_phoff, sizeof(struct image) - 100, "cut within"),
	SET(ph[0].p_type, PT_INTERP, "interpreter"),
	SET(ph[0].p_offset, sizeof(struct image) + 1, "is cut"),
	SET(ph[0].p_offset, UINT64_MAX, "is cut"),
	SET(ph[0].p_filesz, UINT64_MAX, "is cut"),
	SET(ph[0].p_filesz, 65, "65 in the file"),
	SET(ph[0].p_memsz, 63, "63 bytes in memory"),
	SET(ph[0].p_memsz, UINT64_MAX, "wraps"),
	SET(ph[1].p_memsz, UINT64_MAX - 0x201000 + 1, "wraps"),
	SET(ph[1].p_memsz, RAM - 0x201000 + 1, "outside of RAM"),
	SET(ph[1].p_memsz, UINT64_MAX - 0x201000, "outside of RAM"),
	SET(ph[0].p_align, 3, "power of two"),
	SET(ph[0].p_align, 0x1000, "alignment"),
	SET(ph[1].p_paddr, 0x20003f, "overlapping"),
	SET(ph[1].p_paddr, 0x1fff00, "overlapping"),
	SET(ph[1].p_paddr, 0x200000, "overlapping"),
	SET(ph[1].p_paddr, 0, "outside of RAM"),
	SET(ph[1].p_paddr, 0xfffff, "outside of RAM"),
	SET(ph[1].p_paddr, RAM, "outside of RAM"),
	SET(ph[1].p_paddr, GUESTMEM_CONTROL_GPA, "outside of RAM"),
	SET(ph[1].p_paddr, 1ull << 63, "outside of RAM"),
	SET(ph[0].p_type, PT_NULL, "entry point"),
	SET(ph[0].p_flags, PF_R, "entry point"),
	SET(ph[2].p_type, PT_NULL, "no PVH note"),
	SET(ph[2].p_offset, UINT64_MAX - 4, "is cut"),
	SET(ph[2].p_filesz, 11, "note's header"),
	SET(ph[2].p_filesz, 19, "past the end"),
	SET(ph[2].p_filesz, 0, "no PVH note"),
	SET(note.head.n_namesz, 5, "past the end"),
	SET(note.head.n_namesz, UINT32_MAX, "past the end"),
	SET(note.head.n_descsz, 8, "past the end"),
	SET(note.head.n_descsz, UINT32_MAX, "past the end"),
	SET(note.head.n_descsz, 2, "2 bytes, neither"),
	SET(note.head.n_type, 17, "no PVH note"),
	SET(note.name[0], 'x', "no PVH note"),
	SET(note.entry, 0x1fffff, "entry point"),
	SET(note.entry, 0x200040, "entry point"),
	SET(note.entry, 0x201000, "entry point"),
	SET(note.entry, UINT32_MAX, "entry point"),
};

static void test_bad_images(void **state)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		struct image img = good_image();
		struct error err = { "" };
		int rc;

		memcpy((uint8_t *)&img + bad[i].offset, &bad[i].value,
		       bad[i].bytes);
		rc = load(*state, &img, sizeof(img), 0, &err);
		if (rc != -ENOEXEC && rc != -E2BIG)
			fail_msg("case %zu (%s): %d", i, bad[i].word, rc);
		if (!strstr(err.text, bad[i].word))
			fail_msg("case %zu: '%s' lacks '%s'", i, err.text,
				 bad[i].word);
	}
}

static void test_two_notes(void **state)
{
	struct image img = good_image();
	struct error err = { "" };

	img.ph[1] = img.ph[2];
	assert_int_equal(load(*state, &img, sizeof(img), 0, &err), -ENOEXEC);
	assert_non_null(strstr(err.text, "two PVH notes"));
}

/* Cut anywhere it is refused: the last part of the file is a segment. */
static void test_truncated(void **state)
{
	struct image img = good_image();
	size_t n;

	for (n = 0; n < AT(data) + sizeof(img.data); n++) {
		void *copy = malloc(n + !n); /* ASan guards its end */

		memcpy(copy, &img, n);
		assert_int_equal(load(*state, copy, n, 0, NULL), -ENOEXEC);
		free(copy);
	}
}

static void test_bad_params(void **state)
{
	struct guestmem *mem = *state;
	struct image img = good_image();
	struct loader_params p = { .base_gpa = 0 };
	struct loader_result r;
	static char longest[LOADER_CMDLINE_MAX_BYTES + 1];

	assert_int_equal(load(mem, &img, sizeof(img), 4096, NULL), -EINVAL);
	assert_int_equal(load(mem, &img, sizeof(img), 1ull << 32, NULL),
			 -EINVAL);
	assert_int_equal(load(mem, &img, sizeof(img), RAM, NULL), -E2BIG);
	img.h.e_type = ET_EXEC;
	assert_int_equal(load(mem, &img, sizeof(img), TWO_MIB, NULL), -ENOEXEC);
	memset(longest, 'x', LOADER_CMDLINE_MAX_BYTES);
	p.cmdline = longest;
	assert_int_equal(loader_load_pvh(mem, &img, sizeof(img), &p, &r, NULL),
			 -E2BIG);
	longest[LOADER_CMDLINE_MAX_BYTES - 1] = '\0';
	assert_int_equal(loader_load_pvh(mem, &img, sizeof(img), &p, &r, NULL),
			 0);
	p.control_gpa = GUESTMEM_CONTROL_GPA + 4096;
	p.control_bytes = CONTROL_BYTES;
	assert_int_equal(loader_load_pvh(mem, &img, sizeof(img), &p, &r, NULL),
			 -EINVAL);
}

static uint64_t get64(const struct guestmem *mem, uint64_t gpa)
{
	uint64_t value;

	memcpy(&value, guestmem_at(mem, gpa, 8), 8);
	return value;
}

static uint32_t get32(const struct guestmem *mem, uint64_t gpa)
{
	return (uint32_t)get64(mem, gpa);
}

/* Offsets from Xen's start_info.h. */
static void check_start_info(const struct guestmem *mem, uint64_t info)
{
	uint64_t module = get64(mem, info + 16), map = get64(mem, info + 40);

	assert_int_equal(get32(mem, info), 0x336ec578);
	assert_int_equal(get32(mem, info + 4), 1);
	assert_int_equal(get32(mem, info + 12), 1); /* modules */
	assert_int_equal(get64(mem, info + 32), 0); /* RSDP */
	assert_string_equal(guestmem_at(mem, get64(mem, info + 24), 1),
			    "a=b c=d");
	assert_int_equal(get64(mem, module), GUESTMEM_CONTROL_GPA);
	assert_int_equal(get64(mem, module + 8), CONTROL_BYTES);
	assert_string_equal(guestmem_at(mem, get64(mem, module + 16), 1),
			    ABI_CONTROL_MODULE);
	assert_int_equal(get32(mem, info + 48), 2); /* memory map */
	assert_int_equal(get64(mem, map), 0);
	assert_int_equal(get64(mem, map + 8), RAM);
	assert_int_equal(get32(mem, map + 16), 1);
	assert_int_equal(get64(mem, map + 24), GUESTMEM_CONTROL_GPA);
	assert_int_equal(get64(mem, map + 32), CONTROL_BYTES);
	assert_int_equal(get32(mem, map + 40), 2);
}

static void test_good_image(void **state)
{
	static const uint64_t base[] = { 0, TWO_MIB, 4 * TWO_MIB, 14ull << 20 };
	struct guestmem *mem = *state;
	struct image img = good_image();
	size_t i;

	for (i = 0; i < ARRAY_LEN(base); i++) {
		uint64_t at = base[i] ? base[i] : 0x200000;
		struct loader_params p = {
			.base_gpa = base[i],
			.cmdline = "a=b c=d",
			.control_gpa = GUESTMEM_CONTROL_GPA,
			.control_bytes = CONTROL_BYTES,
		};
		struct loader_result r;

		assert_int_equal(
			loader_load_pvh(mem, &img, sizeof(img), &p, &r, NULL),
			0);
		assert_int_equal(r.entry_gpa, at + 0x10);
		assert_int_equal(r.image_gpa, at);
		assert_int_equal(r.image_bytes, 0x4000);
		assert_true(r.start_info_gpa < 0xa0000);
		assert_memory_equal(guestmem_at(mem, at, 64), img.text, 64);
		assert_memory_equal(guestmem_at(mem, at + 0x1000, 32), img.data,
				    32);
		check_start_info(mem, r.start_info_gpa);
	}
	/* The AP trampoline's place stays free. */
	for (i = 0x8000; i < 0x9000; i += 8)
		assert_int_equal(get64(mem, i), 0);
}

/* Damage at random: whatever happens, it stays inside (ASan watches). */
static void test_random_damage(void **state)
{
	struct rng rng = { 1 };
	unsigned int i, n;

	for (i = 0; i < 20000; i++) {
		struct image *img = malloc(sizeof(*img));

		*img = good_image();
		for (n = 0; n <= i % 4; n++)
			((uint8_t *)img)[rng_below(&rng, AT(text))] =
				(uint8_t)rng_next(&rng);
		load(*state, img, sizeof(*img), i % 3 ? 0 : TWO_MIB * (i % 8),
		     NULL);
		free(img);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_images),
		cmocka_unit_test(test_two_notes),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_bad_params),
		cmocka_unit_test(test_good_image),
		cmocka_unit_test(test_random_damage),
	};

	return cmocka_run_group_tests_name("vmm/loader", tests, setup,
					   teardown);
}
