/* SPDX-License-Identifier: MIT */
/*
 * The state of vCPUs and devices (everything but memory) as bytes.
 *
 * A header, then sections {id, index, bytes, check}: per vCPU CPUID, REGS,
 * SREGS2, XSAVE, ...; once IRQCHIP x3, PIT2, CLOCK, SERIAL. state_format.h has
 * the layout. Each section's check covers its header and payload.
 */
#ifndef VMFERRY_VMM_STATE_H
#define VMFERRY_VMM_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

struct vm;

/**
 * vm_state_save() - append the state of a paused machine to @state.
 * @err: names the part that could not be read; may be NULL.
 *
 * Harmless to the machine: vm_resume() goes on from here. Serial input is
 * refused until then.
 *
 * Return: 0; -EBUSY if it runs; -ENOMEM; or what KVM said.
 */
int vm_state_save(struct vm *vm, struct buf *state, struct error *err);

/**
 * vm_state_load() - load a state into a paused machine of the same shape.
 * @state: hostile.
 *
 * Every section is looked at before the first is loaded: one that is missing,
 * doubled, cut, unknown or of the wrong size is refused and nothing has
 * changed. If KVM then refuses a part, the machine is half-loaded and never
 * runs again (vm_resume() gives -EIO).
 *
 * The guest's TSC and clock go on by the real time that has passed since the
 * save, where the host can set them (vm_state_clock() tells).
 *
 * Return: 0; -EBUSY if it runs; -EPROTO for a malformed state; -ENOTSUP for
 * one that this host cannot take; or what KVM said. Each with a sentence that
 * names the section.
 */
int vm_state_load(struct vm *vm, const uint8_t *state, size_t bytes,
		  struct error *err);

/* What became of the guest's TSC, measured at the end of the load. */
struct vm_clock_report {
	bool tsc_ran; /* it advanced by the real time that passed */
	int64_t tsc_ticks; /* guest TSC now - at the save, vCPU 0 */
	int64_t elapsed_ns; /* CLOCK_REALTIME now - at the save */
	uint64_t tsc_hz;
};

/* -ENODATA before a successful load. Context: any thread. */
int vm_state_clock(const struct vm *vm, struct vm_clock_report *ret_report);

enum vm_value_kind {
	VM_VALUE_FIXED, /* stands still while the machine is paused */
	VM_VALUE_CLOCK, /* time: goes on across a pause */
};

/**
 * vm_state_describe() - name every value of a state.
 * @each: called per value, in a fixed order: @vcpu (-1 for the machine's own),
 *	@name ("rax", "msr 0xc0000080", "lapic.irr", "xsave.ymm3"), the bytes.
 *	@name and @value live for the call only.
 *
 * Return: 0, or -EPROTO with a sentence in @err, which may be NULL. Pure: needs
 * no machine and no KVM.
 */
int vm_state_describe(const uint8_t *state, size_t bytes,
		      void (*each)(void *ctx, int vcpu, const char *name,
				   enum vm_value_kind kind, const void *value,
				   size_t value_bytes),
		      void *ctx, struct error *err);

/**
 * vm_state_compare() - what differs between two states, value by value.
 * @differs: called for each fixed value that is not the same in both (also
 *	one that only one of them has: its other bytes are NULL, 0). May be
 *	NULL.
 * @ret_compared: fixed values looked at.
 *
 * Return: number of differing values, or -EPROTO, -ENOMEM.
 */
int vm_state_compare(const uint8_t *a, size_t a_bytes, const uint8_t *b,
		     size_t b_bytes,
		     void (*differs)(void *ctx, int vcpu, const char *name,
				     const void *a, size_t a_value_bytes,
				     const void *b, size_t b_value_bytes),
		     void *ctx, unsigned int *ret_compared);

#endif
