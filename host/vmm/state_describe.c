/* SPDX-License-Identifier: MIT */
/* Names for every value of a state. */
#include "vmm/state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/compat.h"
#include "vmm/hyperv_user.h"
#include "vmm/serial.h"
#include "vmm/state_format.h"
#include "vmm/state_teller.h"

struct place {
	const char *name;
	uint16_t offset;
	uint16_t bytes;
};

#define FIELD(type, member, label)                                             \
	{                                                                      \
		label, offsetof(struct type, member),                          \
			sizeof(((struct type *)0)->member)                     \
	}

#define REG(r) FIELD(kvm_regs, r, #r)
static const struct place regs[] = {
	REG(rax), REG(rbx), REG(rcx), REG(rdx), REG(rsi), REG(rdi),
	REG(rsp), REG(rbp), REG(r8),  REG(r9),	REG(r10), REG(r11),
	REG(r12), REG(r13), REG(r14), REG(r15), REG(rip), REG(rflags),
};

#define SREG(r) FIELD(kvm_sregs2, r, #r)
static const struct place sregs[] = {
	SREG(cs),
	SREG(ds),
	SREG(es),
	SREG(fs),
	SREG(gs),
	SREG(ss),
	SREG(tr),
	SREG(ldt),
	FIELD(kvm_sregs2, gdt.base, "gdt.base"),
	FIELD(kvm_sregs2, gdt.limit, "gdt.limit"),
	FIELD(kvm_sregs2, idt.base, "idt.base"),
	FIELD(kvm_sregs2, idt.limit, "idt.limit"),
	SREG(cr0),
	SREG(cr2),
	SREG(cr3),
	SREG(cr4),
	SREG(cr8),
	SREG(efer),
	SREG(apic_base),
	SREG(pdptrs),
};

static const struct place debug[] = {
	FIELD(kvm_debugregs, db[0], "dr0"), FIELD(kvm_debugregs, db[1], "dr1"),
	FIELD(kvm_debugregs, db[2], "dr2"), FIELD(kvm_debugregs, db[3], "dr3"),
	FIELD(kvm_debugregs, dr6, "dr6"),   FIELD(kvm_debugregs, dr7, "dr7"),
};

#define EVENT(m) FIELD(kvm_vcpu_events, m, "event." #m)
static const struct place events[] = {
	EVENT(exception.injected),
	EVENT(exception.nr),
	EVENT(exception.has_error_code),
	EVENT(exception.pending),
	EVENT(exception.error_code),
	EVENT(interrupt.injected),
	EVENT(interrupt.nr),
	EVENT(interrupt.soft),
	EVENT(interrupt.shadow),
	EVENT(nmi.injected),
	EVENT(nmi.pending),
	EVENT(nmi.masked),
	EVENT(sipi_vector),
	EVENT(exception_has_payload),
	EVENT(exception_payload),
};

/* Offsets in the register page; SDM vol. 3A, table 11-1. */
static const struct place lapic[] = {
	{ "lapic.id", 0x20, 4 },	   { "lapic.version", 0x30, 4 },
	{ "lapic.tpr", 0x80, 4 },	   { "lapic.ldr", 0xd0, 4 },
	{ "lapic.dfr", 0xe0, 4 },	   { "lapic.svr", 0xf0, 4 },
	{ "lapic.esr", 0x280, 4 },	   { "lapic.icr", 0x300, 4 },
	{ "lapic.icr2", 0x310, 4 },	   { "lapic.lvt_timer", 0x320, 4 },
	{ "lapic.lvt_thermal", 0x330, 4 }, { "lapic.lvt_perf", 0x340, 4 },
	{ "lapic.lvt_lint0", 0x350, 4 },   { "lapic.lvt_lint1", 0x360, 4 },
	{ "lapic.lvt_error", 0x370, 4 },   { "lapic.tmict", 0x380, 4 },
	{ "lapic.tdcr", 0x3e0, 4 },
};

