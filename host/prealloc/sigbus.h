/* SPDX-License-Identifier: MIT */
/* SIGBUS of one thread, caught by that thread; everybody else's is passed on. */
#ifndef VMFERRY_PREALLOC_SIGBUS_H
#define VMFERRY_PREALLOC_SIGBUS_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>

/* One thread's trap: siglongjmp() to @where if it faults in the range. */
struct sigbus_trap {
	uintptr_t start, end;
	sigjmp_buf where; /* by the thread itself, with its signal mask */
	uintptr_t address; /* where it faulted */
	bool poison; /* the memory is broken */
};

/**
 * sigbus_get() - have our handler in the process; counted.
 *
 * The first puts it in place, the last puts back what was there (unless
 * somebody has since put another in its place).
 * Return: 0 or -errno.
 */
int sigbus_get(void);
void sigbus_put(void);

/* Arms @trap for the calling thread and unblocks SIGBUS in it; between get and
 * put only. sigsetjmp(trap->where, 1) comes before any touch. */
void sigbus_arm(struct sigbus_trap *trap);
/* Disarms the calling thread, and blocks SIGBUS again if it was. */
void sigbus_disarm(bool was_blocked);
/* Is SIGBUS blocked in the calling thread? */
bool sigbus_blocked(void);

#endif
