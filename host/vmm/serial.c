/* SPDX-License-Identifier: MIT */
/* A 16550A serial port: transmits at once, receives from a buffer. */
#include "vmm/serial.h"

#include <errno.h>
#include <string.h>

enum { RBR_THR, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR };

#define IER_RDI 0x01u
#define IER_THRI 0x02u
#define IER_RLSI 0x04u
#define IER_MSI 0x08u
#define IER_MASK 0x0fu

#define IIR_NONE 0x01u
#define IIR_MSI 0x00u
#define IIR_THRI 0x02u
#define IIR_RDI 0x04u
#define IIR_RLSI 0x06u
#define IIR_FIFO 0xc0u

#define FCR_ENABLE 0x01u
#define FCR_CLEAR_RX 0x02u
#define FCR_KEEP 0xc9u /* enable, DMA mode, trigger: the bits that stay */

#define LCR_DLAB 0x80u

#define MCR_LOOP 0x10u
#define MCR_MASK 0x1fu

#define LSR_DR 0x01u
#define LSR_OE 0x02u
#define LSR_THRE 0x20u
#define LSR_TEMT 0x40u

#define MSR_LINES 0xb0u /* CTS, DSR, DCD: a peer that is always there */

static unsigned int pending(const struct serial *s)
{
	const struct serial_state *r = &s->reg;

	if ((r->ier & IER_RLSI) && r->lsr_errors)
		return IIR_RLSI;
	if ((r->ier & IER_RDI) && r->nr_rx)
		return IIR_RDI;
	if ((r->ier & IER_THRI) && r->thr_pending)
		return IIR_THRI;
	if ((r->ier & IER_MSI) && r->msr_delta)
		return IIR_MSI;
	return IIR_NONE;
}

/* OUT2 does not gate the line here: what QEMU does too. */
static void update_irq(struct serial *s)
{
	bool level = pending(s) != IIR_NONE;

	if (level == s->irq)
		return;
	s->irq = level;
	s->ops->set_irq(s->ctx, level);
}

void serial_init(struct serial *s, const struct serial_ops *ops, void *ctx)
{
	memset(s, 0, sizeof(*s));
	s->ops = ops;
	s->ctx = ctx;
	s->reg.dll = 1;
	s->reg.lcr = 3;
	s->reg.thr_pending = 1;
}

static size_t receive(struct serial *s, const uint8_t *bytes, size_t nr_bytes)
{
	size_t room = SERIAL_RX_BYTES - s->reg.nr_rx;
	size_t n = nr_bytes < room ? nr_bytes : room;

	memcpy(s->reg.rx + s->reg.nr_rx, bytes, n);
	s->reg.nr_rx = (uint16_t)(s->reg.nr_rx + n);
	return n;
}

static uint8_t read_byte(struct serial *s)
{
	struct serial_state *r = &s->reg;
	uint8_t byte = r->rx[0];

	if (!r->nr_rx)
		return 0;
	r->nr_rx--;
	memmove(r->rx, r->rx + 1, r->nr_rx);
	r->rx[r->nr_rx] = 0;
	return byte;
}

static uint8_t read_iir(struct serial *s)
{
	unsigned int iir = pending(s);

	if (iir == IIR_THRI)
		s->reg.thr_pending = 0;
	return (uint8_t)(iir | (s->reg.fcr & FCR_ENABLE ? IIR_FIFO : 0));
}

static uint8_t read_lsr(struct serial *s)
{
	unsigned int lsr = LSR_THRE | LSR_TEMT | s->reg.lsr_errors;

	if (s->reg.nr_rx)
		lsr |= LSR_DR;
	s->reg.lsr_errors = 0;
	return (uint8_t)lsr;
}

/* The modem lines; in loopback MCR's outputs come back as inputs. */
static unsigned int msr_lines(const struct serial_state *r)
{
	unsigned int mcr = r->mcr;

	if (!(mcr & MCR_LOOP))
		return MSR_LINES;
	return (mcr & 0x02) << 3 | (mcr & 0x01) << 5 | (mcr & 0x04) << 4 |
	       (mcr & 0x08) << 4;
}

static uint8_t read_msr(struct serial *s)
{
	unsigned int msr = msr_lines(&s->reg) | s->reg.msr_delta;

	s->reg.msr_delta = 0;
	return (uint8_t)msr;
}

