/* SPDX-License-Identifier: MIT */
/* Signals, by a thread that waits for them. */
#include "tools/interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

static struct {
	sigset_t set;
	atomic_bool pending;
	atomic_int child[INTERRUPT_CHILDREN];
} state;

static void kill_children(void)
{
	unsigned int i;
	pid_t pid;

	for (i = 0; i < INTERRUPT_CHILDREN; i++) {
		pid = atomic_load(&state.child[i]);
		if (pid > 0)
			kill(pid, SIGKILL);
	}
}

static void *wait_signals(void *arg)
{
	int number;

	for (;;) {
		if (sigwait(&state.set, &number))
			continue;
		atomic_store(&state.pending, true);
		kill_children();
	}
	return arg;
}

int interrupt_catch(void)
{
	pthread_t thread;
	int rc;

	sigemptyset(&state.set);
	sigaddset(&state.set, SIGINT);
	sigaddset(&state.set, SIGTERM);
	sigaddset(&state.set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &state.set, NULL);
	rc = pthread_create(&thread, NULL, wait_signals, NULL);
	if (!rc)
		pthread_detach(thread);
	return -rc;
}

void interrupt_child(unsigned int slot, pid_t pid)
{
	atomic_store(&state.child[slot], pid);
	/* Born after the signal came. */
	if (pid && atomic_load(&state.pending))
		kill_children();
}

bool interrupt_pending(void)
{
	return atomic_load(&state.pending);
}
