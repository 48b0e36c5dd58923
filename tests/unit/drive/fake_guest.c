/* SPDX-License-Identifier: MIT */
/* Memory of this process that looks like a guest's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fake_guest.h"

#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

static void *map(uint64_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(p, MAP_FAILED);
	return p;
}

static void add_range(struct abi_control *c, uint64_t gpa, uint64_t bytes,
		      uint32_t kind)
{
	c->ram[c->nr_ram++] = (struct abi_ram_range){ .gpa = gpa,
						      .bytes = bytes,
						      .kind = kind };
}

/* RAM's account, and the epoch's two ranges in it (one for a single page). */
static void lay_out(struct fake_guest *g, struct oracle *o)
{
	struct abi_control *c = g->control;
	uint64_t gpa = FAKE_IMAGE_GPA, pages[2];
	uint32_t i;

	pages[0] = (o->nr_pages + 1) / 2;
	pages[1] = o->nr_pages - pages[0];
	add_range(c, 0, FAKE_FIRMWARE_BYTES, ABI_RAM_FIRMWARE);
	add_range(c, gpa, FAKE_IMAGE_BYTES, ABI_RAM_IMAGE);
	gpa += FAKE_IMAGE_BYTES;
	add_range(c, gpa, FAKE_PRIVATE_BYTES, ABI_RAM_PRIVATE);
	gpa += FAKE_PRIVATE_BYTES;
	for (i = 0; i < 3; i++) {
		add_range(c, gpa, FAKE_FREE_BYTES, ABI_RAM_FREE);
		gpa += FAKE_FREE_BYTES;
		if (i == 2 || !pages[i])
			continue;
		add_range(c, gpa, pages[i] * ABI_PAGE_BYTES, ABI_RAM_WORK);
		o->range[o->nr_ranges++] =
			(struct oracle_range){ gpa >> ABI_PAGE_SHIFT,
					       pages[i] };
		gpa += pages[i] * ABI_PAGE_BYTES;
	}
	g->high_bytes = gpa - FAKE_IMAGE_GPA;
}

/* The image lies 0x200000 below its link address. */
static void move_word(uint8_t *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	word -= 0x200000;
	memcpy(at, &word, sizeof(word));
}

/* An ELF file of one read-only segment of two and a half pages, its first
 * word moved along with the image. */
static void build_elf(struct fake_guest *g)
{
	uint64_t base = FAKE_IMAGE_GPA - 0x200000 + 0x400000, i;
	Elf64_Ehdr *h = (void *)g->elf;
	Elf64_Phdr *p = (void *)(h + 1);
	Elf64_Dyn *d = (void *)(g->elf + 0x3800);
	Elf64_Rela *r = (void *)(g->elf + 0x1100);
	uint64_t *relr = (void *)(g->elf + 0x1200);

	g->elf_bytes = sizeof(g->elf);
	memcpy(h->e_ident, ELFMAG, SELFMAG);
	h->e_ident[EI_CLASS] = ELFCLASS64;
	h->e_ident[EI_DATA] = ELFDATA2LSB;
	h->e_ident[EI_VERSION] = EV_CURRENT;
	h->e_version = EV_CURRENT;
	h->e_type = ET_DYN;
	h->e_machine = EM_X86_64;
	h->e_ehsize = sizeof(*h);
	h->e_phentsize = sizeof(*p);
	h->e_phoff = sizeof(*h);
	h->e_phnum = 3;
	for (i = 0x1000; i < 0x3800; i++)
		g->elf[i] = (uint8_t)(i * i >> 7 | 1);
	*r = (Elf64_Rela){ base + 0x10, ELF64_R_INFO(0, R_X86_64_RELATIVE),
			   (int64_t)base + 0x123 };
	p[0] = (Elf64_Phdr){ .p_type = PT_LOAD,
			     .p_flags = PF_R | PF_X,
			     .p_offset = 0x1000,
			     .p_vaddr = base,
			     .p_paddr = base,
			     .p_filesz = 0x2800,
			     .p_memsz = 0x2800 };
	p[1] = (Elf64_Phdr){ .p_type = PT_LOAD,
			     .p_flags = PF_R | PF_W,
			     .p_offset = 0x3800,
			     .p_vaddr = base + 0x3000,
			     .p_paddr = base + 0x3000,
			     .p_filesz = 0x100,
			     .p_memsz = 0x1800 };
	p[2] = (Elf64_Phdr){ .p_type = PT_DYNAMIC,
			     .p_offset = 0x3800,
			     .p_filesz = 0x100 };
	d[0] = (Elf64_Dyn){ DT_RELA, { base + 0x100 } };
	d[1] = (Elf64_Dyn){ DT_RELASZ, { sizeof(*r) } };
	d[2] = (Elf64_Dyn){ DT_RELAENT, { sizeof(*r) } };
	/* A word, and the second and the last of the 63 behind it. */
	relr[0] = base + 0x2000;
	relr[1] = 1ull << 63 | 1 << 2 | 1;
	d[3] = (Elf64_Dyn){ DT_RELR, { base + 0x200 } };
	d[4] = (Elf64_Dyn){ DT_RELRSZ, { 2 * sizeof(*relr) } };
	d[5] = (Elf64_Dyn){ DT_RELRENT, { sizeof(*relr) } };
	d[6] = (Elf64_Dyn){ DT_NULL, { 0 } };

	memcpy(g->high, g->elf + 0x1000, 0x2800);
	memcpy(g->high + 0x10, &(uint64_t){ FAKE_IMAGE_GPA + 0x123 }, 8);
	move_word(g->high + 0x2000);
	move_word(g->high + 0x2000 + 2 * 8);
	move_word(g->high + 0x2000 + 63 * 8);
}

