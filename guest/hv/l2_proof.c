/* SPDX-License-Identifier: MIT */
/*
 * Each variant proved by what only it can do. ROUNDS operations in L2 each
 * time, and the exits to L1 counted: all of them, or none.
 */
#include "hv/l2.h"

#include <stddef.h>

#include "hv/nested.h"
#include "hv/probe.h"
#include "x86/apic.h"
#include "x86/cpu.h"
#include "x86/insn_vmx.h"

#define ROUNDS 20u
#define MSR_KERNEL_GS_BASE 0xc0000102u

static const char cpuid_fails[] = "CPUID in L2 doesn't have L1's answers";

/* In L2: how many had L1's answer. */
static uint64_t cpuid_loop(void *arg)
{
	uint64_t i, marked = 0;

	(void)arg;
	for (i = 0; i < ROUNDS; i++)
		marked += cpuid(0, 0).ebx == L2_CPUID_MARK;
	return marked;
}

static uint64_t rdmsr_loop(void *arg)
{
	uint64_t i, right = 0;

	for (i = 0; i < ROUNDS; i++)
		right += rdmsr(MSR_KERNEL_GS_BASE) == *(uint64_t *)arg;
	return right;
}

static uint64_t flush_loop(void *arg)
{
	uint64_t i, right = 0;

	(void)arg;
	for (i = 0; i < ROUNDS; i++)
		right += (l2_flush() & 0xffff) == 0;
	return right;
}

static uint64_t flags(void *arg)
{
	cpuid(0, 0);
	cpuid(0, 0);
	(void)arg;
	return read_rflags() & RFLAGS_ID ? 1 : 0;
}

/* @fn in L2 must give @value, with @exits to L1. */
static const char *expect(const struct nested_backend *b,
			  uint64_t (*fn)(void *arg), uint64_t value,
			  uint64_t exits, const char *sentence)
{
	uint64_t got = 0, gs = rdmsr(MSR_KERNEL_GS_BASE);
	const char *why = b->call(fn, &gs, &got);

	if (why)
		return why;
	l2_run.detail = l2_exits();
	return got == value && l2_run.detail == exits ? NULL : sentence;
}

const char *l2_prove_cpuid(const struct nested_backend *b, const char *sentence)
{
	return expect(b, cpuid_loop, ROUNDS, ROUNDS, sentence);
}

/* What L1 writes arrives in L2; if it isn't told, it doesn't, and what L1 has
 * written is overwritten. */
static const char *prove_writes(const struct nested_backend *b)
{
	bool ignored = l2_run.flags & L2_IGNORED;
	const char *why;

	l2_run.set_id = 1;
	why = expect(b, flags, !ignored, 2,
		     ignored ? "a group not marked was read all the same"
			     : "L2 doesn't see what L1 has written");
	l2_run.set_id = 0;
	if (!why && !(l2_run.last[8] & RFLAGS_ID) != ignored)
		why = "what L1 wrote was not overwritten as it must be";
	return why;
}

static const char *prove_bitmap(const struct nested_backend *b)
{
	const char *why;

	if (!(l2_run.flags & L2_MSR_BITMAP))
		return expect(b, rdmsr_loop, ROUNDS,
			      b->exits_without_bitmap ? ROUNDS : 0,
			      "without a bitmap RDMSR is not L1's or L0's");
	why = expect(b, rdmsr_loop, ROUNDS, 0,
		     "a bit that is clear doesn't let RDMSR pass");
	*b->read_gs = b->read_gs_mask;
	if (!why && l2_run.flags & L2_HV_BITMAP)
		why = expect(b, rdmsr_loop, ROUNDS, 0,
			     "the bitmap was read with its clean bit set");
	b->mark_bitmap();
	if (!why)
		why = expect(b, rdmsr_loop, ROUNDS, ROUNDS,
			     "a bit that is set doesn't make RDMSR exit");
	*b->read_gs = 0;
	b->mark_bitmap();
	return why;
}

/* Bochs looks for interrupts only when they are let in, wrongly. */
static uint64_t cpuid_loop_open(void *arg)
{
	let_interrupts_in();
	return cpuid_loop(arg);
}

/* One that is pending ends L2, and L1 serves it. */
static const char *prove_interrupt(const struct nested_backend *b)
{
	const struct cpu *self = &cpu_boot.cpu;
	uint32_t taken = probe_taken(self);
	const char *why;

	apic_send(self->apic_id, VECTOR_PROBE);
	why = expect(b, cpuid_loop_open, ROUNDS, ROUNDS, cpuid_fails);
	if (!why && (!l2_run.interrupts || probe_taken(self) != taken + 1))
		why = "an interrupt does not come to L1";
	return why;
}

const char *l2_prove(const struct nested_backend *b)
{
	bool direct = l2_run.flags & L2_HV_FLUSH;
	const char *why = l2_prove_cpuid(b, cpuid_fails);

	if (!why && l2_run.flags & L2_TWO)
		why = l2_prove_cpuid(b, "the second VMCS doesn't work");
	if (!why)
		why = prove_writes(b);
	if (!why)
		why = prove_bitmap(b);
	if (!why)
		why = prove_interrupt(b);
	if (!why)
		why = expect(b, flush_loop, ROUNDS, direct ? 0 : ROUNDS,
			     "flushes of L2 go to the wrong hypervisor");
	if (!why)
		why = b->prove();
	return why;
}
