/* SPDX-License-Identifier: MIT */
/* A machine made up for the model of Hyper-V: memory, a TSC, what it was told. */
#ifndef VMFERRY_TESTS_HYPERV_MACHINE_H
#define VMFERRY_TESTS_HYPERV_MACHINE_H

#include <stdbool.h>

#include "unit/unit.h"
#include "vmm/hyperv_model.h"

#define RAM_BYTES 65536u
/* The reference clock is tsc / 100. */
#define TSC_HZ 1000000000u
#define TICKS_100NS 100u
#define ALL_FEATURES HYPERV_USER_FEATURES

struct machine {
	struct hv_model hv;
	/* On the heap, just so much: ASan guards its end. */
	uint8_t *ram;
	uint64_t tsc;
	unsigned int nr_interrupts, last_vp, last_vector;
	unsigned int nr_flushes, nr_rearms;
	uint64_t flushed;
	uint64_t wrote; /* bit: page */
	bool no_apic;
	uint64_t apic_msr, apic_value;
};

struct machine *machine_create(unsigned int nr_vps, uint32_t features,
			       enum hv_break broken);
void machine_destroy(struct machine *m);

/* Reference time. */
uint64_t machine_now(const struct machine *m);
/* Lets @ref units go by, and what is due expire. */
void machine_pass(struct machine *m, uint64_t ref);

void must_write(struct machine *m, unsigned int vp, uint32_t msr,
		uint64_t value);
uint64_t must_read(struct machine *m, unsigned int vp, uint32_t msr);
#define faults_read(m, vp, msr)                                                \
	assert_int_equal(hv_msr_read(&(m)->hv, vp, msr, &(uint64_t){ 0 }), -1)
#define faults_write(m, vp, msr, value)                                        \
	assert_int_equal(hv_msr_write(&(m)->hv, vp, msr, value), -1)

/* Identity, hypercall page at 0x1000. */
void machine_open_calls(struct machine *m);
/* SynIC of vCPU @vp: messages at 0x2000, events at 0x3000, SINT 2 has vector
 * 0x50. */
void machine_open_synic(struct machine *m, unsigned int vp);
struct hv_message *machine_message(struct machine *m, unsigned int sint);

#endif
