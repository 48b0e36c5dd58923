/* SPDX-License-Identifier: MIT */
/*
 * Ctrl-C: end the VMMs, let the command clean up, leave nothing behind.
 */
#ifndef VMFERRY_TOOLS_INTERRUPT_H
#define VMFERRY_TOOLS_INTERRUPT_H

#include <stdbool.h>
#include <sys/types.h>

#define INTERRUPT_CHILDREN 2u
#define INTERRUPT_EXIT 130

/**
 * interrupt_catch() - take SIGINT, SIGTERM and SIGHUP from here on.
 *
 * Blocks them in the calling thread (before any other exists) and waits for
 * them in a thread of its own; at the first one the children are killed, so
 * that whatever waits for them returns. Return: 0 or -errno.
 */
int interrupt_catch(void);

/* A child that lives in slot 0..INTERRUPT_CHILDREN - 1; @pid 0: it is gone. */
void interrupt_child(unsigned int slot, pid_t pid);

/* Has there been one? */
bool interrupt_pending(void);

#endif
