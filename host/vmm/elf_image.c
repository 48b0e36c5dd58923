/* SPDX-License-Identifier: MIT */
/* The loader's view of an ELF64 kernel: segments, and the PVH note. */
#include "vmm/elf_image.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/elf_file.h"

/* xen/include/public/elfnote.h: XEN_ELFNOTE_PHYS32_ENTRY */
#define NOTE_PHYS32_ENTRY 18u
#define NOTE_NAME "Xen"

#define IMAGE_NAME "the kernel image"
#define BAD(err, ...) error_set(err, -ENOEXEC, IMAGE_NAME " " __VA_ARGS__)

static int check_overlap(const struct elf_image *img,
			 const struct elf_segment *s, struct error *err)
{
	unsigned int i;

	for (i = 0; i < img->nr_segments; i++) {
		const struct elf_segment *o = &img->segment[i];

		if (s->paddr < o->paddr + o->mem_bytes &&
		    o->paddr < s->paddr + s->mem_bytes)
			return BAD(err,
				   "has overlapping segments at 0x%" PRIx64
				   " and 0x%" PRIx64,
				   o->paddr, s->paddr);
	}
	return 0;
}

static int take_segment(const struct elf_file *f, const Elf64_Phdr *ph,
			struct elf_image *img, struct error *err)
{
	struct elf_segment s = {
		.paddr = ph->p_paddr,
		.mem_bytes = ph->p_memsz,
		.file = f->data + ph->p_offset,
		.file_bytes = ph->p_filesz,
		.executable = ph->p_flags & PF_X,
	};
	int rc;

	if (!ph->p_memsz)
		return 0;
	if (ph->p_align & (ph->p_align - 1))
		return BAD(err,
			   "has a segment aligned to %" PRIu64
			   ", no power of two",
			   ph->p_align);
	if (ph->p_align && (ph->p_vaddr ^ ph->p_offset) & (ph->p_align - 1))
		return BAD(err, "has a segment whose address and file offset "
				"don't agree with its alignment");
	if (img->nr_segments == ELF_MAX_SEGMENTS)
		return BAD(err, "has more than %u segments", ELF_MAX_SEGMENTS);
	rc = check_overlap(img, &s, err);
	if (rc)
		return rc;
	if (!img->nr_segments || s.paddr < img->lowest)
		img->lowest = s.paddr;
	if (s.paddr + s.mem_bytes > img->end)
		img->end = s.paddr + s.mem_bytes;
	img->segment[img->nr_segments++] = s;
	return 0;
}

static int take_note(const Elf64_Nhdr *note, const uint8_t *name,
		     const uint8_t *desc, struct elf_image *img, bool *found,
		     struct error *err)
{
	if (note->n_type != NOTE_PHYS32_ENTRY ||
	    note->n_namesz != sizeof(NOTE_NAME) ||
	    memcmp(name, NOTE_NAME, sizeof(NOTE_NAME)))
		return 0;
	if (*found)
		return BAD(err, "has two PVH notes");
	if (note->n_descsz != 4 && note->n_descsz != 8)
		return BAD(err, "has a PVH note of %u bytes, neither 4 nor 8",
			   note->n_descsz);
	img->pvh_entry = 0;
	memcpy(&img->pvh_entry, desc, note->n_descsz);
	*found = true;
	return 0;
}

static uint64_t align_up(uint64_t value, uint64_t align)
{
	return (value + align - 1) & ~(align - 1);
}

static int walk_notes(const struct elf_file *f, const Elf64_Phdr *ph,
		      struct elf_image *img, bool *found, struct error *err)
{
	/* gABI says 8 in ELF64; all but .note.gnu.property use 4. */
	uint64_t align = ph->p_align == 8 ? 8 : 4;
	const uint8_t *at = f->data + ph->p_offset;
	uint64_t left = ph->p_filesz;
	int rc = 0;

	while (!rc && left) {
		Elf64_Nhdr note;
		uint64_t desc, end;

		if (left < sizeof(note))
			return BAD(err, "is cut within a note's header");
		memcpy(&note, at, sizeof(note));
		/* 32-bit sizes in 64 bits: no sum here can wrap. */
		desc = align_up(sizeof(note) + (uint64_t)note.n_namesz, align);
		end = desc + note.n_descsz;
		if (end > left)
			return BAD(err, "has a note that runs past the end of "
					"its segment");
		rc = take_note(&note, at + sizeof(note), at + desc, img, found,
			       err);
		end = align_up(end, align);
		if (end > left) /* the last one's padding may be left out */
			end = left;
		at += end;
		left -= end;
	}
	return rc;
}

static int check_entry(const struct elf_image *img, struct error *err)
{
	unsigned int i;

	for (i = 0; i < img->nr_segments; i++) {
		const struct elf_segment *s = &img->segment[i];

		if (s->executable && img->pvh_entry - s->paddr < s->mem_bytes)
			return 0;
	}
	return BAD(err,
		   "has its PVH entry point 0x%" PRIx64
		   " outside of every executable segment",
		   img->pvh_entry);
}

static int take(const struct elf_file *f, const Elf64_Phdr *ph,
		struct elf_image *img, bool *found, struct error *err)
{
	switch (ph->p_type) {
	case PT_INTERP:
		return BAD(err, "is a program that wants an interpreter, no "
				"kernel");
	case PT_LOAD:
		return take_segment(f, ph, img, err);
	case PT_NOTE:
		return walk_notes(f, ph, img, found, err);
	default:
		return 0;
	}
}

int elf_parse(const void *data, size_t bytes, struct elf_image *ret_image,
	      struct error *err)
{
	struct elf_image img = { 0 };
	struct elf_file f;
	bool found = false;
	unsigned int i;
	int rc = elf_file_open(data, bytes, IMAGE_NAME, &f, err);

	if (rc)
		return rc;
	for (i = 0; !rc && i < f.header.e_phnum; i++) {
		Elf64_Phdr ph;

		rc = elf_file_segment(&f, i, &ph, err);
		if (!rc)
			rc = take(&f, &ph, &img, &found, err);
	}
	if (rc)
		return rc;
	if (!img.nr_segments)
		return BAD(err, "has no segment to load");
	if (!found)
		return BAD(err, "has no PVH note (XEN_ELFNOTE_PHYS32_ENTRY): "
				"it cannot be booted directly");
	img.relocatable = f.header.e_type == ET_DYN;
	rc = check_entry(&img, err);
	if (!rc)
		*ret_image = img;
	return rc;
}
