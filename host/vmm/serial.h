/* SPDX-License-Identifier: MIT */
/*
 * A 16550A serial port: registers and nothing else.
 *
 * No thread, no lock, no KVM: the owner serialises the calls. What the host
 * pushes waits in a buffer of the device's own and is part of its state, so
 * that a migration loses no byte that the guest has not read.
 *
 * Source: National Semiconductor PC16550D data sheet, register description.
 */
#ifndef VMFERRY_VMM_SERIAL_H
#define VMFERRY_VMM_SERIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERIAL_PORT 0x3f8u
#define SERIAL_NR_PORTS 8u
#define SERIAL_IRQ 4u
#define SERIAL_RX_BYTES 1024u

struct serial_ops {
	/* Bytes that the guest sent. */
	void (*write)(void *ctx, const uint8_t *bytes, size_t nr_bytes);
	/* The interrupt line; called on changes only. */
	void (*set_irq)(void *ctx, bool level);
};

/* As it travels: little endian, no pointers; version in the section. */
struct serial_state {
	uint8_t ier, lcr, mcr, scr;
	uint8_t dll, dlm, fcr;
	uint8_t lsr_errors; /* overrun: read clears */
	uint8_t thr_pending; /* transmitter-empty interrupt not seen yet */
	uint8_t msr_delta; /* low nibble of MSR */
	uint16_t nr_rx; /* unread bytes */
	uint8_t rx[SERIAL_RX_BYTES]; /* the oldest first, rest zero */
};

struct serial {
	const struct serial_ops *ops;
	void *ctx;
	struct serial_state reg;
	bool irq;
	bool starved; /* a push was cut short; room not announced yet */
};

void serial_init(struct serial *s, const struct serial_ops *ops, void *ctx);

/* @offset 0..7. */
uint8_t serial_in(struct serial *s, unsigned int offset);
/* @nr_bytes from one instruction (outsb): transmitted in one write(). */
void serial_out(struct serial *s, unsigned int offset, const uint8_t *bytes,
		size_t nr_bytes);

/* Input. Return: bytes taken; the rest didn't fit. */
size_t serial_push(struct serial *s, const uint8_t *bytes, size_t nr_bytes);
/* True once after a cut push, when at least half of the buffer is free. */
bool serial_take_room(struct serial *s);

void serial_save(const struct serial *s, struct serial_state *ret_state);
/* -EPROTO for a state that no device can be in. Drives the line again. */
int serial_load(struct serial *s, const struct serial_state *state);
/* Is @state one that serial_load() takes? */
bool serial_state_valid(const struct serial_state *state);

#endif