uint8_t serial_in(struct serial *s, unsigned int offset)
{
	struct serial_state *r = &s->reg;
	uint8_t value = 0xff;

	switch (offset) {
	case RBR_THR:
		value = r->lcr & LCR_DLAB ? r->dll : read_byte(s);
		break;
	case IER:
		value = r->lcr & LCR_DLAB ? r->dlm : r->ier;
		break;
	case IIR_FCR:
		value = read_iir(s);
		break;
	case LCR:
		value = r->lcr;
		break;
	case MCR:
		value = r->mcr;
		break;
	case LSR:
		value = read_lsr(s);
		break;
	case MSR:
		value = read_msr(s);
		break;
	case SCR:
		value = r->scr;
		break;
	}
	update_irq(s);
	return value;
}

static void transmit(struct serial *s, const uint8_t *bytes, size_t nr_bytes)
{
	if (!(s->reg.mcr & MCR_LOOP))
		s->ops->write(s->ctx, bytes, nr_bytes);
	else if (receive(s, bytes, nr_bytes) < nr_bytes)
		s->reg.lsr_errors |= LSR_OE;
	s->reg.thr_pending = 1;
}

static void write_fcr(struct serial *s, uint8_t value)
{
	struct serial_state *r = &s->reg;

	/* Switching the FIFOs on or off clears them, too. */
	if ((value & FCR_CLEAR_RX) || ((value ^ r->fcr) & FCR_ENABLE)) {
		memset(r->rx, 0, sizeof(r->rx));
		r->nr_rx = 0;
	}
	r->fcr = value & FCR_ENABLE ? value & FCR_KEEP : 0;
}

static void write_mcr(struct serial *s, uint8_t value)
{
	struct serial_state *r = &s->reg;
	unsigned int before = msr_lines(r), after;

	r->mcr = value & MCR_MASK;
	after = msr_lines(r);
	/* CTS, DSR, DCD: any change; RI: its trailing edge. */
	r->msr_delta |= (uint8_t)(((before ^ after) & 0xb0) >> 4 |
				  (before & ~after & 0x40) >> 4);
}

static void write_one(struct serial *s, unsigned int offset, uint8_t value)
{
	struct serial_state *r = &s->reg;

	switch (offset) {
	case RBR_THR:
		r->dll = value;
		break;
	case IER:
		if (r->lcr & LCR_DLAB) {
			r->dlm = value;
			break;
		}
		/* Enabling it interrupts at once if the THR is empty. */
		if ((value & ~r->ier) & IER_THRI)
			r->thr_pending = 1;
		r->ier = value & IER_MASK;
		break;
	case IIR_FCR:
		write_fcr(s, value);
		break;
	case LCR:
		r->lcr = value;
		break;
	case MCR:
		write_mcr(s, value);
		break;
	case SCR:
		r->scr = value;
		break;
	}
}

void serial_out(struct serial *s, unsigned int offset, const uint8_t *bytes,
		size_t nr_bytes)
{
	size_t i;

	if (offset == RBR_THR && !(s->reg.lcr & LCR_DLAB))
		transmit(s, bytes, nr_bytes);
	else
		for (i = 0; i < nr_bytes; i++)
			write_one(s, offset, bytes[i]);
	update_irq(s);
}

size_t serial_push(struct serial *s, const uint8_t *bytes, size_t nr_bytes)
{
	size_t n = receive(s, bytes, nr_bytes);

	s->starved |= n < nr_bytes;
	update_irq(s);
	return n;
}

bool serial_take_room(struct serial *s)
{
	if (!s->starved || s->reg.nr_rx > SERIAL_RX_BYTES / 2)
		return false;
	s->starved = false;
	return true;
}

void serial_save(const struct serial *s, struct serial_state *ret_state)
{
	*ret_state = s->reg;
}

bool serial_state_valid(const struct serial_state *st)
{
	size_t i;

	if (st->nr_rx > SERIAL_RX_BYTES || st->ier & ~IER_MASK ||
	    st->mcr & ~MCR_MASK || st->fcr & ~FCR_KEEP ||
	    st->lsr_errors & ~LSR_OE || st->thr_pending > 1 ||
	    st->msr_delta & ~0x0fu)
		return false;
	for (i = st->nr_rx; i < SERIAL_RX_BYTES; i++)
		if (st->rx[i])
			return false;
	return true;
}

int serial_load(struct serial *s, const struct serial_state *state)
{
	if (!serial_state_valid(state))
		return -EPROTO;
	s->reg = *state;
	s->irq = pending(s) != IIR_NONE;
	s->ops->set_irq(s->ctx, s->irq);
	return 0;
}
