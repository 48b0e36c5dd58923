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
#include "hv/l2.h"

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

/* What a variant switches on, beside enum l2_flags. */
enum vmx_flags {
	VMX_EVMCS = 1u << 8,
	VMX_CLEAN_NEVER = 1u << 9, /* each entry reads all groups again */
};

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
 * Return: NULL, or what went wrong (l2_run.detail has the number).
 */
const char *vmx_call(uint64_t (*fn)(void *arg), void *arg, uint64_t *ret);

/* A field of the VMCS in use, whichever kind it is. */
void vmx_set(uint32_t encoding, uint64_t value);
uint64_t vmx_get(uint32_t encoding);

/* The 4 KiB that decide which MSRs of L2 exit to L1. */
extern uint8_t vmx_msr_bitmap[4096];

/* vmx_evmcs.c */
const char *evmcs_missing(uint32_t flags);
/* VP assist page on, @e named in it. */
void evmcs_activate(union evmcs *e, uint32_t flags);
/* Leaves it such that ordinary VMCSs can be loaded again. */
void evmcs_leave(union evmcs *e);

/* The ordinary VMCS is out of use, and can be had again. NULL = yes. */
const char *vmx_prove_evmcs(void);

/* Of VMCS page 0 or 1. */
uint64_t vmx_vmcs_gpa(uint32_t which);

/* vmx_entry.asm: enters L2 and goes on until the handler says stop. */
void vmx_loop(struct l2_run *run);
void vmx_exit(void); /* the host RIP, no function */

/**
 * vmx_describe() - fill in the VMCS in use, whichever kind it is.
 * @ept: gpa of the topmost table.
 * @vpid: not 0, which is L1's.
 *
 * A control that is not to be had shows in l2_run.failure.
 */
void vmx_describe(const struct vmx_caps *caps, uint64_t ept, uint32_t vpid);

/* What entry and exit load of MSRs that L1 may have changed: as they are now. */
void vmx_set_msrs(void);

#endif
