/* SPDX-License-Identifier: MIT */
/* Control area: where it lies and what it says of the guest. */
#include "kern/control.h"

#include "work/work.h"
#include "x86/smp.h"
#include "x86/tsc.h"

extern uint8_t image_start[], image_end[];

/* The ELF note VMFERRY names it. */
struct abi_anchor abi_anchor = { .magic = ABI_ANCHOR_MAGIC };

/* Stands in until there is an area: boot can panic before that. */
static struct abi_control *area;
static bool brought;

struct abi_control *control_area(void)
{
	return area;
}

const char *control_open(const struct boot_info *boot)
{
	struct abi_control *c = (struct abi_control *)boot->control_gpa;

	if (!c)
		return NULL;
	if (boot->control_gpa % ABI_PAGE_BYTES ||
	    boot->control_bytes < abi_control_bytes(1))
		return "control area is too small";
	if (c->magic != ABI_CONTROL_MAGIC)
		return "control area has no magic";
	if (c->version != ABI_VERSION || c->header_bytes != sizeof(*c))
		return "control area has another version";
	if (c->bytes > boot->control_bytes)
		return "control area is smaller than it says";
	area = c;
	brought = true;
	area->preset[ABI_PRESET_BYTES - 1] = 0;
	return NULL;
}

const char *control_preset(void)
{
	return brought ? area->preset : "";
}

uint32_t control_preset_cpus(void)
{
	return brought ? area->preset_cpus : 0;
}

bool control_create(struct rammap *map, uint64_t above, uint32_t nr_cpus)
{
	uint64_t bytes = abi_control_bytes(nr_cpus), gpa;

	if (brought)
		return area->bytes >= bytes;
	gpa = rammap_take(map, bytes, ABI_PAGE_BYTES, above, ABI_RAM_PRIVATE);
	if (!gpa)
		return false;
	area = (struct abi_control *)gpa;
	work_zero_now(gpa, bytes);
	area->magic = ABI_CONTROL_MAGIC;
	area->version = ABI_VERSION;
	area->header_bytes = sizeof(*area);
	area->bytes = bytes;
	return true;
}

void control_lay_out(uint32_t nr_cpus, uint64_t entry_tsc)
{
	uint64_t base = (uint64_t)area, bad, stall;
	uint32_t i;

	area->vcpu_offset = ABI_ALIGN_PAGE(sizeof(*area));
	area->bad_offset = (uint32_t)(area->vcpu_offset +
				      ABI_ALIGN_PAGE(ABI_MAX_VCPUS *
						     sizeof(struct abi_vcpu)));
	bad = ABI_ALIGN_PAGE(sizeof(struct abi_bad_log));
	stall = ABI_ALIGN_PAGE(sizeof(struct abi_stall));
	area->stall_offset = (uint32_t)(area->bad_offset + nr_cpus * bad);
	area->log_offset = (uint32_t)(area->stall_offset + nr_cpus * stall);
	area->beat_offset =
		(uint32_t)(area->log_offset +
			   ABI_ALIGN_PAGE((nr_cpus + ABI_MAX_DMA) *
					  sizeof(struct oracle_log)));
	for (i = 0; i < nr_cpus; i++) {
		struct cpu *cpu = smp_cpu(i);

		cpu->vcpu = (struct abi_vcpu *)(base + area->vcpu_offset) + i;
		cpu->bad = (struct abi_bad_log *)(base + area->bad_offset +
						  i * bad);
		cpu->stall = (struct abi_stall *)(base + area->stall_offset +
						  i * stall);
		cpu->log = (struct oracle_log *)(base + area->log_offset) + i;
	}
	area->nr_vcpus = nr_cpus;
	area->tsc_hz = tsc_hz();
	area->image_gpa = (uint64_t)image_start;
	area->image_bytes = (uint64_t)(image_end - image_start);
	area->entry_tsc = entry_tsc;
	abi_anchor.control_bytes = area->bytes;
	abi_anchor.control_gpa = base;
}

void control_set_state(enum abi_guest_state state)
{
	if (area)
		area->state = state;
}

void control_begin_change(void)
{
	area->epoch_seq++;
	compiler_barrier();
}

void control_end_change(void)
{
	compiler_barrier();
	area->epoch_seq++;
}

void control_write_ram(const struct rammap *map)
{
	uint32_t i;

	for (i = 0; i < map->nr; i++)
		area->ram[i] = map->range[i];
	area->nr_ram = map->nr;
}
