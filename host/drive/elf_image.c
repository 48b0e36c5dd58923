/* SPDX-License-Identifier: MIT */
/* An ELF image laid out in memory, to compare a guest's text with. */
#include "drive/elf_image.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/elf_file.h"
#include "control.h"

#define IMAGE_NAME "the guest's ELF image"

/* The file, and where its base was linked. */
struct source {
	struct elf_file file;
	uint64_t base; /* physical */
	struct error *err;
};

static int malformed(const struct source *s, const char *what)
{
	return error_set(s->err, -EPROTO, IMAGE_NAME " has %s", what);
}

/* After measure() has seen them all: the file's own are right. */
static Elf64_Phdr phdr_at(const struct source *s, unsigned int i)
{
	Elf64_Phdr p = { .p_type = PT_NULL };

	elf_file_segment(&s->file, i, &p, NULL);
	return p;
}

/* Checks every segment; finds the base and the image's size. */
static int measure(struct source *s, uint64_t *ret_bytes)
{
	uint64_t low = UINT64_MAX, high = 0;
	unsigned int i;

	for (i = 0; i < s->file.header.e_phnum; i++) {
		Elf64_Phdr p;

		if (elf_file_segment(&s->file, i, &p, s->err))
			return -EPROTO;
		if (p.p_type != PT_LOAD || !p.p_memsz)
			continue;
		if (p.p_memsz > ELF_IMAGE_MAX_BYTES ||
		    p.p_paddr > UINT64_MAX - ELF_IMAGE_MAX_BYTES ||
		    p.p_vaddr > UINT64_MAX - ELF_IMAGE_MAX_BYTES)
			return malformed(s, "a segment too large");
		if (p.p_paddr < low)
			low = p.p_paddr;
		if (p.p_paddr + p.p_memsz > high)
			high = p.p_paddr + p.p_memsz;
	}
	if (!high)
		return malformed(s, "no segment to load");
	s->base = low & ~(uint64_t)(ELF_IMAGE_ALIGN - 1);
	if (high - s->base > ELF_IMAGE_MAX_BYTES)
		return malformed(s, "segments too far apart");
	*ret_bytes = ABI_ALIGN_PAGE(high - s->base);
	return 0;
}

static void lay_out(const struct source *s, struct elf_image *image)
{
	unsigned int i;

	for (i = 0; i < s->file.header.e_phnum; i++) {
		Elf64_Phdr p = phdr_at(s, i);
		uint64_t at = p.p_paddr - s->base, page;
		uint8_t kind = p.p_flags & PF_W ? ELF_IMAGE_WRITABLE
						: ELF_IMAGE_READ_ONLY;

		if (p.p_type != PT_LOAD || !p.p_memsz)
			continue;
		memcpy(image->data + at, s->file.data + p.p_offset, p.p_filesz);
		for (page = at / ABI_PAGE_BYTES;
		     page <= (at + p.p_memsz - 1) / ABI_PAGE_BYTES; page++)
			image->page_kind[page] |= kind;
	}
}

/* Linked virtual address -> offset in the image; false if no segment has all
 * of its @bytes. */
static bool offset_of(const struct source *s, uint64_t vaddr, uint64_t bytes,
		      uint64_t *ret_offset)
{
	unsigned int i;

	for (i = 0; i < s->file.header.e_phnum; i++) {
		Elf64_Phdr p = phdr_at(s, i);

		if (p.p_type != PT_LOAD || vaddr < p.p_vaddr ||
		    vaddr - p.p_vaddr > p.p_memsz ||
		    bytes > p.p_memsz - (vaddr - p.p_vaddr))
			continue;
		*ret_offset = p.p_paddr - s->base + (vaddr - p.p_vaddr);
		return true;
	}
	return false;
}

struct table {
	uint64_t vaddr, bytes, entry;
};

/* What the dynamic section says of the two tables; 0 bytes = absent. */
static void find_tables(const struct source *s, struct table *rela,
			struct table *relr)
{
	unsigned int i;
	size_t at;

	for (i = 0; i < s->file.header.e_phnum; i++) {
		Elf64_Phdr p = phdr_at(s, i);
		Elf64_Dyn d;

		if (p.p_type != PT_DYNAMIC)
			continue;
		for (at = 0; at + sizeof(d) <= p.p_filesz; at += sizeof(d)) {
			memcpy(&d, s->file.data + p.p_offset + at, sizeof(d));
			if (d.d_tag == DT_NULL)
				break;
			if (d.d_tag == DT_RELA)
				rela->vaddr = d.d_un.d_ptr;
			else if (d.d_tag == DT_RELASZ)
				rela->bytes = d.d_un.d_val;
			else if (d.d_tag == DT_RELAENT)
				rela->entry = d.d_un.d_val;
			else if (d.d_tag == DT_RELR)
				relr->vaddr = d.d_un.d_ptr;
			else if (d.d_tag == DT_RELRSZ)
				relr->bytes = d.d_un.d_val;
			else if (d.d_tag == DT_RELRENT)
				relr->entry = d.d_un.d_val;
		}
	}
}

