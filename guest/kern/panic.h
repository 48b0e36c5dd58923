/* SPDX-License-Identifier: MIT */
/* The end: an exception, or something that cannot go on. */
#ifndef VMFERRY_GUEST_PANIC_H
#define VMFERRY_GUEST_PANIC_H

#include <stdbool.h>

#include "x86/isr.h"

void panic_exception(const struct exception_frame *frame)
	__attribute__((noreturn));
void panic(const char *why) __attribute__((noreturn));

/* Another vCPU panicked. */
bool panic_stopping(void);
void panic_halt(void) __attribute__((noreturn));

#endif