#define SERIAL(m) FIELD(serial_state, m, "serial." #m)
static const struct place serial[] = {
	SERIAL(ier),	   SERIAL(lcr),	       SERIAL(mcr),
	SERIAL(scr),	   SERIAL(dll),	       SERIAL(dlm),
	SERIAL(fcr),	   SERIAL(lsr_errors), SERIAL(thr_pending),
	SERIAL(msr_delta), SERIAL(nr_rx),      SERIAL(rx),
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void tell(const struct teller *t, const char *name, const void *value,
		 size_t bytes)
{
	t->each(t->ctx, t->vcpu, name, VM_VALUE_FIXED, value, bytes);
}

static void tell_clock(const struct teller *t, const char *name,
		       const void *value, size_t bytes)
{
	t->each(t->ctx, t->vcpu, name, VM_VALUE_CLOCK, value, bytes);
}

/* The format has made sure that the part has the structure's size. */
static void tell_fields(const struct teller *t, const struct state_part *part,
			const struct place *f, size_t nr)
{
	for (; nr--; f++)
		tell(t, f->name, part->data + f->offset, f->bytes);
}

static void tell_cpuid(const struct teller *t, const struct state_part *part)
{
	struct kvm_cpuid_entry2 e;
	char name[48];
	uint32_t at;

	for (at = 0; at < part->bytes; at += sizeof(e)) {
		memcpy(&e, part->data + at, sizeof(e));
		snprintf(name, sizeof(name), "cpuid 0x%x.%u", e.function,
			 e.index);
		tell(t, name, &e.eax, 4 * sizeof(uint32_t));
	}
}

static void tell_msrs(const struct teller *t, const struct state_part *part)
{
	struct kvm_msr_entry e;
	char name[32];
	uint32_t at;

	for (at = 0; at < part->bytes; at += sizeof(e)) {
		memcpy(&e, part->data + at, sizeof(e));
		snprintf(name, sizeof(name), "msr 0x%x", e.index);
		tell(t, name, &e.data, sizeof(e.data));
	}
}

/* ISR, TMR, IRR: 256 bits, 32 in each 16 bytes. */
static void tell_vectors(const struct teller *t, const char *name,
			 const uint8_t *page, uint32_t offset)
{
	uint8_t bits[32];
	unsigned int i;

	for (i = 0; i < 8; i++)
		memcpy(bits + i * 4, page + offset + i * 16, 4);
	tell(t, name, bits, sizeof(bits));
}

static void tell_lapic(const struct teller *t, const struct state_part *part)
{
	tell_fields(t, part, lapic, COUNT(lapic));
	tell_vectors(t, "lapic.isr", part->data, 0x100);
	tell_vectors(t, "lapic.tmr", part->data, 0x180);
	tell_vectors(t, "lapic.irr", part->data, 0x200);
	tell_clock(t, "lapic.tmcct", part->data + 0x390, 4);
}

/*
 * The XSAVE area in its standard form. A component whose bit in XSTATE_BV is
 * clear is in its initial state, whatever its bytes hold: told as zeros, so
 * that two ways to say the same don't differ. Legacy x87 and SSE are always
 * filled in by KVM.
 */
#define XSAVE_MXCSR 24u
#define XSAVE_ST 32u
#define XSAVE_XMM 160u
#define XSAVE_BV 512u

static void tell_component(const struct teller *t,
			   const struct state_part *part, uint32_t nr,
			   uint32_t offset, uint32_t bytes)
{
	static const uint8_t zeros[64];
	/* What one register takes; 0 = told as a whole. */
	static const struct {
		const char *name;
		uint32_t bytes, first;
	} known[] = {
		[2] = { "xsave.ymm_high", 16, 0 },
		[5] = { "xsave.k", 8, 0 },
		[6] = { "xsave.zmm_high", 32, 0 },
		[7] = { "xsave.zmm", 64, 16 },
		[9] = { "xsave.pkru", 0, 0 },
	};
	bool named = nr < COUNT(known) && known[nr].name;
	uint32_t one = named && known[nr].bytes ? known[nr].bytes : bytes;
	uint32_t i;
	uint64_t bv;
	char name[40];

	memcpy(&bv, part->data + XSAVE_BV, sizeof(bv));
	for (i = 0; i * one < bytes && one <= bytes - i * one; i++) {
		const uint8_t *value = part->data + offset + i * one;

		if (!named)
			snprintf(name, sizeof(name), "xsave.component%u", nr);
		else if (one == bytes)
			snprintf(name, sizeof(name), "%s", known[nr].name);
		else
			snprintf(name, sizeof(name), "%s%u", known[nr].name,
				 known[nr].first + i);
		if (bv >> nr & 1)
			tell(t, name, value, one);
		else
			tell(t, name, zeros, one < 64 ? one : 64);
	}
}

static void tell_xsave(const struct teller *t, const struct state_part *part,
		       const struct state_part *cpuid)
{
	struct kvm_cpuid_entry2 e;
	char name[24];
	uint32_t i, at;

	tell(t, "xsave.fcw", part->data, 2);
	tell(t, "xsave.fsw", part->data + 2, 2);
	tell(t, "xsave.mxcsr", part->data + XSAVE_MXCSR, 4);
	for (i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "xsave.st%u", i);
		tell(t, name, part->data + XSAVE_ST + i * 16, 10);
	}
	for (i = 0; i < 16; i++) {
		snprintf(name, sizeof(name), "xsave.xmm%u", i);
		tell(t, name, part->data + XSAVE_XMM + i * 16, 16);
	}
	/* Leaf 0xd says where the others lie: eax bytes at ebx. */
	for (at = 0; at < cpuid->bytes; at += sizeof(e)) {
		memcpy(&e, cpuid->data + at, sizeof(e));
		if (e.function == 0xd && e.index > 1 && e.index < 63 && e.eax &&
		    e.ebx >= XSAVE_BV + 64 && e.ebx <= part->bytes &&
		    e.eax <= part->bytes - e.ebx)
			tell_component(t, part, e.index, e.ebx, e.eax);
	}
}

