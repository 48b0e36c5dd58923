/* SPDX-License-Identifier: MIT */
/* Moving machines under test, and looking at what was moved. */
#ifndef VMFERRY_TESTS_KVM_MACHINE_STATE_H
#define VMFERRY_TESTS_KVM_MACHINE_STATE_H

#include "base/buf.h"
#include "machine.h"
#include "vmm/state_format.h"

/* Pauses @from, appends its state to @state, and makes @to the same, paused. */
void machine_migrate(struct machine *from, struct machine *to,
		     struct buf *state);
/* What @m says of itself is what @state says, value by value. */
void machine_same_state(struct machine *m, const struct buf *state);
/* Appends to @to the state @from with other bytes in section @id of 0. */
void machine_forge(const struct buf *from, enum state_id id, const void *data,
		   size_t bytes, struct buf *to);

/* Counts at DATA_GPA. */
extern const uint8_t guest_loop[], guest_loop_end[];

#endif
