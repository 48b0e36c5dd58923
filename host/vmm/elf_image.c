/* SPDX-License-Identifier: MIT */
/* A distrustful ELF64 reader. */
#include "vmm/elf_image.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* xen/include/public/elfnote.h: XEN_ELFNOTE_PHYS32_ENTRY */
#define NOTE_PHYS32_ENTRY 18u
#define NOTE_NAME "Xen"

struct file {
	const uint8_t *data;
	size_t bytes;
};

#define BAD(err, ...) error_set(err, -ENOEXEC, "the kernel image " __VA_ARGS__)

static bool inside(const struct file *f, uint64_t offset, uint64_t bytes)
{
	return offset <= f->bytes && bytes <= f->bytes - offset;
}

static int check_header(const struct file *f, Elf64_Ehdr *h, struct error *err)
{
	if (f->bytes < sizeof(*h))
		return BAD(err, "has %zu bytes, less than an ELF header",
			   f->bytes);
	memcpy(h, f->data, sizeof(*h));
	if (memcmp(h->e_ident, ELFMAG, SELFMAG))
		return BAD(err, "is not an ELF file");
	if (h->e_ident[EI_CLASS] != ELFCLASS64)
		return BAD(err, "is not a 64-bit ELF file (class %u)",
			   h->e_ident[EI_CLASS]);
	if (h->e_ident[EI_DATA] != ELFDATA2LSB)
		return BAD(err, "is not little-endian (data encoding %u)",
			   h->e_ident[EI_DATA]);
	if (h->e_ident[EI_VERSION] != EV_CURRENT || h->e_version != EV_CURRENT)
		return BAD(err, "has ELF version %u, not 1", h->e_version);
	if (h->e_machine != EM_X86_64)
		return BAD(err, "is for machine %u, not x86-64", h->e_machine);
	if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
		return BAD(err, "has ELF type %u, neither EXEC nor DYN",
			   h->e_type);
	if (h->e_ehsize != sizeof(*h))
		return BAD(err, "claims an ELF header of %u bytes",
			   h->e_ehsize);
	if (h->e_phentsize != sizeof(Elf64_Phdr))
		return BAD(err, "claims program headers of %u bytes",
			   h->e_phentsize);
	if (!h->e_phnum || h->e_phnum == PN_XNUM)
		return BAD(err, "has %u program headers", h->e_phnum);
	if (!inside(f, h->e_phoff, h->e_phnum * sizeof(Elf64_Phdr)))
		return BAD(err, "is cut within its program headers");
	return 0;
}

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

static int take_segment(const struct file *f, const Elf64_Phdr *ph,
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

	if (ph->p_filesz > ph->p_memsz)
		return BAD(err,
			   "has a segment of %" PRIu64 " bytes in memory "
			   "and %" PRIu64 " in the file",
			   ph->p_memsz, ph->p_filesz);
	if (!ph->p_memsz)
		return 0;
	if (ph->p_paddr > UINT64_MAX - ph->p_memsz)
		return BAD(err,
			   "has a segment at 0x%" PRIx64
			   " that wraps around the address space",
			   ph->p_paddr);
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

static int walk_notes(const struct file *f, const Elf64_Phdr *ph,
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

int elf_parse(const void *data, size_t bytes, struct elf_image *ret_image,
	      struct error *err)
{
	const struct file f = { data, bytes };
	struct elf_image img = { 0 };
	bool found = false;
	Elf64_Ehdr h = { 0 };
	unsigned int i;
	int rc = check_header(&f, &h, err);

	for (i = 0; !rc && i < h.e_phnum; i++) {
		Elf64_Phdr ph;

		memcpy(&ph, f.data + h.e_phoff + i * sizeof(ph), sizeof(ph));
		if (ph.p_type == PT_INTERP)
			return BAD(err, "is a program that wants an "
					"interpreter, no kernel");
		if (ph.p_type != PT_LOAD && ph.p_type != PT_NOTE)
			continue;
		if (!inside(&f, ph.p_offset, ph.p_filesz))
			return BAD(err,
				   "is cut: program header %u reaches "
				   "past the end of the file",
				   i);
		rc = ph.p_type == PT_LOAD
			     ? take_segment(&f, &ph, &img, err)
			     : walk_notes(&f, &ph, &img, &found, err);
	}
	if (rc)
		return rc;
	if (!img.nr_segments)
		return BAD(err, "has no segment to load");
	if (!found)
		return BAD(err, "has no PVH note (XEN_ELFNOTE_PHYS32_ENTRY): "
				"it cannot be booted directly");
	img.relocatable = h.e_type == ET_DYN;
	rc = check_entry(&img, err);
	if (!rc)
		*ret_image = img;
	return rc;
}