static void tell_tsc(const struct teller *t, const struct state_part *part)
{
	struct state_tsc tsc;

	memcpy(&tsc, part->data, sizeof(tsc));
	tell_clock(t, "tsc", &tsc.guest_tsc, sizeof(tsc.guest_tsc));
	tell_clock(t, "tsc.offset", &tsc.offset, sizeof(tsc.offset));
}

static void tell_vcpu(const struct teller *t, const struct state_part *part)
{
	tell_fields(t, &part[STATE_REGS], regs, COUNT(regs));
	tell_fields(t, &part[STATE_SREGS2], sregs, COUNT(sregs));
	tell_fields(t, &part[STATE_DEBUGREGS], debug, COUNT(debug));
	tell(t, "mp_state", part[STATE_MP_STATE].data,
	     part[STATE_MP_STATE].bytes);
	tell_fields(t, &part[STATE_EVENTS], events, COUNT(events));
	tell(t, "xcr0",
	     part[STATE_XCRS].data + offsetof(struct kvm_xcrs, xcrs[0].value),
	     8);
	tell_xsave(t, &part[STATE_XSAVE], &part[STATE_CPUID]);
	tell_msrs(t, &part[STATE_MSRS]);
	tell_lapic(t, &part[STATE_LAPIC]);
	tell_cpuid(t, &part[STATE_CPUID]);
	tell_tsc(t, &part[STATE_TSC]);
}

/* The head: what KVM keeps in the rest is not all a value of the guest's. */
static void tell_nested(const struct teller *t, const struct state_part *part)
{
	struct kvm_nested_state s;

	if (!part->data)
		return;
	memcpy(&s, part->data, sizeof(s));
	tell(t, "nested.flags", &s.flags, sizeof(s.flags));
	tell(t, "nested.format", &s.format, sizeof(s.format));
	if (s.format == KVM_STATE_NESTED_FORMAT_SVM) {
		tell(t, "nested.vmcb", &s.hdr.svm.vmcb_pa, 8);
		return;
	}
	tell(t, "nested.vmxon", &s.hdr.vmx.vmxon_pa, 8);
	tell(t, "nested.vmcs", &s.hdr.vmx.vmcs12_pa, 8);
}

static void tell_ioapic(const struct teller *t, const struct state_part *part)
{
	struct kvm_irqchip chip;
	unsigned int i;
	char name[24];

	memcpy(&chip, part->data, sizeof(chip));
	tell(t, "ioapic.id", &chip.chip.ioapic.id, 4);
	tell(t, "ioapic.select", &chip.chip.ioapic.ioregsel, 4);
	tell(t, "ioapic.irr", &chip.chip.ioapic.irr, 4);
	for (i = 0; i < KVM_IOAPIC_NUM_PINS; i++) {
		snprintf(name, sizeof(name), "ioapic.pin%u", i);
		tell(t, name, &chip.chip.ioapic.redirtbl[i], 8);
	}
}

static void tell_pit(const struct teller *t, const struct state_part *part)
{
	struct kvm_pit_state2 pit;
	unsigned int i;
	char name[24];

	memcpy(&pit, part->data, sizeof(pit));
	for (i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "pit.channel%u", i);
		tell(t, name, &pit.channels[i],
		     offsetof(struct kvm_pit_channel_state, count_load_time));
		snprintf(name, sizeof(name), "pit.loaded%u", i);
		tell_clock(t, name, &pit.channels[i].count_load_time, 8);
	}
	tell(t, "pit.flags", &pit.flags, sizeof(pit.flags));
}

static void tell_machine(const struct teller *t, const struct state_view *v)
{
	size_t pic = offsetof(struct kvm_irqchip, chip);
	struct state_clock clock;

	tell(t, "pic0", v->chip[0].data + pic, sizeof(struct kvm_pic_state));
	tell(t, "pic1", v->chip[1].data + pic, sizeof(struct kvm_pic_state));
	tell_ioapic(t, &v->chip[2]);
	tell_pit(t, &v->pit);
	tell_fields(t, &v->serial, serial, COUNT(serial));
	memcpy(&clock, v->clock.data, sizeof(clock));
	tell_clock(t, "kvmclock", &clock.kvmclock_ns, 8);
}

int vm_state_describe(const uint8_t *state, size_t bytes,
		      void (*each)(void *ctx, int vcpu, const char *name,
				   enum vm_value_kind kind, const void *value,
				   size_t value_bytes),
		      void *ctx, struct error *err)
{
	struct teller t = { each, ctx, -1 };
	struct state_view *view = calloc(1, sizeof(*view));
	int rc = view ? state_parse(state, bytes, view, err) : -ENOMEM;
	uint32_t i;

	if (!rc)
		tell_machine(&t, view);
	if (!rc)
		rc = teller_devices(&t, view, err);
	if (!rc)
		rc = hyperv_tell(&t, &view->hyperv, err);
	for (i = 0; !rc && i < view->nr_vcpus; i++) {
		t.vcpu = (int)i;
		tell_vcpu(&t, view->vcpu[i]);
		tell_nested(&t, &view->nested[i]);
	}
	free(view);
	return rc;
}