/* Where @t lies in the image; its entries have @entry bytes. */
static int place_table(const struct source *s, const struct table *t,
		       uint64_t entry, uint64_t *ret_at)
{
	if (t->entry != entry || t->bytes % entry)
		return malformed(s, "a relocation table of odd size");
	if (t->bytes && !offset_of(s, t->vaddr, t->bytes, ret_at))
		return malformed(s, "a relocation table outside its segments");
	return 0;
}

static int apply_rela(const struct source *s, struct elf_image *image,
		      uint64_t table, uint64_t bytes)
{
	uint64_t at, where, value;
	Elf64_Rela rela;

	for (at = 0; at < bytes; at += sizeof(rela)) {
		/* From the file's bytes: a table may relocate itself. */
		memcpy(&rela, image->data + table + at, sizeof(rela));
		if (ELF64_R_TYPE(rela.r_info) == R_X86_64_NONE)
			continue;
		if (ELF64_R_TYPE(rela.r_info) != R_X86_64_RELATIVE)
			return malformed(s, "a relocation of unknown type");
		if (!offset_of(s, rela.r_offset, sizeof(value), &where))
			return malformed(s,
					 "a relocation outside its segments");
		value = (uint64_t)rela.r_addend + (image->gpa - s->base);
		memcpy(image->data + where, &value, sizeof(value));
	}
	return 0;
}

/* The word at @vaddr moves along with the image. */
static int move_word(const struct source *s, struct elf_image *image,
		     uint64_t vaddr)
{
	uint64_t where, value;

	if (!offset_of(s, vaddr, sizeof(value), &where))
		return malformed(s, "a relocation outside its segments");
	memcpy(&value, image->data + where, sizeof(value));
	value += image->gpa - s->base;
	memcpy(image->data + where, &value, sizeof(value));
	return 0;
}

/* An even entry is an address; an odd one has a bit for each of the next 63
 * words. */
static int apply_relr(const struct source *s, struct elf_image *image,
		      uint64_t table, uint64_t bytes)
{
	uint64_t at, entry, next = 0, word;
	int r = 0;

	for (at = 0; !r && at < bytes; at += sizeof(entry)) {
		memcpy(&entry, image->data + table + at, sizeof(entry));
		if (!(entry & 1)) {
			r = move_word(s, image, entry);
			next = entry + 8;
			continue;
		}
		for (word = next; !r && (entry >>= 1); word += 8)
			if (entry & 1)
				r = move_word(s, image, word);
		next += 63 * 8;
	}
	return r;
}

static int relocate(const struct source *s, struct elf_image *image)
{
	struct table rela = { .entry = sizeof(Elf64_Rela) };
	struct table relr = { .entry = sizeof(uint64_t) };
	uint64_t rela_at = 0, relr_at = 0;
	int r;

	find_tables(s, &rela, &relr);
	r = place_table(s, &rela, sizeof(Elf64_Rela), &rela_at);
	if (!r)
		r = place_table(s, &relr, sizeof(uint64_t), &relr_at);
	if (!r)
		r = apply_rela(s, image, rela_at, rela.bytes);
	return r ? r : apply_relr(s, image, relr_at, relr.bytes);
}

int elf_image_load(const void *elf, size_t bytes, uint64_t gpa,
		   struct elf_image *ret, struct error *err)
{
	struct source s = { .err = err };
	struct elf_image image = { .gpa = gpa };
	int r;

	if (elf_file_open(elf, bytes, IMAGE_NAME, &s.file, err))
		return -EPROTO;
	r = measure(&s, &image.bytes);
	if (!r && (gpa % ELF_IMAGE_ALIGN || gpa > UINT64_MAX - image.bytes))
		r = error_set(err, -EPROTO,
			      "the guest claims its image at 0x%llx",
			      (unsigned long long)gpa);
	if (r)
		return r;
	if (!image.bytes)
		return -EPROTO;
	image.data = calloc(1, image.bytes);
	image.page_kind = calloc(1, image.bytes / ABI_PAGE_BYTES);
	if (!image.data || !image.page_kind) {
		r = error_set(err, -ENOMEM, "out of memory");
	} else {
		lay_out(&s, &image);
		r = relocate(&s, &image);
	}
	if (r)
		elf_image_exit(&image);
	else
		*ret = image;
	return r;
}

void elf_image_exit(struct elf_image *image)
{
	free(image->data);
	free(image->page_kind);
	*image = (struct elf_image){ 0 };
}

const uint8_t *elf_image_page(const struct elf_image *image, uint64_t gpa)
{
	uint64_t at = gpa - image->gpa;

	if (gpa < image->gpa || at >= image->bytes ||
	    image->page_kind[at / ABI_PAGE_BYTES] != ELF_IMAGE_READ_ONLY)
		return NULL;
	return image->data + (at & ~(uint64_t)(ABI_PAGE_BYTES - 1));
}