static void build_control(struct fake_guest *g, uint32_t nr_vcpus)
{
	struct abi_control *c;
	uint64_t at = ABI_PAGE_BYTES;

	g->control_bytes = abi_control_bytes(nr_vcpus);
	g->control = c = map(g->control_bytes);
	c->magic = ABI_CONTROL_MAGIC;
	c->version = ABI_VERSION;
	c->header_bytes = sizeof(*c);
	c->bytes = g->control_bytes;
	c->nr_vcpus = nr_vcpus;
	c->state = ABI_STATE_STOPPED;
	c->tsc_hz = 2000000000;
	c->image_gpa = FAKE_IMAGE_GPA;
	c->image_bytes = FAKE_IMAGE_BYTES + FAKE_PRIVATE_BYTES;
	c->vcpu_offset = (uint32_t)at;
	at += ABI_ALIGN_PAGE(ABI_MAX_VCPUS * sizeof(struct abi_vcpu));
	c->bad_offset = (uint32_t)at;
	at += nr_vcpus * sizeof(struct abi_bad_log);
	c->stall_offset = (uint32_t)at;
	at += nr_vcpus * sizeof(struct abi_stall);
	c->log_offset = (uint32_t)at;
	at += ABI_ALIGN_PAGE(nr_vcpus * sizeof(struct oracle_log));
	c->beat_offset = (uint32_t)at;
	g->vcpu = (void *)((uint8_t *)c + c->vcpu_offset);
	g->log = (void *)((uint8_t *)c + c->log_offset);
	g->bad = (void *)((uint8_t *)c + c->bad_offset);
	g->stall = (void *)((uint8_t *)c + c->stall_offset);
}

static void run_workload(struct fake_guest *g, uint64_t steps)
{
	const struct oracle *o = &g->control->epoch;
	struct oracle_cursor cursor;
	uint64_t i, index, visit, gfn;
	uint32_t v;

	for (i = 0; i < o->nr_pages; i++) {
		gfn = oracle_gfn(o, i);
		oracle_page(o, gfn, 0, fake_guest_page(g, gfn));
	}
	for (v = 0; v < o->nr_vcpus; v++) {
		if (!oracle_slice(o, v).nr_pages)
			continue;
		oracle_cursor_seek(&cursor, o, v, NULL, 0);
		for (i = 0; i < steps; i++) {
			index = oracle_cursor_next(&cursor, o, &visit);
			gfn = oracle_gfn(o, index);
			oracle_write_visit(o, gfn, visit,
					   fake_guest_page(g, gfn));
		}
		g->vcpu[v].steps = steps;
	}
}

static void add_memory(struct fake_guest *g, uint64_t gpa, uint64_t bytes,
		       const void *at)
{
	assert_int_equal(ram_add(&g->ram, gpa, bytes, (uintptr_t)at), 0);
}

struct fake_guest *fake_guest_create(struct oracle o, uint64_t steps)
{
	struct fake_guest *g = calloc(1, sizeof(*g));

	assert_non_null(g);
	build_control(g, o.nr_vcpus);
	o.nr_ranges = 0;
	lay_out(g, &o);
	assert_true(oracle_valid(&o));
	g->control->epoch = o;
	g->control->epoch_seq = 2;
	g->low = map(FAKE_FIRMWARE_BYTES);
	g->high = map(g->high_bytes);
	memset(g->low, 0x5a, FAKE_FIRMWARE_BYTES);
	memset(g->high + FAKE_IMAGE_BYTES, 0xa5, FAKE_PRIVATE_BYTES);
	ram_init(&g->ram, getpid());
	add_memory(g, FAKE_CONTROL_GPA, g->control_bytes, g->control);
	add_memory(g, FAKE_IMAGE_GPA, g->high_bytes, g->high);
	add_memory(g, 0, FAKE_FIRMWARE_BYTES, g->low);
	build_elf(g);
	run_workload(g, steps);
	return g;
}

void fake_guest_destroy(struct fake_guest *g)
{
	munmap(g->control, g->control_bytes);
	munmap(g->low, FAKE_FIRMWARE_BYTES);
	munmap(g->high, g->high_bytes);
	free(g);
}

uint8_t *fake_guest_page(struct fake_guest *g, uint64_t gfn)
{
	return g->high + (gfn << ABI_PAGE_SHIFT) - FAKE_IMAGE_GPA;
}

struct guest_view fake_guest_view(struct fake_guest *g)
{
	struct error err = { "" };
	struct guest_view view;

	if (guest_view_read(&g->ram, FAKE_CONTROL_GPA, g->control_bytes, &view,
			    &err))
		fail_msg("%s", err.text);
	return view;
}

uint64_t fake_guest_gfn(struct fake_guest *g, uint32_t kind)
{
	uint32_t i = 0;

	while (g->control->ram[i].kind != kind)
		i++;
	return g->control->ram[i].gpa >> ABI_PAGE_SHIFT;
}
