/* SPDX-License-Identifier: MIT */
/*
 * Random damage to boot data: memory maps, ACPI, SMBIOS, fw_cfg, command
 * lines, ELF images. Nothing may be read outside (a guard page, or a
 * sanitizer, sees to that), and what comes out must be well-formed.
 *
 * usage: fuzz-boot [--seconds N] [--seed N]; the same seed, the same inputs.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "boot/acpi.h"
#include "boot/efimap.h"
#include "boot/fwcfg.h"
#include "boot/memmap.h"
#include "boot/place.h"
#include "boot/smbios.h"
#include "lib/options.h"
#include "lib/words.h"
#include "unit/guest/low_memory.h"
#include "unit/random.h"

#define MAX_ENTRIES 24u
#define MAX_RANGES 8u
#define IMAGE_BYTES 2048u

struct fuzz {
	struct rng rng;
	uint64_t seed, run;
};

static void check(const struct fuzz *f, bool right, const char *what)
{
	if (right)
		return;
	fprintf(stderr, "seed %" PRIu64 ", run %" PRIu64 ": %s\n", f->seed,
		f->run, what);
	abort();
}

/* Small and large numbers, and those where something ends. */
static uint64_t odd_number(struct rng *rng)
{
	static const uint64_t edges[] = {
		0,	    1,		4095,	    4096,
		0x100000,   0xffffffff, 1ull << 32, UINT64_MAX - 4095,
		UINT64_MAX,
	};

	switch (rng_below(rng, 4)) {
	case 0:
		return edges[rng_below(rng, sizeof(edges) / sizeof(edges[0]))];
	case 1:
		return rng_next(rng) >> rng_below(rng, 64);
	default:
		return rng_below(rng, 64) << 12;
	}
}

static bool claims(const struct memmap_entry *e, uint64_t at)
{
	return at >= e->addr && at - e->addr < e->size;
}

/* Is @at RAM that nothing else claims? */
static bool is_usable(const struct memmap_entry *e, uint32_t nr, uint64_t at)
{
	bool ram = false;
	uint32_t i;

	for (i = 0; i < nr; i++) {
		if (claims(&e[i], at) && e[i].type != E820_RAM)
			return false;
		ram |= claims(&e[i], at);
	}
	return ram;
}

static bool is_in(const struct boot_range *r, uint32_t nr, uint64_t at)
{
	while (nr--)
		if (at >= r[nr].start && at < r[nr].end)
			return true;
	return false;
}

static void check_ranges(const struct fuzz *f, const struct memmap_entry *e,
			 uint32_t nr_e, const struct boot_range *r, uint32_t nr,
			 bool cut)
{
	uint32_t i;

	for (i = 0; i < nr; i++) {
		check(f, r[i].start < r[i].end, "an empty range");
		check(f, !i || r[i - 1].end <= r[i].start, "ranges overlap");
	}
	for (i = 0; i < nr_e; i++) {
		uint64_t at[] = { e[i].addr, e[i].addr - 1,
				  e[i].addr + e[i].size,
				  e[i].addr + e[i].size - 1 };
		size_t k;

		for (k = 0; k < 4; k++) {
			bool want = is_usable(e, nr_e, at[k]);
			bool got = is_in(r, nr, at[k]);

			/* The last byte of all has no end behind it. */
			if (at[k] == UINT64_MAX || (cut && want))
				continue;
			check(f, want == got, "RAM is not what the map says");
		}
	}
}

static void fuzz_memmap(struct fuzz *f)
{
	struct memmap_entry e[MAX_ENTRIES];
	struct boot_range r[MAX_ENTRIES * 2];
	uint32_t nr = (uint32_t)rng_below(&f->rng, MAX_ENTRIES), i, max, got;
	bool cut;

	for (i = 0; i < nr; i++)
		e[i] = (struct memmap_entry){
			odd_number(&f->rng),
			odd_number(&f->rng),
			(uint32_t)rng_below(&f->rng, 4),
			0,
		};
	max = rng_below(&f->rng, 2) ? MAX_ENTRIES * 2 : MAX_RANGES;
	got = memmap_usable(e, nr, r, max, &cut);
	check(f, got <= max, "more ranges than there is room for");
	check_ranges(f, e, nr, r, got, cut);
}

