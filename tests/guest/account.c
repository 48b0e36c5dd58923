/* SPDX-License-Identifier: MIT */
/*
 * Is the guest's account of its RAM true? Reads an image of guest memory from
 * address 0 (QEMU's pmemsave) and checks every range: free memory is zero,
 * the image equals the ELF file, the working set is what the oracle says.
 *
 * usage: account IMAGE CONTROL_GPA ELF; exit 0 if it is true.
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "classify.h"
#include "control.h"

struct bytes {
	uint8_t *data;
	size_t size;
};

static struct bytes read_file(const char *path)
{
	struct bytes b = { NULL, 0 };
	FILE *f = fopen(path, "rb");

	if (!f || fseek(f, 0, SEEK_END)) {
		perror(path);
		exit(99);
	}
	b.size = (size_t)ftell(f);
	b.data = aligned_alloc(4096, ABI_ALIGN_PAGE(b.size + 1));
	rewind(f);
	if (!b.data || fread(b.data, 1, b.size, f) != b.size) {
		perror(path);
		exit(99);
	}
	fclose(f);
	return b;
}

static uint64_t nr_wrong;

static void wrong(const char *what, uint64_t gpa)
{
	if (nr_wrong++ < 16)
		printf("%s at 0x%lx\n", what, (unsigned long)gpa);
}

static void check_free(const struct bytes *ram, const struct abi_ram_range *r)
{
	uint64_t at, i;

	for (at = r->gpa; at < r->gpa + r->bytes; at += ABI_PAGE_BYTES) {
		for (i = 0; i < ABI_PAGE_BYTES && !ram->data[at + i]; i++)
			;
		if (i < ABI_PAGE_BYTES)
			wrong("free page is not zero", at);
	}
}

/* What the read-only segments hold at @offset from the image's base. */
static uint8_t image_byte(const struct bytes *elf, uint64_t offset)
{
	const Elf64_Ehdr *eh = (const void *)elf->data;
	const Elf64_Phdr *ph = (const void *)(elf->data + eh->e_phoff);
	int i;

	for (i = 0; i < eh->e_phnum; i++) {
		uint64_t at = offset + ph[0].p_vaddr - ph[i].p_vaddr;

		if (ph[i].p_type == PT_LOAD && !(ph[i].p_flags & PF_W) &&
		    at < ph[i].p_filesz)
			return elf->data[ph[i].p_offset + at];
	}
	return 0;
}

static void check_image(const struct bytes *ram, const struct bytes *elf,
			uint64_t base, const struct abi_ram_range *r)
{
	uint64_t i;

	for (i = 0; i < r->bytes; i++)
		if (ram->data[r->gpa + i] != image_byte(elf, r->gpa + i - base))
			wrong("image differs", r->gpa + i);
}

static void check_work(const struct bytes *ram, const struct abi_control *c)
{
	const struct abi_vcpu *v =
		(const void *)((const uint8_t *)c + c->vcpu_offset);
	const struct oracle_log *log =
		(const void *)((const uint8_t *)c + c->log_offset);
	struct oracle_history h;
	uint32_t cpu;
	uint64_t i;

	for (cpu = 0; cpu < c->epoch.nr_vcpus; cpu++) {
		struct oracle_slice s = oracle_slice(&c->epoch, cpu);

		if (!s.nr_pages)
			continue;
		oracle_history_init(&h, &c->epoch, cpu, &log[cpu],
				    v[cpu].steps);
		for (i = s.first; i < s.first + s.nr_pages; i++) {
			uint64_t gfn = oracle_gfn(&c->epoch, i);

			if (!oracle_page_ok(&c->epoch, gfn,
					    oracle_history_visit(&h, i),
					    ram->data + (gfn << 12)))
				wrong("page of the working set is bad",
				      gfn << 12);
		}
	}
}

int main(int argc, char **argv)
{
	const struct abi_control *c;
	struct bytes ram, elf;
	uint64_t gpa, work_gpa = 0, sum[6] = { 0 };
	uint32_t i;

	if (argc != 4)
		return 2;
	ram = read_file(argv[1]);
	elf = read_file(argv[3]);
	gpa = strtoull(argv[2], NULL, 0);
	if (gpa % 4096 || gpa + sizeof(*c) > ram.size)
		return 2;
	c = (const void *)(ram.data + gpa);
	if (c->magic != ABI_CONTROL_MAGIC || c->nr_ram > ABI_MAX_RAM_RANGES ||
	    (c->epoch.epoch && !oracle_valid(&c->epoch)))
		wrong("control area is not one", gpa);
	for (i = 0; !nr_wrong && i < c->nr_ram; i++) {
		const struct abi_ram_range *r = &c->ram[i];

		if (r->gpa + r->bytes > ram.size || r->kind > 5 ||
		    (i && r->gpa < r[-1].gpa + r[-1].bytes)) {
			wrong("range is out of place", r->gpa);
			continue;
		}
		sum[r->kind] += r->bytes;
		if (r->kind == ABI_RAM_WORK && !work_gpa)
			work_gpa = r->gpa;
		if (r->kind == ABI_RAM_FREE)
			check_free(&ram, r);
		else if (r->kind == ABI_RAM_IMAGE)
			check_image(&ram, &elf, c->image_gpa, r);
	}
	if (!nr_wrong && c->epoch.epoch)
		check_work(&ram, c);
	printf("free=%lu work=%lu image=%lu private=%lu firmware=%lu "
	       "work_gpa=%lu wrong=%lu state=%u result=%u result_steps=%lu "
	       "result_pages=%lu result_bad=%lu\n",
	       sum[1], sum[2], sum[3], sum[4], sum[5], work_gpa, nr_wrong,
	       c->state, c->result, c->result_steps, c->result_pages,
	       c->result_bad);
	return nr_wrong != 0;
}
