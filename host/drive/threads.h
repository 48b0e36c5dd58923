/* SPDX-License-Identifier: MIT */
/*
 * CPU time of a process by thread name.
 *
 * Threads come and go during a migration, and one that has ended is in /proc
 * no more: look again and again, and what was seen last counts.
 */
#ifndef VMFERRY_DRIVE_THREADS_H
#define VMFERRY_DRIVE_THREADS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define THREADS_MAX 96u
#define THREADS_NAME_BYTES 16u

struct thread_time {
	pid_t tid;
	char name[THREADS_NAME_BYTES]; /* "vcpu0", "CPU 0/KVM", "migration" */
	uint64_t first_ns; /* its CPU time when it was first seen */
	uint64_t last_ns;
};

/* All zero at first; past THREADS_MAX the rest is not watched. */
struct threads {
	unsigned int nr;
	struct thread_time thread[THREADS_MAX];
};

/**
 * threads_look() - take down the CPU time of @pid's threads now.
 * @begin: the first look of a span: threads seen count from here. One that
 *	appears later counts from its birth.
 *
 * A process that is gone changes nothing. Source: proc(5),
 * /proc/PID/task/TID/schedstat, first field, in ns.
 */
void threads_look(struct threads *t, pid_t pid, bool begin);

/* CPU time in the span of all threads whose name begins with @prefix. */
uint64_t threads_span_ns(const struct threads *t, const char *prefix);

#endif
