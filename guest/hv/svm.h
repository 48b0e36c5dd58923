/* SPDX-License-Identifier: MIT */
/*
 * The guest as a hypervisor on SVM: its own guest (L2) is this very image, with
 * the same page tables under an identity map as nested page table.
 * Source: AMD64 APM volume 2, chapter 15, and appendix B (the VMCB).
 */
#ifndef VMFERRY_GUEST_SVM_H
#define VMFERRY_GUEST_SVM_H

#include <stddef.h>
#include <stdint.h>

#include "hv/l2.h"

/* What a variant switches on, beside enum l2_flags. */
enum svm_flags {
	SVM_VMLOAD = 1u << 8, /* VMSAVE and VMLOAD at each exit */
	SVM_GIF = 1u << 9, /* STGI and CLGI at each exit */
};

#define SVM_EXIT_INTR 0x60u
#define SVM_EXIT_CPUID 0x72u
#define SVM_EXIT_HLT 0x78u
#define SVM_EXIT_MSR 0x7cu
#define SVM_EXIT_VMMCALL 0x81u
#define SVM_EXIT_INVALID (~0ull)

/* Interceptions: words 3 and 4. */
#define SVM_INTR (1u << 0)
#define SVM_CPUID (1u << 18)
#define SVM_HLT (1u << 24)
#define SVM_MSR_PROT (1u << 28)
#define SVM_VMRUN (1u << 0) /* without it no entry is legal */
#define SVM_VMMCALL (1u << 1)

#define SVM_V_INTR_MASKING (1ull << 24)
#define SVM_NESTED_PAGING 1u

/* Clean bits: 1 = as at the last exit. */
#define SVM_CLEAN_ALL UINT32_MAX
#define SVM_CLEAN_MAPS (1u << 1) /* of I/O and MSRs */
#define SVM_CLEAN_HV (1u << 31) /* Hyper-V's own */

/* Source: TLFS, HV_SVM_ENLIGHTENED_VMCB_FIELDS. */
#define SVM_HV_FLUSH (1u << 0)
#define SVM_HV_BITMAP (1u << 1)

/* Rights: bits 8 to 15 and 20 to 23 of a descriptor. */
struct svm_segment {
	uint16_t selector, rights;
	uint32_t limit;
	uint64_t base;
};

/* Gaps are where the fields are that we leave 0. */
struct vmcb {
	uint32_t intercept[6];
	uint8_t gap_018[0x30];
	uint64_t msr_bitmap;
	uint64_t tsc_offset;
	uint32_t asid, tlb_control;
	uint64_t interrupt; /* virtual ones */
	uint64_t shadow; /* of STI and MOV SS */
	uint64_t exit_code, exit_info1, exit_info2, exit_interrupt;
	uint64_t nested_paging;
	uint8_t gap_098[0x10];
	uint64_t inject;
	uint64_t nested_cr3;
	uint8_t gap_0b8[8];
	uint32_t clean;
	uint32_t gap_0c4;
	uint64_t next_rip;
	uint8_t gap_0d0[0x310];
	/* Hyper-V's, in room that the processor leaves to software. */
	uint32_t hv_control, hv_vp_id;
	uint64_t hv_vm_id, hv_partition_assist;
	uint8_t gap_3f8[8];
	struct svm_segment segment[6]; /* ES CS SS DS FS GS */
	struct svm_segment gdtr, ldtr, idtr, tr;
	uint8_t gap_4a0[0x30];
	uint64_t efer;
	uint8_t gap_4d8[0x70];
	uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
	uint8_t gap_580[0x58];
	uint64_t rsp;
	uint8_t gap_5e0[0x18];
	uint64_t rax;
	uint64_t star, lstar, cstar, sfmask, kernel_gs_base;
	uint64_t sysenter[3];
	uint64_t cr2;
	uint8_t gap_648[0x20];
	uint64_t pat;
	uint8_t gap_670[0x990];
};
#define SVM_AT(field, offset)                                                  \
	_Static_assert(offsetof(struct vmcb, field) == (offset), #field)
SVM_AT(msr_bitmap, 0x48);
SVM_AT(asid, 0x58);
SVM_AT(interrupt, 0x60);
SVM_AT(shadow, 0x68);
SVM_AT(exit_code, 0x70);
SVM_AT(exit_interrupt, 0x88);
SVM_AT(nested_paging, 0x90);
SVM_AT(inject, 0xa8);
SVM_AT(nested_cr3, 0xb0);
SVM_AT(clean, 0xc0);
SVM_AT(next_rip, 0xc8);
SVM_AT(hv_control, 0x3e0);
SVM_AT(hv_partition_assist, 0x3f0);
SVM_AT(segment, 0x400);
SVM_AT(gdtr, 0x460);
SVM_AT(tr, 0x490);
SVM_AT(efer, 0x4d0);
SVM_AT(cr4, 0x548);
SVM_AT(rip, 0x578);
SVM_AT(rsp, 0x5d8);
SVM_AT(rax, 0x5f8);
SVM_AT(kernel_gs_base, 0x620);
SVM_AT(cr2, 0x640);
SVM_AT(pat, 0x668);
_Static_assert(sizeof(struct vmcb) == 4096, "a page");
#undef SVM_AT

/* Of KERNEL_GS_BASE, in proofs: what L2 wrote, what L1 changed. */
#define SVM_PROOF_SAVED 8u
#define SVM_PROOF_LOADED 16u

/* The rest of @v, which is 0 but for the MSR bitmap; in SVM operation. */
void svm_describe(struct vmcb *v, uint32_t flags);

/* svm_entry.asm: enters L2 and goes on until svm_handle() says stop. */
void svm_loop(struct l2_run *run);

#endif
