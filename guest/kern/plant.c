/* SPDX-License-Identifier: MIT */
/*
 * The vCPU state check. Each item is written and read back when it is planted;
 * what does not stick there does not exist on this vCPU and is not compared.
 */
#include "kern/plant.h"

#include "work/vector.h"
#include "x86/apic.h"
#include "x86/tsc.h"

#define DR7_OFF 0x400u

/* Holds back VECTOR_PROBE and lets all others pass. */
#define TPR_PROBE (VECTOR_PROBE & 0xf0u)
#define PROBE_ATTEMPTS 8

enum plant_kind { PLANT_DR, PLANT_MSR, PLANT_LVT, PLANT_SPECIAL };

enum plant_special {
	SPECIAL_TPR,
	SPECIAL_IRR,
	SPECIAL_GPR,
	SPECIAL_AVX,
	SPECIAL_AVX512
};

#define WORD 0xffffffffull
#define CANONICAL 0x00007fffffffffffull
#define ANY UINT64_MAX
/* The upper four entries, which no page uses: any of 0, 1, 4, 5 each. */
#define PAT_UPPER 0x0505050500000000ull

static const struct plant_item {
	const char *name;
	enum plant_kind kind;
	uint32_t reg;
	uint64_t mask; /* bits that may be planted */
} items[] = {
	{ "dr0", PLANT_DR, 0, CANONICAL },
	{ "dr1", PLANT_DR, 1, CANONICAL },
	{ "dr2", PLANT_DR, 2, CANONICAL },
	{ "dr3", PLANT_DR, 3, CANONICAL },
	{ "sysenter_cs", PLANT_MSR, 0x174, 0xffff },
	/* AMD's CPUs use the lower half, and its KVM keeps no more. */
	{ "sysenter_esp", PLANT_MSR, 0x175, WORD },
	{ "sysenter_eip", PLANT_MSR, 0x176, WORD },
	{ "pat", PLANT_MSR, 0x277, PAT_UPPER },
	{ "star", PLANT_MSR, 0xc0000081, ANY },
	{ "lstar", PLANT_MSR, 0xc0000082, CANONICAL },
	{ "cstar", PLANT_MSR, 0xc0000083, CANONICAL },
	{ "sfmask", PLANT_MSR, 0xc0000084, WORD },
	{ "fs_base", PLANT_MSR, 0xc0000100, CANONICAL },
	{ "gs_base", PLANT_MSR, 0xc0000101, CANONICAL },
	{ "kernel_gs_base", PLANT_MSR, 0xc0000102, CANONICAL },
	{ "tsc_aux", PLANT_MSR, 0xc0000103, WORD },
	{ "lvt_thermal", PLANT_LVT, APIC_LVT_THERMAL, 0x7f },
	{ "lvt_perf", PLANT_LVT, APIC_LVT_PERF, 0x7f },
	{ "lvt_lint0", PLANT_LVT, APIC_LVT_LINT0, 0x7f },
	{ "lvt_lint1", PLANT_LVT, APIC_LVT_LINT1, 0x7f },
	{ "lvt_error", PLANT_LVT, APIC_LVT_ERROR, 0x7f },
	{ "tpr", PLANT_SPECIAL, SPECIAL_TPR, 0 },
	{ "pending_interrupt", PLANT_SPECIAL, SPECIAL_IRR, 0 },
	{ "general_registers", PLANT_SPECIAL, SPECIAL_GPR, 0 },
	{ "avx", PLANT_SPECIAL, SPECIAL_AVX, 0 },
	{ "avx512", PLANT_SPECIAL, SPECIAL_AVX512, 0 },
};

#define NR_ITEMS (sizeof(items) / sizeof(items[0]))
_Static_assert(NR_ITEMS <= CPU_PLANT_ITEMS, "a bit per item");

const char *plant_name(uint32_t bit)
{
	return bit < NR_ITEMS ? items[bit].name : NULL;
}

static uint64_t read_debug(uint32_t n)
{
	switch (n) {
	case 0:
		return read_dr0();
	case 1:
		return read_dr1();
	case 2:
		return read_dr2();
	default:
		return read_dr3();
	}
}

static void write_debug(uint32_t n, uint64_t value)
{
	switch (n) {
	case 0:
		write_dr0(value);
		break;
	case 1:
		write_dr1(value);
		break;
	case 2:
		write_dr2(value);
		break;
	default:
		write_dr3(value);
		break;
	}
}

static int item_read(const struct plant_item *item, uint64_t *ret)
{
	uint32_t value;

	switch (item->kind) {
	case PLANT_DR:
		*ret = read_debug(item->reg);
		return 0;
	case PLANT_MSR:
		return msr_read_safe(item->reg, ret);
	case PLANT_LVT:
		if (apic_read_safe(item->reg, &value))
			return -1;
		*ret = value;
		return 0;
	default:
		return -1;
	}
}

