/* SPDX-License-Identifier: MIT */
/*
 * How a machine's state lies in bytes, and a reader for it. Pure.
 *
 * Little endian. A header, then nr_sections sections, each a head, its payload
 * and zeros up to a multiple of 8. Payloads are KVM's own structures, which
 * are ABI, but for those below. Order is free; presence is not: each vCPU has
 * each vCPU section once, the machine each of its own.
 *
 * Version 2 added PCI and DEVICE.
 */
#ifndef VMFERRY_VMM_STATE_FORMAT_H
#define VMFERRY_VMM_STATE_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "vmm/device.h"
#include "vmm/vm.h"

#define STATE_MAGIC "FRRYSTAT"
#define STATE_VERSION 2u
/* Machines without PCI; read all the same. */
#define STATE_VERSION_NO_PCI 1u

struct state_header {
	uint8_t magic[8]; /* STATE_MAGIC without its NUL */
	uint32_t version;
	uint32_t nr_vcpus;
	uint32_t nr_sections;
	uint32_t reserved; /* 0 */
	uint64_t bytes; /* all, with the header */
};

struct state_section {
	uint32_t id; /* enum state_id */
	uint32_t index; /* vCPU, or number of the chip */
	uint32_t bytes; /* payload, without padding */
	uint32_t reserved; /* 0 */
	uint64_t check; /* of the fields above and the payload */
};

enum state_id {
	STATE_CPUID, /* struct kvm_cpuid_entry2[] */
	STATE_MP_STATE,
	STATE_EVENTS,
	STATE_REGS,
	STATE_SREGS2,
	STATE_XCRS,
	STATE_XSAVE,
	STATE_DEBUGREGS,
	STATE_LAPIC,
	STATE_MSRS, /* struct kvm_msr_entry[] */
	STATE_TSC, /* struct state_tsc */
	STATE_NR_VCPU_IDS,
	STATE_CLOCK = STATE_NR_VCPU_IDS, /* struct state_clock */
	STATE_IRQCHIP, /* index: 0, 1 = PICs, 2 = IOAPIC */
	STATE_PIT2,
	STATE_SERIAL, /* struct serial_state */
	STATE_PCI, /* struct state_pci */
	STATE_DEVICE, /* index: the device's; struct state_device, its state */
	STATE_NESTED, /* struct kvm_nested_state; of a vCPU, if it has any */
	STATE_HYPERV, /* hyperv_state.h; if we serve it */
	STATE_NR_IDS,
};

/* Time of the whole machine. */
struct state_clock {
	uint64_t kvmclock_ns;
	uint64_t realtime_ns; /* with STATE_CLOCK_PAIRED at the same moment */
	uint64_t host_tsc; /* with STATE_CLOCK_PAIRED */
	uint32_t flags;
	uint32_t tsc_khz; /* guest TSC */
};

/* kvmclock, real time and host TSC were read together by KVM. */
#define STATE_CLOCK_PAIRED 1u

/* Time of one vCPU. */
struct state_tsc {
	uint64_t guest_tsc;
	uint64_t realtime_ns; /* when it was read */
	uint64_t offset; /* guest TSC - host TSC, with STATE_TSC_OFFSET */
	uint32_t flags;
	uint32_t reserved; /* 0 */
};

#define STATE_TSC_OFFSET 1u

/* The bus. */
struct state_pci {
	uint32_t address; /* the register behind port 0xcf8 */
	uint32_t nr_devices; /* that have a section */
};

/* Of a device: then come its fields, fields.h has how. */
struct state_device {
	char name[16]; /* "net0", zeros behind it */
	char table[16]; /* of the fields: "queues", the same */
};

#define STATE_NR_CHIPS 3u

/* STATE_NESTED: a head, and up to two VMCSs or one VMCB. */
#define NESTED_MIN_BYTES 128u
#define NESTED_MAX_BYTES (128u + 8192u)

struct state_part {
	const uint8_t *data; /* any alignment; NULL = not seen */
	uint32_t bytes;
};

struct state_view {
	uint32_t version;
	uint32_t nr_vcpus;
	struct state_part vcpu[VM_MAX_VCPUS][STATE_NR_VCPU_IDS];
	struct state_part clock, pit, serial;
	struct state_part chip[STATE_NR_CHIPS];
	struct state_part pci; /* not there before version 2 */
	struct state_part device[VM_MAX_DEVICES];
	struct state_part nested[VM_MAX_VCPUS];
	struct state_part hyperv;
};

/* "XSAVE", for sentences; "?" if unknown. */
const char *state_name(uint32_t id);

/* Appends an empty header; state_finish() fills it in. */
int state_begin(struct buf *state, uint32_t nr_vcpus);
int state_append(struct buf *state, enum state_id id, uint32_t index,
		 const void *data, size_t bytes);
/* @start: bytes that @state had before state_begin(). */
void state_finish(struct buf *state, size_t start);

/**
 * state_parse() - check the form of a state and find its sections.
 * @ret_view: points into @data; nothing in the payloads has been looked at.
 *
 * Return: 0, or -EPROTO with a sentence that names the section.
 */
int state_parse(const uint8_t *data, size_t bytes, struct state_view *ret_view,
		struct error *err);

#endif
