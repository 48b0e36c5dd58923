/* SPDX-License-Identifier: MIT */
/*
 * SVM switched on, a VMCB that describes L2, and the variants.
 * Source: AMD64 APM volume 2, 15.4 (enabling), 15.5 (VMRUN), 15.25 (nested
 * paging), appendix B (the VMCB).
 */
#include "hv/svm.h"

#include "hv/nested.h"
#include "hyperv.h"
#include "lib/string.h"
#include "x86/cpu.h"
#include "x86/insn_svm.h"

#define LEAF_FEATURES 0x80000001u
#define ECX_SVM (1u << 2)
#define LEAF_SVM 0x8000000au
#define EDX_NESTED_PAGING (1u << 0)

#define MSR_EFER 0xc0000080u
#define EFER_SVME (1ull << 12)
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define MSR_VM_CR 0xc0010114u
#define VM_CR_DISABLED (1u << 4)
#define MSR_VM_HSAVE_PA 0xc0010117u

#define PAGE __attribute__((section(".bss.page")))
static uint8_t host_save[4096] PAGE;
/* The processor reads 8 KiB. */
static uint8_t msr_bitmap[8192] PAGE;
static struct vmcb vmcb PAGE;

static uint64_t efer; /* before */

static const char *missing(void)
{
	uint64_t value;

	if (cpuid(0x80000000u, 0).eax < LEAF_SVM ||
	    !(cpuid(LEAF_FEATURES, 0).ecx & ECX_SVM))
		return nested_svm.absent;
	if (!(cpuid(LEAF_SVM, 0).edx & EDX_NESTED_PAGING))
		return "SVM has no nested paging";
	if (!msr_read_safe(MSR_VM_CR, &value) && value & VM_CR_DISABLED)
		return "the firmware has locked SVM away";
	return NULL;
}

static const char *flags_missing(uint32_t flags)
{
	const char *why = missing();

	if (!why && flags & L2_HV)
		why = l2_hyperv_missing(flags);
	return why;
}

static const char *start(uint32_t flags)
{
	const char *why = flags_missing(flags);

	if (why)
		return why;
	efer = rdmsr(MSR_EFER);
	wrmsr(MSR_EFER, efer | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, (uint64_t)host_save);
	memset(&l2_run, 0, sizeof(l2_run));
	l2_run.flags = flags | L2_AMD;
	l2_run.entry = (uint64_t)&vmcb;
	memset(&vmcb, 0, sizeof(vmcb));
	vmcb.msr_bitmap = (uint64_t)msr_bitmap;
	svm_describe(&vmcb, flags);
	if (!(flags & L2_HV))
		return NULL;
	l2_hyperv_open(flags, 0);
	vmcb.hv_vp_id = (uint32_t)rdmsr(HV_MSR_VP_INDEX);
	return NULL;
}

static void stop(void)
{
	if (l2_run.flags & L2_HV)
		l2_hyperv_close();
	wrmsr(MSR_EFER, efer);
}

static const char *call(uint64_t (*fn)(void *arg), void *arg, uint64_t *ret)
{
	l2_begin(fn, arg);
	vmcb.rip = (uint64_t)l2_main;
	vmcb.rsp = this_cpu()->user_stack - 8;
	vmcb.rflags = 2;
	clgi();
	svm_loop(&l2_run);
	stgi();
	if (ret)
		*ret = l2_run.rdx;
	return l2_run.failure;
}

static void mark_bitmap(void)
{
	vmcb.clean &= ~(SVM_CLEAN_MAPS | SVM_CLEAN_HV);
}

/* In L2. Return: what L1 has let KERNEL_GS_BASE be. */
static uint64_t gs_after_exit(void *arg)
{
	uint64_t before = rdmsr(MSR_KERNEL_GS_BASE), after;

	(void)arg;
	wrmsr(MSR_KERNEL_GS_BASE, SVM_PROOF_SAVED);
	cpuid(0, 0);
	after = rdmsr(MSR_KERNEL_GS_BASE);
	wrmsr(MSR_KERNEL_GS_BASE, before);
	return after;
}

static const char *prove(void)
{
	uint64_t loaded = l2_run.flags & SVM_VMLOAD ? SVM_PROOF_LOADED : 0;
	uint64_t got = 0;
	const char *why;

	l2_run.set_id = 1;
	why = call(gs_after_exit, NULL, &got);
	l2_run.set_id = 0;
	l2_run.detail = got;
	if (why)
		return why;
	if (got != (SVM_PROOF_SAVED | loaded))
		return "VMSAVE and VMLOAD are not as the variant says";
	/* With GIF L1's interrupt came in L1, else it ended L2. */
	if (!l2_run.interrupts != !!(l2_run.flags & SVM_GIF))
		return "STGI and CLGI are not as the variant says";
	return NULL;
}

static const struct nested_variant variants[] = {
	{ "plain", 0 },
	{ "vmload", SVM_VMLOAD },
	{ "vmload-clgi", SVM_VMLOAD | SVM_GIF },
	{ "msr-bitmap", L2_MSR_BITMAP },
	{ "hv-msr-bitmap", L2_MSR_BITMAP | L2_HV_BITMAP },
	{ "hv-assist", L2_HV_ASSIST },
	{ "hv-direct-flush", L2_HV_FLUSH },
	{ NULL, 0 },
};

const struct nested_backend nested_svm = {
	.name = "svm",
	.variants = variants,
	.missing = missing,
	.absent = "the CPU has no SVM",
	.flags_missing = flags_missing,
	.start = start,
	.prove = prove,
	.call = call,
	.stop = stop,
	/* Source: AMD64 APM volume 2, 15.11: two bits each, those of
	 * 0xc0000000 from byte 0x800. */
	.read_gs = &msr_bitmap[0x800 + 0x102 / 4],
	.read_gs_mask = 1u << 0x102 % 4 * 2,
	.mark_bitmap = mark_bitmap,
};