static void damage(struct fuzz *f, uint64_t gpa, uint64_t bytes)
{
	uint64_t nr = rng_below(&f->rng, 6);

	while (nr--)
		low_put(gpa + rng_below(&f->rng, bytes - 8),
			rng_below(&f->rng, 2) ? odd_number(&f->rng)
					      : rng_next(&f->rng),
			1u << rng_below(&f->rng, 4));
}

static void fuzz_acpi(struct fuzz *f)
{
	uint32_t max = (uint32_t)rng_below(&f->rng, 65), nr;
	const char *problem = "";
	uint8_t ids[64];

	low_put_acpi((uint32_t)rng_below(&f->rng, 12),
		     (int)rng_below(&f->rng, 2));
	damage(f, LOW_ACPI, 0x180);
	if (rng_below(&f->rng, 2)) {
		damage(f, LOW_RSDP, 36);
		low_fix_sum(LOW_RSDP, 20, LOW_RSDP + 8);
	}
	nr = acpi_read_apic_ids(acpi_find_rsdp(), ids, max, &problem);
	check(f, nr <= max, "more vCPUs than there is room for");
	check(f, !problem || problem[0], "a problem without words");
	/* A root pointer from nowhere. */
	nr = acpi_read_apic_ids(odd_number(&f->rng), ids, max, &problem);
	check(f, nr <= max, "more vCPUs than there is room for");
}

static void check_text(const struct fuzz *f, const struct gather *g)
{
	size_t i;

	check(f, g->used < GATHER_BYTES && !g->text[g->used], "a text no end");
	for (i = 0; i < g->used; i++)
		check(f, g->text[i] >= ' ' && g->text[i] < 0x7f,
		      "a text with control characters");
}

static void fuzz_smbios(struct fuzz *f)
{
	static const char *const strings[] = {
		"vmferry:rate=5M",
		"other",
		"vmferry:wss=8M check=off",
		"x",
	};
	struct gather g = { .used = 0 };

	low_put_smbios(strings, (uint32_t)rng_below(&f->rng, 5), 1);
	damage(f, LOW_OEM, 0x80);
	if (rng_below(&f->rng, 2)) {
		damage(f, LOW_SMBIOS + 8, 24);
		low_fix_sum(LOW_SMBIOS, 24, LOW_SMBIOS + 5);
	}
	smbios_gather(smbios_find(), &g);
	check_text(f, &g);
	smbios_gather(odd_number(&f->rng), &g);
	check_text(f, &g);
}

static void fill(struct fuzz *f, void *to, size_t bytes)
{
	uint8_t *at = to;

	while (bytes--)
		*at++ = (uint8_t)rng_next(&f->rng);
}

static void fuzz_fwcfg(struct fuzz *f)
{
	static struct fwcfg_dir dir;
	struct fwcfg_file file;
	uint32_t at = 0, nr = 0, i;

	fill(f, &dir, 4 + 64 * (1 + rng_below(&f->rng, 8)));
	for (i = 0; i < 8; i++)
		if (rng_below(&f->rng, 2))
			memcpy(dir.file[i].name, "opt/vmferry/", 12);
	while (fwcfg_find(&dir, &at, &file)) {
		check(f, ++nr <= FWCFG_FILES, "more files than there are");
		check(f, memchr(file.key, 0, sizeof(file.key)), "no end");
		check(f, file.bytes <= FWCFG_VALUE_BYTES, "a file too long");
	}
}

/* What a user may write, and what no user would. */
static void fuzz_words(struct fuzz *f)
{
	static const char *const pieces[] = {
		"rate=", "wss",	 "=",	   " ",
		"5M",	 "r:3",	 "\t",	   "duration=5s",
		"door=", "uefi", "seed=1", "18446744073709551616",
		"KiB",	 "on",
	};
	char text[256] = "", value[8] = "";
	struct work_options options;
	char *line = text, *word;
	uint64_t ms;
	size_t n;

	for (n = rng_below(&f->rng, 16); n; n--)
		strcat(text, pieces[rng_below(&f->rng, 14)]);
	words_find(text, "rate", value, sizeof(value));
	check(f, memchr(value, 0, sizeof(value)), "a value has no end");
	options_init(&options);
	while ((word = words_next(&line))) {
		char *v = words_value(word);

		if (!v)
			continue;
		options_set(&options, word, v);
		words_time(v, &ms);
	}
}

