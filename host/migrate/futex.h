/* SPDX-License-Identifier: MIT */
/* Sleeping on a word until another thread of this process says so. */
#ifndef VMFERRY_MIGRATE_FUTEX_H
#define VMFERRY_MIGRATE_FUTEX_H

#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Returns when woken, at once if *@word is not @value, and now and then for no
 * reason: look again. Source: futex(2). */
static inline void futex_wait(_Atomic uint32_t *word, uint32_t value)
{
	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static inline void futex_wake_one(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

#endif
