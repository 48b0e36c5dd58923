/* SPDX-License-Identifier: MIT */
/*
 * L2 as a VMCS describes it: L1 again, on a page table of its own.
 * Source: Intel SDM 3C, chapters 25 (the fields) and 27 (checks of them).
 */
#include "hv/vmx.h"

#include "x86/cpu.h"
#include "x86/insn_vmx.h"

#define MSR_SYSENTER_CS 0x174u
#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u

/* Of the EPT: write-back, four levels. */
#define EPTP_FLAGS (6ull | 3ull << 3)

/* Segments: type, S, DPL, P, L, G as in bits 8 to 23 of a descriptor. */
#define RIGHTS_CODE64 0xa09bu
#define RIGHTS_DATA 0xc093u
#define RIGHTS_TSS 0x008bu
#define RIGHTS_UNUSABLE 0x10000u

static void set_control(uint32_t encoding, uint64_t capability, uint32_t wanted)
{
	uint32_t value;

	if (!vmx_adjust(capability, wanted, &value) && !l2_run.failure)
		l2_run.failure = "VMX lacks a control that L2 needs";
	vmx_set(encoding, value);
}

static void set_controls(const struct vmx_caps *caps, uint64_t ept,
			 uint32_t vpid)
{
	uint32_t flags = l2_run.flags;
	uint32_t with_vpid = caps->proc2 >> 32 & PROC2_VPID;

	set_control(VMCS_pin_controls, caps->pin, PIN_EXTERNAL_INTERRUPT);
	set_control(VMCS_proc_controls, caps->proc,
		    PROC_HLT | PROC_SECONDARY |
			    (flags & L2_MSR_BITMAP ? PROC_MSR_BITMAP : 0));
	set_control(VMCS_proc2_controls, caps->proc2, PROC2_EPT | with_vpid);
	set_control(VMCS_exit_controls, caps->exit, EXIT_HOST_64);
	set_control(VMCS_entry_controls, caps->entry, ENTRY_GUEST_64);
	vmx_set(VMCS_ept_pointer, ept | EPTP_FLAGS);
	if (with_vpid)
		vmx_set(VMCS_vpid, vpid);
	if (flags & L2_MSR_BITMAP)
		vmx_set(VMCS_msr_bitmap, (uint64_t)vmx_msr_bitmap);
	vmx_set(VMCS_link_pointer, UINT64_MAX);
}

/* Zero in a fresh VMCS is no promise. */
static void set_zeros(void)
{
	static const uint16_t zero[] = {
		VMCS_exception_bitmap,
		VMCS_fault_mask,
		VMCS_fault_match,
		VMCS_cr3_target_count,
		VMCS_exit_msr_store_count,
		VMCS_exit_msr_load_count,
		VMCS_entry_msr_load_count,
		VMCS_entry_interrupt,
		VMCS_cr0_mask,
		VMCS_cr4_mask,
		VMCS_guest_debugctl,
		VMCS_guest_interruptibility,
		VMCS_guest_activity,
		VMCS_guest_pending_debug,
		VMCS_guest_ldtr_selector,
		VMCS_guest_ldtr_base,
		VMCS_guest_ldtr_limit,
		VMCS_guest_fs_selector,
		VMCS_guest_gs_selector,
		VMCS_host_fs_selector,
		VMCS_host_gs_selector,
	};
	uint32_t i;

	for (i = 0; i < sizeof(zero) / sizeof(zero[0]); i++)
		vmx_set(zero[i], 0);
}

static void set_segment(uint32_t number, uint32_t selector, uint64_t base,
			uint32_t limit, uint32_t rights)
{
	vmx_set(VMCS_guest_es_selector + 2 * number, selector);
	vmx_set(VMCS_guest_es_base + 2 * number, base);
	vmx_set(VMCS_guest_es_limit + 2 * number, limit);
	vmx_set(VMCS_guest_es_rights + 2 * number, rights);
}

/* In the order of the encodings: ES CS SS DS FS GS LDTR TR. */
static void set_segments(struct cpu *cpu)
{
	struct descriptor_pointer idt;
	uint32_t i;

	for (i = 0; i < 4; i++) {
		set_segment(i, i == 1 ? SEL_CODE : SEL_DATA, 0, UINT32_MAX,
			    i == 1 ? RIGHTS_CODE64 : RIGHTS_DATA);
		vmx_set(VMCS_host_es_selector + 2 * i,
			i == 1 ? SEL_CODE : SEL_DATA);
	}
	set_segment(4, 0, 0, 0, RIGHTS_UNUSABLE);
	set_segment(5, 0, 0, 0, RIGHTS_UNUSABLE);
	set_segment(6, 0, 0, 0, RIGHTS_UNUSABLE);
	set_segment(7, SEL_TSS, (uint64_t)&cpu->tss, sizeof(cpu->tss) - 1,
		    RIGHTS_TSS);
	sidt(&idt);
	vmx_set(VMCS_guest_gdtr_base, (uint64_t)cpu->gdt);
	vmx_set(VMCS_guest_gdtr_limit, sizeof(cpu->gdt) - 1);
	vmx_set(VMCS_guest_idtr_base, idt.base);
	vmx_set(VMCS_guest_idtr_limit, idt.limit);
	vmx_set(VMCS_host_tr_selector, SEL_TSS);
	vmx_set(VMCS_host_tr_base, (uint64_t)&cpu->tss);
	vmx_set(VMCS_host_gdtr_base, (uint64_t)cpu->gdt);
	vmx_set(VMCS_host_idtr_base, idt.base);
}

/* L1's and L2's are the same; L2's EFER is L1's, nobody touches it. */
static void set_registers(void)
{
	vmx_set(VMCS_guest_cr0, read_cr0());
	vmx_set(VMCS_guest_cr3, read_cr3());
	vmx_set(VMCS_guest_cr4, read_cr4());
	vmx_set(VMCS_cr0_shadow, read_cr0());
	vmx_set(VMCS_cr4_shadow, read_cr4());
	vmx_set(VMCS_host_cr0, read_cr0());
	vmx_set(VMCS_host_cr3, read_cr3());
	vmx_set(VMCS_host_cr4, read_cr4());
	vmx_set(VMCS_guest_dr7, 0x400);
	vmx_set(VMCS_host_rip, (uint64_t)vmx_exit);
}

void vmx_set_msrs(void)
{
	static const struct {
		uint32_t msr, guest, host;
	} msrs[] = {
		{ MSR_SYSENTER_CS, VMCS_guest_sysenter_cs,
		  VMCS_host_sysenter_cs },
		{ MSR_SYSENTER_CS + 1, VMCS_guest_sysenter_esp,
		  VMCS_host_sysenter_esp },
		{ MSR_SYSENTER_CS + 2, VMCS_guest_sysenter_eip,
		  VMCS_host_sysenter_eip },
		{ MSR_FS_BASE, VMCS_guest_fs_base, VMCS_host_fs_base },
		{ MSR_GS_BASE, VMCS_guest_gs_base, VMCS_host_gs_base },
	};
	uint32_t i;

	for (i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++) {
		uint64_t value = rdmsr(msrs[i].msr);

		vmx_set(msrs[i].guest, value);
		vmx_set(msrs[i].host, value);
	}
}

void vmx_describe(const struct vmx_caps *caps, uint64_t ept, uint32_t vpid)
{
	set_zeros();
	set_controls(caps, ept, vpid);
	set_segments(this_cpu());
	set_registers();
}
