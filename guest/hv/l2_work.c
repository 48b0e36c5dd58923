/* SPDX-License-Identifier: MIT */
/* Rounds of L2, their check, and what L1 makes of them. */
#include "hv/l2_work.h"

#include <stddef.h>

#include "hv/l2.h"
#include "hv/nested.h"
#include "kern/console.h"
#include "kern/control.h"
#include "kern/panic.h"
#include "work/work.h"
#include "x86/cpu.h"

/* Steps of the workload, and rounds, before the other has its turn. */
#define TURN_STEPS 32u
#define TURN_ROUNDS 4u
/* L2 works so long between two exits: most of the time it is in L2. */
#define DWELL 16384u
/* What cpuid_planted() says of the registers with the answer. */
#define ANSWER_BITS 0xfu

static struct {
	const struct nested_backend *backend;
	const struct nested_variant *variant;
	uint32_t told; /* of the count's nr_bad */
	bool open, on;
} own;

/* l2_xmm.asm: all XMM registers hold @seed and more; a bit for each that does
 * not. */
void xmm_plant(uint64_t seed);
uint32_t xmm_compare(uint64_t seed);

static struct abi_l2 *count(void)
{
	return &control_area()->l2;
}

bool l2_work_on(void)
{
	return own.on;
}

bool l2_work_is_open(void)
{
	return own.open;
}

const char *l2_work_missing(const struct work_options *options)
{
	const struct nested_backend *b;
	const char *why;

	if (!options->l2)
		return NULL;
	/* Its flags are looked at now, while it is not in use. */
	l2_work_close();
	b = nested_backend(&why);
	if (!b)
		return why;
	own.backend = b;
	own.variant = options->l2_variant[0]
			      ? nested_variant(b, options->l2_variant)
			      : b->variants;
	return own.variant ? b->flags_missing(own.variant->flags)
			   : "there is no such variant";
}

static void found(uint32_t bad, uint64_t detail)
{
	struct abi_l2 *c = count();

	if (c->nr_bad++)
		return;
	c->bad = bad;
	c->bad_round = c->rounds;
	c->bad_detail = detail;
}

/* L1 was told of @c->rounds exits; it may have counted others. */
static void check_count(struct abi_l2 *c)
{
	if (c->exits == c->rounds)
		return;
	if (c->exits < c->rounds) {
		found(ABI_L2_LOST, c->exits);
		/* Without L1 there is no way back to it. */
		panic("L2's exit did not come to L1");
	}
	found(ABI_L2_DOUBLED, c->exits);
	c->rounds = c->exits;
}

/* In L2. */
static void make_round(struct abi_l2 *c)
{
	uint64_t seed = ++c->rounds * L2_SEED_STEP;
	uint32_t differing, i;

	c->place = ABI_L2_IN_L2;
	xmm_plant(seed);
	for (i = 0; i < DWELL; i++)
		compiler_barrier();
	differing = cpuid_planted(seed);
	check_count(c);
	if (differing & ANSWER_BITS)
		found(ABI_L2_ANSWER, differing);
	else if (differing)
		found(ABI_L2_REGISTERS, differing);
	differing = xmm_compare(seed);
	if (differing)
		found(ABI_L2_VECTORS, differing);
}

static uint64_t make_rounds(void *arg)
{
	const struct cpu *cpu = arg;
	uint32_t i = 0;

	do {
		make_round(count());
	} while (++i < TURN_ROUNDS && !cpu->attention);
	return 0;
}

static uint64_t make_rounds_on(void *arg)
{
	const struct cpu *cpu = arg;

	while (!cpu->attention)
		make_round(count());
	return 0;
}

/* The workload's steps, a turn of them. */
static void limit_steps(struct cpu *cpu, uint64_t limit)
{
	cpu->step_limit = limit - cpu->vcpu->steps > TURN_STEPS
				  ? cpu->vcpu->steps + TURN_STEPS
				  : limit;
}

static uint64_t write_pages(void *arg)
{
	struct cpu *cpu = arg;
	uint64_t limit = cpu->step_limit, result;

	do {
		make_round(count());
		limit_steps(cpu, limit);
		result = work_run(cpu);
		cpu->step_limit = limit;
	} while (!result && !cpu->attention && cpu->vcpu->steps < limit);
	return result;
}

static uint64_t enter(uint64_t (*fn)(void *arg), struct cpu *cpu)
{
	uint64_t result = 0;

	if (own.backend->call(fn, cpu, &result)) {
		found(ABI_L2_ENTRY, l2_run.detail);
		own.on = false;
	}
	count()->place = ABI_L2_IN_L1;
	return result;
}

uint64_t l2_work_run(struct cpu *cpu)
{
	uint64_t limit = cpu->step_limit, result;

	if (count()->mode == ABI_L2_DIRTY)
		return enter(write_pages, cpu);
	enter(make_rounds, cpu);
	limit_steps(cpu, limit);
	result = user_enter(work_run, cpu);
	cpu->step_limit = limit;
	return result;
}

void l2_work_rest(struct cpu *cpu)
{
	enter(make_rounds_on, cpu);
}

static void start(bool bare)
{
	const struct nested_backend *b = own.backend;
	const char *why =
		bare && b->bare ? b->bare() : b->start(own.variant->flags);

	if (why) {
		found(ABI_L2_ENTRY, l2_run.detail);
		return;
	}
	l2_run.count = count();
	own.open = true;
}

void l2_work_open(const struct work_options *options)
{
	*count() = (struct abi_l2){ .mode = options->l2 };
	own.told = 0;
	if (!options->l2)
		return;
	if (l2_work_missing(options)) {
		found(ABI_L2_ENTRY, 0);
		return;
	}
	start(options->l2 == ABI_L2_BARE);
	own.on = own.open &&
		 (options->l2 == ABI_L2_CPUID || options->l2 == ABI_L2_DIRTY);
}

void l2_work_close(void)
{
	const struct nested_backend *b = own.backend;
	const char *why = NULL;

	if (!own.open)
		return;
	if (count()->mode == ABI_L2_BARE && b->change)
		why = b->change(own.variant->flags);
	l2_run.count = count();
	if (why)
		found(ABI_L2_ENTRY, l2_run.detail);
	else
		enter(make_rounds, &cpu_boot.cpu);
	b->stop();
	own.open = own.on = false;
}

void l2_work_poll(void)
{
	static const char *const names[] = { "none",   "lost",	    "doubled",
					     "answer", "registers", "vectors",
					     "entry" };
	const struct abi_l2 *c = count();

	if (c->nr_bad == own.told)
		return;
	own.told = c->nr_bad;
	console_print("event l2 bad=%s round=%lu detail=0x%lx nr=%u",
		      names[c->bad], c->bad_round, c->bad_detail, c->nr_bad);
}
