/* SPDX-License-Identifier: MIT */
/*
 * L1's answer to L2's exits: as much as a hypervisor does at each, 12 fields
 * read and 4 written, all of them such that VMCS shadowing covers them.
 */
#include "hv/vmx.h"

#include "x86/cpu.h"
#include "x86/insn_vmx.h"

/* An exit that is no exit: the entry failed. Source: Intel SDM 3C, 27.8. */
#define REASON_ENTRY_FAILED (1u << 31)

/* Where the fields are is known at compile time in each of the two copies. */
#define GET(name) (enlightened ? evmcs_get_##name(vmx_e) : vmread(VMCS_##name))
#define SET(name, value)                                                       \
	do {                                                                   \
		if (enlightened)                                               \
			evmcs_set_##name(vmx_e, value);                        \
		else                                                           \
			vmwrite(VMCS_##name, value);                           \
	} while (0)

static inline __attribute__((always_inline)) void
read_exit(struct l2_run *run, const bool enlightened)
{
	uint64_t *last = run->last;

	last[0] = GET(exit_reason);
	last[1] = GET(exit_qualification);
	last[2] = GET(exit_instruction_bytes);
	last[3] = GET(exit_interrupt);
	last[4] = GET(idt_vectoring);
	last[5] = GET(guest_interruptibility);
	last[6] = GET(guest_rip);
	last[7] = GET(guest_rsp);
	last[8] = GET(guest_rflags);
	last[9] = GET(guest_cr0);
	last[10] = GET(guest_cr3);
	last[11] = GET(guest_cr4);
}

/* @skip: past the instruction, whose shadow of STI or MOV SS it ends. */
static inline __attribute__((always_inline)) void
write_entry(const struct l2_run *run, uint64_t skip, uint64_t rflags,
	    const bool enlightened)
{
	SET(guest_rip, run->last[6] + skip);
	SET(guest_rflags, rflags);
	SET(guest_interruptibility, skip ? 0 : (uint32_t)run->last[5]);
	SET(entry_interrupt, 0);
	if (!enlightened)
		return;
	/* Source: TLFS, "Clean fields": only bits that are clear count. */
	if (run->flags & VMX_CLEAN_NEVER)
		vmx_e->clean_fields = 0;
	if (run->flags & L2_IGNORED)
		vmx_e->clean_fields |= EVMCS_CLEAN_GUEST_BASIC;
}

/* Return: true = enter L2 again. */
bool vmx_handle(struct l2_run *run);
bool vmx_handle(struct l2_run *run)
{
	uint64_t rflags, skip = 0;

	if (run->flags & VMX_EVMCS)
		read_exit(run, true);
	else
		read_exit(run, false);
	rflags = run->last[8];
	if (run->last[0] & REASON_ENTRY_FAILED)
		return l2_stop(run, "the processor found L2's state illegal",
			       run->last[0]);
	if (!l2_answer(run, run->last[0]))
		return false;
	if (run->last[0] != L2_INTERRUPT)
		skip = run->last[2];
	if (run->set_id)
		rflags |= RFLAGS_ID;
	if (run->flags & VMX_EVMCS)
		write_entry(run, skip, rflags, true);
	else
		write_entry(run, skip, rflags, false);
	return true;
}

/* VMLAUNCH or VMRESUME did nothing. Source: Intel SDM 3C, 31.4. */
void vmx_refused(struct l2_run *run);
void vmx_refused(struct l2_run *run)
{
	l2_stop(run, "the processor refused the entry",
		run->flags & VMX_EVMCS ? vmx_e->instruction_error
				       : vmread(VMCS_instruction_error));
}

/* Once a call, not once an entry: the loop always has the same stack. */
void vmx_host_stack(struct l2_run *run, uint64_t rsp);
void vmx_host_stack(struct l2_run *run, uint64_t rsp)
{
	(void)run;
	vmx_set(VMCS_host_rsp, rsp);
}
