/* SPDX-License-Identifier: MIT */
/*
 * VMX operation, and a VMCS that describes L2.
 * Source: Intel SDM 3C, chapters 24 (VMX operation), 25 (the VMCS), 27 (checks
 * at VM entry), 31.7 (VMXON); 3D, appendix A (capability MSRs).
 */
#include "hv/vmx.h"

#include "hv/nested.h"
#include "lib/string.h"
#include "x86/cpu.h"
#include "x86/desc.h"
#include "x86/insn_vmx.h"

#define ECX1_VMX (1u << 5)
#define CR4_VMXE (1ull << 13)

#define MSR_FEATURE_CONTROL 0x3au
#define MSR_VMX_BASIC 0x480u
#define MSR_VMX_PIN 0x481u
#define MSR_VMX_PROC 0x482u
#define MSR_VMX_EXIT 0x483u
#define MSR_VMX_ENTRY 0x484u
#define MSR_VMX_CR0_FIXED0 0x486u
#define MSR_VMX_CR0_FIXED1 0x487u
#define MSR_VMX_CR4_FIXED0 0x488u
#define MSR_VMX_CR4_FIXED1 0x489u
#define MSR_VMX_PROC2 0x48bu
#define MSR_VMX_EPT_VPID 0x48cu

#define BASIC_TRUE_CONTROLS (1ull << 55)
#define TRUE_CONTROLS 0xcu /* from MSR_VMX_PIN to its true one, and so on */

#define FEATURE_LOCKED 1u
#define FEATURE_VMX_OUTSIDE_SMX 4u

/* Of the EPT: write-back, four levels; each entry: read, write, execute. */
#define EPT_CAP_4_LEVELS (1ull << 6)
#define EPT_CAP_WRITE_BACK (1ull << 14)
#define EPT_CAP_2M (1ull << 16)
#define EPT_CAP_1G (1ull << 17)
#define EPT_WRITE_BACK (6ull << 3)

#define PAGE __attribute__((section(".bss.page"), aligned(4096)))
static uint8_t vmxon_page[4096] PAGE;
static uint8_t vmcs_page[2][4096] PAGE;
static uint8_t evmcs_page[2][4096] PAGE;
uint8_t vmx_msr_bitmap[4096] PAGE;

union evmcs *vmx_e;

static struct vmx_caps caps;
static struct {
	uint64_t cr0, cr4; /* before */
	uint32_t which; /* of the two VMCSs */
	uint64_t launched[2];
	bool on;
} own;

static uint64_t msr_or_zero(uint32_t msr)
{
	uint64_t value;

	return msr_read_safe(msr, &value) ? 0 : value;
}

static void read_caps(void)
{
	uint32_t more;

	caps.basic = msr_or_zero(MSR_VMX_BASIC);
	more = caps.basic & BASIC_TRUE_CONTROLS ? TRUE_CONTROLS : 0;
	caps.pin = msr_or_zero(MSR_VMX_PIN + more);
	caps.proc = msr_or_zero(MSR_VMX_PROC + more);
	caps.exit = msr_or_zero(MSR_VMX_EXIT + more);
	caps.entry = msr_or_zero(MSR_VMX_ENTRY + more);
	caps.proc2 = caps.proc >> 32 & PROC_SECONDARY
			     ? msr_or_zero(MSR_VMX_PROC2)
			     : 0;
	caps.ept = caps.proc2 >> 32 & PROC2_EPT ? msr_or_zero(MSR_VMX_EPT_VPID)
						: 0;
}

const char *vmx_missing(void)
{
	uint64_t feature;

	if (!(cpuid(1, 0).ecx & ECX1_VMX))
		return nested_vmx.absent;
	if (msr_read_safe(MSR_FEATURE_CONTROL, &feature))
		return "IA32_FEATURE_CONTROL faults";
	if (feature & FEATURE_LOCKED && !(feature & FEATURE_VMX_OUTSIDE_SMX))
		return "the firmware has locked VMX away";
	read_caps();
	if (!(caps.ept & EPT_CAP_4_LEVELS) ||
	    !(caps.ept & EPT_CAP_WRITE_BACK) ||
	    !(caps.ept & (EPT_CAP_2M | EPT_CAP_1G)))
		return "VMX has no EPT that fits";
	return NULL;
}

const char *vmx_flags_missing(uint32_t flags)
{
	const char *why = vmx_missing();

	if (!why && flags & L2_MSR_BITMAP &&
	    !(caps.proc >> 32 & PROC_MSR_BITMAP))
		why = "VMX has no MSR bitmap";
	if (!why && flags & VMX_EVMCS)
		why = evmcs_missing(flags);
	return why;
}

void vmx_set(uint32_t encoding, uint64_t value)
{
	if (l2_run.flags & VMX_EVMCS)
		evmcs_write(vmx_e, encoding, value);
	else if (!vmwrite(encoding, value) && !l2_run.failure)
		l2_run.failure = "a VMWRITE failed";
}

uint64_t vmx_get(uint32_t encoding)
{
	return l2_run.flags & VMX_EVMCS ? evmcs_read(vmx_e, encoding)
					: vmread(encoding);
}

