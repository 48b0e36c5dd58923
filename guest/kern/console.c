/* SPDX-License-Identifier: MIT */
/*
 * COM1, a 16550. Received characters stay in its FIFO while a line waits to
 * be worked on: the sender is held back, nothing is lost.
 */
#include "kern/console.h"

#include <stdint.h>

#include "lib/print.h"
#include "x86/apic.h"
#include "x86/cpu.h"

#define COM1 0x3f8u
#define UART_DATA (COM1 + 0)
#define UART_IER (COM1 + 1)
#define UART_FCR (COM1 + 2)
#define UART_LCR (COM1 + 3)
#define UART_MCR (COM1 + 4)
#define UART_LSR (COM1 + 5)
#define LSR_DATA 0x01u
#define LSR_EMPTY 0x20u
#define LSR_IDLE 0x40u
#define FLUSH_TURNS 100000u
#define UART_FIFO_BYTES 16u
#define COM1_IRQ 4u

static struct {
	char text[CONSOLE_LINE_BYTES + 1];
	uint32_t used;
	bool too_long;
	volatile bool ready;
} line;

static bool present;

void console_init(void)
{
	present = inb(UART_LSR) != 0xff;
	if (!present)
		return;
	outb(UART_LCR, 0x83); /* 8n1, divisor latch */
	outb(UART_DATA, 1);
	outb(UART_IER, 0);
	outb(UART_LCR, 0x03);
	outb(UART_FCR, 0x01); /* FIFOs on, trigger at 1 */
	outb(UART_MCR, 0x0b); /* DTR, RTS, interrupts on */
}

void console_listen(void)
{
	if (!present)
		return;
	outb(UART_IER, 0x01);
	ioapic_route(COM1_IRQ, VECTOR_UART);
}

bool console_present(void)
{
	return present;
}

bool console_receive(void)
{
	while (present && !line.ready && (inb(UART_LSR) & LSR_DATA)) {
		char c = (char)inb(UART_DATA);

		if (c == '\n' || c == '\r') {
			line.text[line.used] = 0;
			line.ready = line.used || line.too_long;
		} else if (line.used < CONSOLE_LINE_BYTES) {
			line.text[line.used++] = c;
		} else {
			line.too_long = true;
		}
	}
	return line.ready;
}

char *console_line(void)
{
	if (!console_receive())
		return NULL;
	if (!line.too_long)
		return line.text;
	console_print("error a line has at most %u bytes", CONSOLE_LINE_BYTES);
	console_line_done();
	return NULL;
}

void console_line_done(void)
{
	line.used = 0;
	line.too_long = false;
	line.ready = false;
}

static void console_write(const char *text, size_t bytes)
{
	size_t i;

	for (i = 0; present && i < bytes; i++) {
		if (i % UART_FIFO_BYTES == 0)
			while (!(inb(UART_LSR) & LSR_EMPTY))
				pause();
		outb(UART_DATA, (uint8_t)text[i]);
	}
}

/* Some turns, not for ever: a UART may be gone. */
void console_flush(void)
{
	uint32_t turns = FLUSH_TURNS;

	while (present && !(inb(UART_LSR) & LSR_IDLE) && --turns)
		pause();
}

void console_print(const char *format, ...)
{
	/* A panic's registers need more than a reply. */
	char text[768];
	va_list args;
	size_t n;

	va_start(args, format);
	n = print_text_v(text, sizeof(text) - 1, format, args);
	va_end(args);
	text[n++] = '\n';
	console_write(text, n);
}
