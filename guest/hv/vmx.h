/* SPDX-License-Identifier: MIT */
/*
 * The guest as a hypervisor on VMX: its own guest (L2) is this very image,
 * with the same page tables under an identity EPT, on the stack of ring 3.
 * What L2 runs is a function of ours; its exits come to vmx_exit.c, those that
 * L1 does not ask for go to the hypervisor below and are not seen here.
 *
 * All of it runs on the first vCPU, interrupts off. Numbers: Intel SDM 3C,
 * chapters 25 to 28, and 3D, appendices A to C.
 */
#ifndef VMFERRY_GUEST_VMX_H
#define VMFERRY_GUEST_VMX_H

#include <stdbool.h>
#include <stdint.h>

#include "hv/evmcs_fields.h"

/* Of VM-execution, entry and exit controls. */
#define PIN_EXTERNAL_INTERRUPT (1u << 0)
#define PROC_HLT (1u << 7)
#define PROC_IO (1u << 24)
#define PROC_MSR_BITMAP (1u << 28)
#define PROC_SECONDARY (1u << 31)
#define PROC2_EPT (1u << 1)
#define PROC2_VPID (1u << 5)
#define EXIT_HOST_64 (1u << 9)
#define ENTRY_GUEST_64 (1u << 9)

enum vmx_reason {
	VMX_EXTERNAL_INTERRUPT = 1,
	VMX_CPUID = 10,
	VMX_HLT = 12,
	VMX_VMCALL = 18,
	VMX_IO = 30,
	VMX_RDMSR = 31,
	VMX_WRMSR = 32,
	VMX_ENTRY_FAILED = 33,
};

/* What a variant switches on. */
enum vmx_flags {
	VMX_MSR_BITMAP = 1u << 0,
	VMX_EVMCS = 1u << 1,
	VMX_CLEAN_NEVER = 1u << 2, /* each entry reads all groups again */
	VMX_CLEAN_FORGET = 1u << 3, /* a test: GUEST_BASIC is never marked */
	VMX_EVMCS_BITMAP = 1u << 4, /* enlightened MSR bitmap */
	VMX_DIRECT_FLUSH = 1u << 5,
	VMX_TWO = 1u << 6, /* two VMCSs in turn */
};

/* Stays as it is set, and does nothing. */
#define RFLAGS_ID (1ull << 21)

/* A hypercall number that is nobody's: L2 is done. */
#define VMX_CALL_DONE 0xfeedu
/* What L2's CPUID gives, so that L1 is known to have answered. */
#define VMX_CPUID_MARK 0x7265664du

/* L2's registers but rsp, in the order of vmx_entry.asm; and the run. */
struct vmx_run {
	uint64_t rax, rcx, rdx, rbx, rbp, rsi, rdi;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t launched; /* next entry is VMRESUME; vmx_entry.asm sets it */
	/* How it ended; NULL = L2 has returned, its result is in rdx. */
	const char *failure;
	uint64_t detail; /* reason, or VM-instruction error */
	uint64_t exits; /* to L1, but for the last one */
	uint64_t interrupts; /* of these, L1's own affairs */
	uint32_t flags; /* enum vmx_flags */
	uint32_t set_id; /* a test: each exit sets RFLAGS.ID in L2 */
	uint64_t last[12]; /* what the handler read last */
};

extern struct vmx_run vmx_run;
/* The enlightened VMCS that is in use. */
extern union evmcs *vmx_e;

/* What the capability MSRs allow of controls. */
struct vmx_caps {
	uint64_t basic, pin, proc, proc2, exit, entry, ept;
};

/* Pure: @wanted made legal by a capability MSR; false if that has not all.
 * Source: Intel SDM 3D, A.3.1: low half must be 1, high half may be 1. */
bool vmx_adjust(uint64_t capability, uint32_t wanted, uint32_t *ret_value);

/* Why there is no VMX here that L1 could use; NULL = there is. */
const char *vmx_missing(void);
/* Why these flags cannot be had here; NULL = they can. */
const char *vmx_flags_missing(uint32_t flags);

/**
 * vmx_start() - enter VMX operation and prepare L2 with @flags.
 *
 * Return: NULL, or what went wrong; then everything is as before.
 */
const char *vmx_start(uint32_t flags);
/* The same within VMX operation: the VMCS in use is left the clean way. */
const char *vmx_change(uint32_t flags);
/* Leaves VMX operation, an enlightened VMCS the clean way. */
void vmx_stop(void);

/* Only VMXON: no VMCS is loaded. vmx_stop() ends it. */
const char *vmx_bare(void);

/**
 * vmx_call() - call @fn(@arg) in L2.
 * @ret: what @fn returned; may be NULL.
 *
 * Context: between vmx_start() and vmx_stop().
 * Return: NULL, or what went wrong (vmx_run.detail has the number).
 */
const char *vmx_call(uint64_t (*fn)(void *arg), void *arg, uint64_t *ret);

/* A field of the VMCS in use, whichever kind it is. */
void vmx_set(uint32_t encoding, uint64_t value);
uint64_t vmx_get(uint32_t encoding);

/* The 4 KiB that decide which MSRs of L2 exit to L1. */
extern uint8_t vmx_msr_bitmap[4096];
/* Bit of reads in it; @msr below 0x2000 or from 0xc0000000. */
void vmx_intercept_read(uint32_t msr, bool on);

/* vmx_evmcs.c */
const char *evmcs_missing(uint32_t flags);
/* VP assist page on, @e named in it. */
void evmcs_activate(union evmcs *e, uint32_t flags);
/* Leaves it such that ordinary VMCSs can be loaded again. */
void evmcs_leave(union evmcs *e);

/**
 * vmx_prove() - does what vmx_start() has switched on have its effect?
 *
 * Return: NULL, or what is not as it must be; detail in vmx_run.detail.
 */
const char *vmx_prove(void);

/* Of VMCS page 0 or 1. */
uint64_t vmx_vmcs_gpa(uint32_t which);

/* vmx_entry.asm: enters L2 and goes on until the handler says stop. */
void vmx_loop(struct vmx_run *run);
void vmx_exit(void); /* the host RIP, no function */
void vmx_l2(void); /* L2's first instruction, no function */

/**
 * vmx_describe() - fill in the VMCS in use, whichever kind it is.
 * @ept: gpa of the topmost table.
 * @vpid: not 0, which is L1's.
 *
 * A control that is not to be had shows in vmx_run.failure.
 */
void vmx_describe(const struct vmx_caps *caps, uint64_t ept, uint32_t vpid);

#endif