static void fuzz_efi(struct fuzz *f)
{
	uint64_t raw[60];
	struct efi_map map = { raw, rng_below(&f->rng, sizeof(raw) + 1),
			       8 * rng_below(&f->rng, 8) };
	struct memmap_entry e[MAX_RANGES];
	uint64_t bytes = (1 + rng_below(&f->rng, 600)) << 12, base;
	char text[32];
	size_t i, room = 1 + rng_below(&f->rng, sizeof(text));

	for (i = 0; i < 60; i++)
		raw[i] = i % 5 ? odd_number(&f->rng) : rng_below(&f->rng, 12);
	check(f, efimap_convert(&map, e, MAX_RANGES) <= MAX_RANGES,
	      "more entries than there is room for");
	base = efimap_find(&map, bytes, PLACE_ALIGN, PLACE_ALIGN);
	check(f, base % PLACE_ALIGN == 0 && base + bytes <= 1ull << 32,
	      "a base that cannot be");
	i = efimap_text(raw, rng_below(&f->rng, sizeof(raw)), text, room);
	check(f, i < room && strlen(text) == i, "a text of another length");
}

static void fuzz_place(struct fuzz *f)
{
	static uint8_t memory[PLACE_ALIGN];
	static uint64_t file[IMAGE_BYTES / 8];
	uint8_t *elf = (uint8_t *)file;
	uint64_t bytes, nr = rng_below(&f->rng, 8);

	memset(elf, 0, IMAGE_BYTES);
	memcpy(elf, "\177ELF\2\1", 6);
	elf[18] = 62;
	elf[32] = 64; /* e_phoff */
	elf[54] = 56;
	elf[56] = (uint8_t)(1 + rng_below(&f->rng, 4));
	for (bytes = 64; bytes < 64 + 4 * 56; bytes += 56) {
		elf[bytes] = 1;
		elf[bytes + 9] = 4;
		elf[bytes + 18] = 0x20 + (uint8_t)rng_below(&f->rng, 16);
		elf[bytes + 33] = 2;
		elf[bytes + 41] = 8;
	}
	while (nr--) {
		uint64_t value = odd_number(&f->rng);

		memcpy(elf + rng_below(&f->rng, 300), &value,
		       1u << rng_below(&f->rng, 4));
	}
	if (!place_measure(elf, IMAGE_BYTES, &bytes))
		return;
	check(f, bytes && bytes <= PLACE_ALIGN, "an image too long");
	check(f, place_copy(elf, bytes, memory) - (uint64_t)memory < bytes,
	      "an entry outside the image");
}

static uint64_t option(int argc, char **argv, const char *name, uint64_t value)
{
	int i;

	for (i = 1; i + 1 < argc; i += 2)
		if (!strcmp(argv[i], name))
			value = strtoull(argv[i + 1], NULL, 10);
	return value;
}

int main(int argc, char **argv)
{
	static void (*const parts[])(struct fuzz *) = {
		fuzz_memmap, fuzz_memmap, fuzz_words, fuzz_efi,
		fuzz_place,  fuzz_fwcfg,  fuzz_acpi,  fuzz_smbios,
	};
	time_t end = time(NULL) + (time_t)option(argc, argv, "--seconds", 10);
	struct fuzz f = { .seed = option(argc, argv, "--seed", 1) };

	if (!f.seed)
		f.seed = (uint64_t)time(NULL);
	for (; f.run % 64 || time(NULL) < end; f.run++) {
		/* Each run of its own seed: any one can be run again alone. */
		f.rng.state = f.seed * 0x100000000ull + f.run;
		parts[f.run % 8](&f);
	}
	printf("seed %" PRIu64 ": %" PRIu64 " runs\n", f.seed, f.run);
	return f.run ? 0 : 99;
}
