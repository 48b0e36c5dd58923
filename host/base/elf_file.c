/* SPDX-License-Identifier: MIT */
/* A distrustful walk over an ELF64 file. */
#include "base/elf_file.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define BAD(file, err, format, ...)                                            \
	error_set(err, -ENOEXEC, "%s " format, (file)->name, ##__VA_ARGS__)

static bool inside(const struct elf_file *f, uint64_t offset, uint64_t bytes)
{
	return offset <= f->bytes && bytes <= f->bytes - offset;
}

static int check_kind(const struct elf_file *f, struct error *err)
{
	const Elf64_Ehdr *h = &f->header;

	if (memcmp(h->e_ident, ELFMAG, SELFMAG))
		return BAD(f, err, "is not an ELF file");
	if (h->e_ident[EI_CLASS] != ELFCLASS64)
		return BAD(f, err, "is not a 64-bit ELF file (class %u)",
			   h->e_ident[EI_CLASS]);
	if (h->e_ident[EI_DATA] != ELFDATA2LSB)
		return BAD(f, err, "is not little-endian (data encoding %u)",
			   h->e_ident[EI_DATA]);
	if (h->e_ident[EI_VERSION] != EV_CURRENT || h->e_version != EV_CURRENT)
		return BAD(f, err, "has ELF version %u, not 1", h->e_version);
	if (h->e_machine != EM_X86_64)
		return BAD(f, err, "is for machine %u, not x86-64",
			   h->e_machine);
	if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
		return BAD(f, err, "has ELF type %u, neither EXEC nor DYN",
			   h->e_type);
	return 0;
}

static int check_tables(const struct elf_file *f, struct error *err)
{
	const Elf64_Ehdr *h = &f->header;

	if (h->e_ehsize != sizeof(*h))
		return BAD(f, err, "claims an ELF header of %u bytes",
			   h->e_ehsize);
	if (h->e_phentsize != sizeof(Elf64_Phdr))
		return BAD(f, err, "claims program headers of %u bytes",
			   h->e_phentsize);
	if (!h->e_phnum || h->e_phnum == PN_XNUM)
		return BAD(f, err, "has %u program headers", h->e_phnum);
	if (!inside(f, h->e_phoff, h->e_phnum * sizeof(Elf64_Phdr)))
		return BAD(f, err, "is cut within its program headers");
	return 0;
}

int elf_file_open(const void *data, size_t bytes, const char *name,
		  struct elf_file *ret_file, struct error *err)
{
	struct elf_file f = { .data = data, .bytes = bytes, .name = name };
	int rc;

	if (bytes < sizeof(f.header))
		return BAD(&f, err, "has %zu bytes, less than an ELF header",
			   bytes);
	memcpy(&f.header, data, sizeof(f.header));
	rc = check_kind(&f, err);
	if (!rc)
		rc = check_tables(&f, err);
	if (!rc)
		*ret_file = f;
	return rc;
}

static int check_load(const struct elf_file *f, const Elf64_Phdr *ph,
		      struct error *err)
{
	if (ph->p_filesz > ph->p_memsz)
		return BAD(f, err,
			   "has a segment of %" PRIu64 " bytes in memory "
			   "and %" PRIu64 " in the file",
			   ph->p_memsz, ph->p_filesz);
	if (ph->p_paddr > UINT64_MAX - ph->p_memsz)
		return BAD(f, err,
			   "has a segment at 0x%" PRIx64
			   " that wraps around the address space",
			   ph->p_paddr);
	if (ph->p_vaddr > UINT64_MAX - ph->p_memsz)
		return BAD(f, err,
			   "has a segment at virtual address 0x%" PRIx64
			   " that wraps around the address space",
			   ph->p_vaddr);
	return 0;
}

int elf_file_segment(const struct elf_file *file, unsigned int index,
		     Elf64_Phdr *ret_segment, struct error *err)
{
	Elf64_Phdr ph;
	int rc = 0;

	memcpy(&ph, file->data + file->header.e_phoff + index * sizeof(ph),
	       sizeof(ph));
	if ((ph.p_type == PT_LOAD || ph.p_type == PT_NOTE ||
	     ph.p_type == PT_DYNAMIC) &&
	    !inside(file, ph.p_offset, ph.p_filesz))
		return BAD(file, err,
			   "is cut: program header %u reaches past the end of "
			   "the file",
			   index);
	if (ph.p_type == PT_LOAD)
		rc = check_load(file, &ph, err);
	if (!rc)
		*ret_segment = ph;
	return rc;
}