static int item_write(const struct plant_item *item, uint64_t value)
{
	switch (item->kind) {
	case PLANT_DR:
		write_debug(item->reg, value);
		return 0;
	case PLANT_MSR:
		return msr_write_safe(item->reg, value);
	case PLANT_LVT:
		return apic_write_safe(item->reg, (uint32_t)value);
	default:
		return -1;
	}
}

static uint64_t item_value(const struct cpu_plant *p, uint32_t bit)
{
	const struct plant_item *item = &items[bit];
	uint64_t value = (p->seed * (2 * bit + 1)) & item->mask;

	if (item->kind == PLANT_LVT)
		return APIC_LVT_MASKED | 0x80 | value;
	/* Bits that may not be planted keep what they are. */
	return value | (p->before[bit] & ~item->mask);
}

static void item_plant(struct cpu_plant *p, uint32_t bit)
{
	uint64_t seen;

	if (item_read(&items[bit], &p->before[bit]))
		return;
	p->expected[bit] = item_value(p, bit);
	if (item_write(&items[bit], p->expected[bit]))
		return;
	if (!item_read(&items[bit], &seen) && seen == p->expected[bit])
		p->present |= 1u << bit;
	else
		item_write(&items[bit], p->before[bit]);
}

static bool probe_is_pending(void)
{
	return apic_read(APIC_IRR + VECTOR_PROBE / 32) >> VECTOR_PROBE % 32 & 1;
}

static bool special_exists(const struct cpu_plant *p, uint32_t which)
{
	switch (which) {
	case SPECIAL_TPR:
		return apic_read(APIC_TPR) == TPR_PROBE;
	case SPECIAL_IRR:
		return probe_is_pending();
	case SPECIAL_AVX:
		return p->vector_level >= VECTOR_AVX;
	case SPECIAL_AVX512:
		return p->vector_level >= VECTOR_AVX512;
	default:
		return true;
	}
}

void plant_set(struct cpu *cpu)
{
	struct cpu_plant *p = &cpu->plant;
	uint32_t bit;

	if (p->seed)
		plant_check(cpu);
	/* Every vCPU its own values; the low bits keep k registers apart. */
	p->seed = 0x9e3779b97f4a7c15ull * (cpu->index + 1) | 1;
	p->present = p->gpr_differing = p->gpr_halts = p->nr_probes = 0;
	write_dr7(DR7_OFF);
	apic_write(APIC_TPR, TPR_PROBE);
	apic_send(cpu->apic_id, VECTOR_PROBE);
	user_enter(vector_set, p);
	for (bit = 0; bit < NR_ITEMS; bit++) {
		if (items[bit].kind != PLANT_SPECIAL)
			item_plant(p, bit);
		else if (special_exists(p, items[bit].reg))
			p->present |= 1u << bit;
	}
}

void plant_halt(struct cpu *cpu)
{
	cpu->plant.gpr_differing |= halt_planted(cpu->plant.seed);
	cpu->plant.gpr_halts++;
}

/* Let the pending interrupt through: it must come once. */
static void probe_deliver(struct cpu *cpu)
{
	uint32_t i;

	apic_write(APIC_TPR, 0);
	for (i = 0; i < PROBE_ATTEMPTS && !cpu->plant.nr_probes; i++) {
		apic_timer_arm(rdtsc() + tsc_hz() / 1000);
		halt_for_interrupt();
	}
}

static bool special_differs(const struct cpu_plant *p, uint32_t which,
			    uint64_t vector, uint32_t tpr, bool was_pending)
{
	switch (which) {
	case SPECIAL_TPR:
		return tpr != TPR_PROBE;
	case SPECIAL_IRR:
		return !was_pending || p->nr_probes != 1;
	case SPECIAL_GPR:
		return p->gpr_differing;
	case SPECIAL_AVX:
		return vector & VECTOR_AVX;
	default:
		return vector & VECTOR_AVX512;
	}
}

void plant_check(struct cpu *cpu)
{
	struct cpu_plant *p = &cpu->plant;
	uint32_t tpr = apic_read(APIC_TPR), bit;
	bool was_pending = probe_is_pending() && !p->nr_probes;
	uint64_t seen, vector;

	p->differing = 0;
	probe_deliver(cpu);
	vector = user_enter(vector_compare, p);
	for (bit = 0; bit < NR_ITEMS; bit++) {
		const struct plant_item *item = &items[bit];
		bool differs;

		if (!(p->present & 1u << bit))
			continue;
		if (item->kind == PLANT_SPECIAL) {
			differs = special_differs(p, item->reg, vector, tpr,
						  was_pending);
		} else {
			differs = item_read(item, &seen) ||
				  seen != p->expected[bit];
			item_write(item, p->before[bit]);
		}
		p->differing |= (uint32_t)differs << bit;
	}
	p->compared = (uint32_t)__builtin_popcount(p->present);
	p->seed = 0;
}