/* CR0 and CR4 as VMX operation wants them. Source: Intel SDM 3D, A.7, A.8. */
static const char *enter_operation(void)
{
	uint64_t feature = rdmsr(MSR_FEATURE_CONTROL);

	if (!(feature & FEATURE_LOCKED))
		wrmsr(MSR_FEATURE_CONTROL,
		      feature | FEATURE_LOCKED | FEATURE_VMX_OUTSIDE_SMX);
	own.cr0 = read_cr0();
	own.cr4 = read_cr4();
	write_cr0((own.cr0 | rdmsr(MSR_VMX_CR0_FIXED0)) &
		  rdmsr(MSR_VMX_CR0_FIXED1));
	write_cr4((own.cr4 | CR4_VMXE | rdmsr(MSR_VMX_CR4_FIXED0)) &
		  rdmsr(MSR_VMX_CR4_FIXED1));
	*(uint32_t *)vmxon_page = (uint32_t)caps.basic & INT32_MAX;
	own.on = vmxon((uint64_t)vmxon_page);
	if (own.on)
		return NULL;
	write_cr4(own.cr4);
	write_cr0(own.cr0);
	return "VMXON failed";
}

uint64_t vmx_vmcs_gpa(uint32_t which)
{
	return (uint64_t)vmcs_page[which];
}

/* VMCS @which becomes the one in use; @fresh: nothing is in it. */
static const char *load(uint32_t which, bool fresh)
{
	uint64_t gpa = (uint64_t)vmcs_page[which];

	own.which = which;
	if (l2_run.flags & VMX_EVMCS) {
		vmx_e = (union evmcs *)evmcs_page[which];
		if (fresh)
			memset(vmx_e, 0, sizeof(*vmx_e));
		vmx_e->revision_id = EVMCS_REVISION;
		evmcs_activate(vmx_e, l2_run.flags);
		/* A gpa that is new makes all fields be read, and wants no
		 * VMRESUME: both are taken at any time. */
		l2_run.entry = 0;
		return NULL;
	}
	if (fresh && !vmclear(gpa))
		return "VMCLEAR failed";
	if (!vmptrld(gpa))
		return "VMPTRLD failed";
	if (fresh)
		own.launched[which] = 0;
	l2_run.entry = own.launched[which];
	return NULL;
}

static const char *prepare(uint32_t which)
{
	const char *why = load(which, true);

	if (why)
		return why;
	vmx_describe(&caps, l2_map(caps.ept & EPT_CAP_1G, EPT_WRITE_BACK),
		     1 + which);
	return l2_run.failure;
}

/* No VMCS is in use any more. */
static void let_go(void)
{
	if (l2_run.flags & VMX_EVMCS)
		evmcs_leave(vmx_e);
	else
		vmclear((uint64_t)vmcs_page[own.which]);
}

static const char *prepare_all(uint32_t flags)
{
	const char *why = NULL;

	memset(&l2_run, 0, sizeof(l2_run));
	memset(vmx_msr_bitmap, 0, sizeof(vmx_msr_bitmap));
	l2_run.flags = flags;
	if (flags & L2_TWO)
		why = prepare(1);
	return why ? why : prepare(0);
}

const char *vmx_change(uint32_t flags)
{
	let_go();
	return prepare_all(flags);
}

const char *vmx_start(uint32_t flags)
{
	const char *why = vmx_flags_missing(flags);
	uint32_t i;

	if (why)
		return why;
	for (i = 0; i < 2; i++)
		*(uint32_t *)vmcs_page[i] = (uint32_t)caps.basic & INT32_MAX;
	why = enter_operation();
	if (!why)
		why = prepare_all(flags);
	if (why)
		vmx_stop();
	return why;
}

const char *vmx_bare(void)
{
	const char *why = vmx_missing();

	memset(&l2_run, 0, sizeof(l2_run));
	return why ? why : enter_operation();
}

void vmx_stop(void)
{
	if (!own.on)
		return;
	let_go();
	vmxoff();
	own.on = false;
	write_cr4(own.cr4);
	write_cr0(own.cr0);
}

const char *vmx_call(uint64_t (*fn)(void *arg), void *arg, uint64_t *ret)
{
	struct cpu *cpu = this_cpu();
	const char *why = NULL;

	if (l2_run.flags & L2_TWO)
		why = load(!own.which, false);
	if (why)
		return why;
	l2_begin(fn, arg);
	vmx_set(VMCS_guest_rip, (uint64_t)l2_main);
	vmx_set(VMCS_guest_rsp, cpu->user_stack - 8);
	vmx_set(VMCS_guest_rflags, 2);
	vmx_set(VMCS_guest_interruptibility, 0);
	vmx_set_msrs();
	vmx_loop(&l2_run);
	own.launched[own.which] = l2_run.entry;
	/* An exit leaves the TSS a limit without the I/O bitmap. */
	desc_load(cpu);
	if (ret)
		*ret = l2_run.rdx;
	return l2_run.failure;
}
