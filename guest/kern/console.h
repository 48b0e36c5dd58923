/* SPDX-License-Identifier: MIT */
/* The line console on COM1. */
#ifndef VMFERRY_GUEST_CONSOLE_H
#define VMFERRY_GUEST_CONSOLE_H

#include <stdbool.h>

#define CONSOLE_LINE_BYTES 1024u

/* Find the UART and set it up to print. Needs nothing else to be up. */
void console_init(void);

/* Its interrupts go to the running vCPU. Once the APIC is up. */
void console_listen(void);

/* Is there a UART at all? */
bool console_present(void);

/* Take received characters. Return: true if a line is complete. */
bool console_receive(void);

/* The complete line, for the caller to cut up; NULL if there is none. */
char *console_line(void);

/* Done with the line: the next one may come. */
void console_line_done(void);

/* Wait until all has been sent. */
void console_flush(void);

/* Print one line; the newline is added. Context: first vCPU, or a panic. */
void console_print(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

#endif
