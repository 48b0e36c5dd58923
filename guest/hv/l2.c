/* SPDX-License-Identifier: MIT */
/* L1's answers to L2's exits. */
#include "hv/l2.h"

#include <stddef.h>

#include "control.h"
#include "hyperv.h"
#include "x86/cpu.h"
#include "x86/insn_vmx.h"

_Static_assert(offsetof(struct l2_run, r8) == 7 * 8, "vmx_entry.asm");
_Static_assert(offsetof(struct l2_run, entry) == 15 * 8, "vmx_entry.asm");

struct l2_run l2_run;

void l2_begin(uint64_t (*fn)(void *arg), void *arg)
{
	l2_run.failure = NULL;
	l2_run.exits = l2_run.interrupts = 0;
	l2_run.rdi = (uint64_t)fn;
	l2_run.rsi = (uint64_t)arg;
}

uint64_t l2_exits(void)
{
	return l2_run.exits - l2_run.interrupts;
}

static uint64_t hypercall(uint64_t control, uint64_t input)
{
	return l2_run.flags & L2_AMD ? vmmcall(control, input, 0)
				     : vmcall(control, input, 0);
}

void l2_main(uint64_t (*fn)(void *arg), void *arg)
{
	hypercall(L2_CALL_DONE, fn(arg));
	__builtin_unreachable();
}

uint64_t l2_flush(void)
{
	static const struct hv_flush_input input
		__attribute__((aligned(32))) = {
			.flags = HV_FLUSH_ALL_PROCESSORS | HV_FLUSH_ALL_SPACES,
		};

	return hypercall(HV_CALL_FLUSH_SPACE, (uint64_t)&input);
}

bool l2_stop(struct l2_run *run, const char *failure, uint64_t detail)
{
	run->failure = failure;
	run->detail = detail;
	return false;
}

static void answer_rdmsr(struct l2_run *run)
{
	uint64_t value = rdmsr((uint32_t)run->rcx);

	run->rax = (uint32_t)value;
	run->rdx = value >> 32;
}

static void answer_cpuid(struct l2_run *run)
{
	uint64_t seed;

	run->rax = run->rcx = run->rdx = 0;
	run->rbx = L2_CPUID_MARK;
	if (!run->count)
		return;
	seed = ++run->count->exits * L2_SEED_STEP;
	run->rax = seed;
	run->rbx = seed + 1;
	run->rcx = seed + 2;
	run->rdx = seed + 3;
}

static bool answer(struct l2_run *run, uint64_t reason)
{
	switch (reason) {
	case L2_INTERRUPT:
		run->interrupts++;
		let_interrupts_in();
		break;
	case L2_CPUID:
		answer_cpuid(run);
		break;
	case L2_RDMSR:
		answer_rdmsr(run);
		break;
	case L2_WRMSR:
		wrmsr((uint32_t)run->rcx,
		      (run->rax & UINT32_MAX) | run->rdx << 32);
		break;
	case L2_CALL:
		if (run->rcx == L2_CALL_DONE)
			return false;
		run->rax = 0;
		break;
	case L2_HLT:
		halt_for_interrupt();
		break;
	default:
		return l2_stop(run, "an exit that L1 did not ask for", reason);
	}
	run->exits++;
	return true;
}

bool l2_answer(struct l2_run *run, uint64_t reason)
{
	bool again;

	if (run->count)
		run->count->place = ABI_L2_IN_L1;
	again = answer(run, reason);
	if (run->count && again)
		run->count->place = ABI_L2_IN_L2;
	return again;
}
