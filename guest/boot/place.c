/* SPDX-License-Identifier: MIT */
/* Segments of an ELF file -> memory. Source: System V ABI, ch. 5. */
#include "boot/place.h"

#include "lib/string.h"

#define MACHINE_X86_64 62u
#define PT_LOAD 1u

struct elf_header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum;
	uint16_t shentsize, shnum, shstrndx;
};

struct elf_segment {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

static const struct elf_segment *segment_at(const void *elf, uint32_t i)
{
	const struct elf_header *h = elf;

	return (const struct elf_segment *)((const uint8_t *)elf + h->phoff) +
	       i;
}

/* Where an address lies in the image. */
static uint64_t offset_of(uint64_t vaddr)
{
	return vaddr & (PLACE_ALIGN - 1);
}

static bool is_right(const struct elf_segment *s, uint64_t bytes)
{
	return s->offset <= bytes && s->filesz <= bytes - s->offset &&
	       s->filesz <= s->memsz &&
	       s->memsz <= PLACE_ALIGN - offset_of(s->vaddr);
}

bool place_measure(const void *elf, uint64_t bytes, uint64_t *ret_bytes)
{
	const struct elf_header *h = elf;
	uint64_t end = 0;
	uint32_t i;

	if (bytes < sizeof(*h) || memcmp(h->ident, "\177ELF\2\1", 6) ||
	    h->machine != MACHINE_X86_64 ||
	    h->phentsize != sizeof(struct elf_segment) || h->phoff > bytes ||
	    h->phoff % 8 ||
	    h->phnum > (bytes - h->phoff) / sizeof(struct elf_segment))
		return false;
	for (i = 0; i < h->phnum; i++) {
		const struct elf_segment *s = segment_at(elf, i);

		if (s->type != PT_LOAD)
			continue;
		if (!is_right(s, bytes))
			return false;
		if (offset_of(s->vaddr) + s->memsz > end)
			end = offset_of(s->vaddr) + s->memsz;
	}
	*ret_bytes = (end + 4095) & ~4095ull;
	return end && offset_of(h->entry) < end;
}

uint64_t place_copy(const void *elf, uint64_t bytes, uint8_t *base)
{
	const struct elf_header *h = elf;
	uint32_t i;

	/* Between the segments too: a verifier compares whole pages. */
	memset(base, 0, bytes);
	for (i = 0; i < h->phnum; i++) {
		const struct elf_segment *s = segment_at(elf, i);

		if (s->type == PT_LOAD)
			memcpy(base + offset_of(s->vaddr),
			       (const uint8_t *)elf + s->offset, s->filesz);
	}
	return (uint64_t)base + offset_of(h->entry);
}
