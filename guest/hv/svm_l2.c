/* SPDX-License-Identifier: MIT */
/*
 * L2 as a VMCB describes it: L1 again, below a page table of its own.
 * Source: AMD64 APM volume 2, 15.5 (VMRUN), 15.25 (nested paging).
 */
#include "hv/svm.h"

#include "x86/cpu.h"
#include "x86/insn_svm.h"
#include "x86/insn_vmx.h"

#define LEAF_FEATURES 0x80000001u
#define EDX_HUGE_PAGES (1u << 26)

#define MSR_PAT 0x277u
#define MSR_EFER 0xc0000080u

#define RIGHTS_CODE64 0xa9bu
#define RIGHTS_DATA 0xc93u

static void set_segments(struct vmcb *v)
{
	struct descriptor_pointer idt;
	uint32_t i;

	for (i = 0; i < 4; i++)
		v->segment[i] = (struct svm_segment){
			.selector = i == 1 ? SEL_CODE : SEL_DATA,
			.rights = i == 1 ? RIGHTS_CODE64 : RIGHTS_DATA,
			.limit = UINT32_MAX,
		};
	sidt(&idt);
	v->idtr.base = idt.base;
	v->idtr.limit = idt.limit;
	v->gdtr.base = (uint64_t)this_cpu()->gdt;
	v->gdtr.limit = sizeof(this_cpu()->gdt) - 1;
}

/* L1's registers are L2's too, but for those of the call. */
void svm_describe(struct vmcb *v, uint32_t flags)
{
	/* FS, GS, TR, LDTR, and the MSRs that go with them. */
	vmsave((uint64_t)v);
	set_segments(v);
	v->intercept[3] = SVM_INTR | SVM_CPUID | SVM_HLT |
			  (flags & L2_MSR_BITMAP ? SVM_MSR_PROT : 0);
	v->intercept[4] = SVM_VMRUN | SVM_VMMCALL;
	/* Who had it before may have left translations. */
	v->asid = v->tlb_control = 1;
	v->interrupt = SVM_V_INTR_MASKING;
	v->nested_paging = SVM_NESTED_PAGING;
	v->nested_cr3 = l2_map(cpuid(LEAF_FEATURES, 0).edx & EDX_HUGE_PAGES, 0);
	v->efer = rdmsr(MSR_EFER);
	v->cr0 = read_cr0();
	v->cr3 = read_cr3();
	v->cr4 = read_cr4();
	v->dr6 = 0xffff0ff0;
	v->dr7 = 0x400;
	v->pat = rdmsr(MSR_PAT);
	v->hv_control = (flags & L2_HV_BITMAP ? SVM_HV_BITMAP : 0) |
			(flags & L2_HV_FLUSH ? SVM_HV_FLUSH : 0);
	v->hv_vm_id = 1;
	v->hv_partition_assist = (uint64_t)l2_partition;
}
