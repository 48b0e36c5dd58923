/* SPDX-License-Identifier: MIT */
/* L2's exits as SVM tells them, and back. */
#include "hv/svm.h"

#include "x86/apic.h"
#include "x86/cpu.h"
#include "x86/insn_svm.h"

/* What L1 asks for, and how long the instruction is: not each CPU says it. */
static const struct {
	uint8_t code, reason, length;
} exits[] = {
	{ SVM_EXIT_CPUID, L2_CPUID, 2 },  { SVM_EXIT_MSR, L2_RDMSR, 2 },
	{ SVM_EXIT_VMMCALL, L2_CALL, 3 }, { SVM_EXIT_INTR, L2_INTERRUPT, 0 },
	{ SVM_EXIT_HLT, L2_HLT, 1 },
};

#define NR_EXITS (sizeof(exits) / sizeof(exits[0]))

static bool answer(struct l2_run *run, struct vmcb *v)
{
	uint64_t code = v->exit_code;
	uint32_t i;

	for (i = 0; i < NR_EXITS; i++) {
		if (exits[i].code != code)
			continue;
		v->rip += exits[i].length;
		/* Of an MSR: 1 = WRMSR. */
		return l2_answer(run, exits[i].reason + v->exit_info1);
	}
	return l2_answer(run, code);
}

/* What L2 sees of it only if the variant is what it says: a bit that only
 * VMLOAD brings, an interrupt that only GIF lets in here. */
static void prove_exit(struct vmcb *v)
{
	v->rflags |= RFLAGS_ID;
	v->kernel_gs_base ^= SVM_PROOF_LOADED;
	apic_send(cpu_boot.cpu.apic_id, VECTOR_PROBE);
	let_interrupts_in();
}

/* Return: true = enter L2 again. */
bool svm_handle(struct l2_run *run);
bool svm_handle(struct l2_run *run)
{
	struct vmcb *v = (struct vmcb *)run->entry;
	bool gif = run->flags & SVM_GIF || v->exit_code == SVM_EXIT_INTR ||
		   v->exit_code == SVM_EXIT_HLT;
	bool again;

	if (run->flags & SVM_VMLOAD)
		vmsave((uint64_t)v);
	if (gif)
		stgi();
	run->rax = v->rax;
	run->last[8] = v->rflags;
	again = answer(run, v);
	v->rax = run->rax;
	if (run->set_id && v->exit_code == SVM_EXIT_CPUID)
		prove_exit(v);
	v->shadow = v->tlb_control = 0;
	v->clean = SVM_CLEAN_ALL;
	if (gif)
		clgi();
	if (run->flags & SVM_VMLOAD)
		vmload((uint64_t)v);
	return again;
}
