/* SPDX-License-Identifier: MIT */
/*
 * L2 as its exits leave it, what a hypervisor answers to them, and what is
 * switched on: the same for VMX and SVM, which only tell it in their own ways.
 * All of it runs on the first vCPU, interrupts off.
 */
#ifndef VMFERRY_GUEST_L2_H
#define VMFERRY_GUEST_L2_H

#include <stdbool.h>
#include <stdint.h>

struct abi_l2;
struct nested_backend;

/* What a variant switches on; the backends' own ones are from 1 << 8. */
enum l2_flags {
	L2_MSR_BITMAP = 1u << 0,
	L2_HV_BITMAP = 1u << 1, /* enlightened MSR bitmap */
	L2_HV_FLUSH = 1u << 2, /* direct flush */
	L2_HV_ASSIST = 1u << 3, /* only its VP assist page */
	L2_TWO = 1u << 4, /* two control structures in turn */
	L2_IGNORED = 1u << 5, /* a test: what L1 writes is not told */
	L2_AMD = 1u << 6, /* hypercalls by VMMCALL; the backend sets it */
};

/* Reasons of exits, in VMX's numbers. */
enum l2_reason {
	L2_INTERRUPT = 1,
	L2_CPUID = 10,
	L2_HLT = 12,
	L2_CALL = 18,
	L2_RDMSR = 31,
	L2_WRMSR = 32,
};

#define L2_HV (L2_HV_BITMAP | L2_HV_FLUSH | L2_HV_ASSIST)

/* A hypercall number that is nobody's: L2 is done. */
#define L2_CALL_DONE 0xfeedu
/* What L2's CPUID gives, so that L1 is known to have answered. */
#define L2_CPUID_MARK 0x7265664du
/* What one of the workload's rounds plants more than the one before. */
#define L2_SEED_STEP 0x0123456789abcdf0ull
/* A bit of RFLAGS that stays as it is set, and does nothing. */
#define RFLAGS_ID (1ull << 21)

/* L2's registers but rsp, in the order of *_entry.asm; and the run. */
struct l2_run {
	uint64_t rax, rcx, rdx, rbx, rbp, rsi, rdi;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	/* VMX: next entry is VMRESUME, vmx_entry.asm sets it. SVM: gpa of the
	 * VMCB. */
	uint64_t entry;
	/* How it ended; NULL = L2 has returned, its result is in rdx. */
	const char *failure;
	uint64_t detail; /* reason, or VM-instruction error */
	uint64_t exits; /* to L1, but for the last one */
	uint64_t interrupts; /* of these, L1's own affairs */
	uint32_t flags; /* enum l2_flags */
	uint32_t set_id; /* a test: each exit sets RFLAGS.ID in L2 */
	uint64_t last[12]; /* what the handler read last */
	/* The workload's L2: its exits are counted here, and each CPUID is
	 * answered by how many there were; NULL = a probe's. */
	struct abi_l2 *count;
};

extern struct l2_run l2_run;

/* The run @fn(@arg) begins. */
void l2_begin(uint64_t (*fn)(void *arg), void *arg);
/* Exits to L1 of the last call, without interrupts. */
uint64_t l2_exits(void);

/**
 * l2_answer() - what L2 wanted by an exit is done, interrupts are let in.
 * @reason: enum l2_reason; what is not in it stops the run.
 *
 * Return: true = enter again.
 */
bool l2_answer(struct l2_run *run, uint64_t reason);
/* The run ends with @failure. Return: false. */
bool l2_stop(struct l2_run *run, const char *failure, uint64_t detail);

/* L2's first instruction; the stack as after a call. rdi, rsi: what to call
 * with what. Its result goes to L1. */
__attribute__((noreturn)) void l2_main(uint64_t (*fn)(void *arg), void *arg);
/* In L2: HvCallFlushVirtualAddressSpace, all of it. Return: RAX. */
uint64_t l2_flush(void);

/* Does what @b has switched on have its effect? NULL, or what has not. */
const char *l2_prove(const struct nested_backend *b);
/* CPUID in L2 comes to L1. NULL, or @sentence. */
const char *l2_prove_cpuid(const struct nested_backend *b,
			   const char *sentence);

/* L2's memory is L1's: the first 512 GiB if pages may be @huge (1 GiB), or 4.
 * @leaf: more bits of each. Return: gpa of the topmost table. */
uint64_t l2_map(bool huge, uint64_t leaf);

/* l2_hyperv.c: what @flags need of Hyper-V. NULL, or what isn't offered. */
const char *l2_hyperv_missing(uint32_t flags);
/* Hyper-V knows us, and what @flags want of it is in the VP assist page, if
 * anything is; @evmcs: gpa, 0 = none. */
void l2_hyperv_open(uint32_t flags, uint64_t evmcs);
void l2_hyperv_close(void);
/* All that L2 and the hypervisor below share: locks of the TLB, none. */
extern uint8_t l2_partition[4096];

#endif
