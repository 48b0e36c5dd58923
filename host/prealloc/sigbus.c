/* SPDX-License-Identifier: MIT */
/*
 * The process-wide handler of SIGBUS. The only state that outlives a call: a
 * signal's disposition belongs to the process, whether we like it or not.
 */
#include "prealloc/sigbus.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>

static struct {
	pthread_mutex_t lock;
	unsigned int users;
	struct sigaction before; /* written while nobody is armed */
} process = { .lock = PTHREAD_MUTEX_INITIALIZER };

static _Thread_local struct sigbus_trap *volatile armed;

/* As if we were not there. */
static void pass_on(int number, siginfo_t *info, void *context)
{
	const struct sigaction *before = &process.before;

	if (before->sa_flags & SA_SIGINFO) {
		before->sa_sigaction(number, info, context);
	} else if (before->sa_handler == SIG_IGN && info->si_code <= 0) {
		return;
	} else if (before->sa_handler == SIG_DFL ||
		   before->sa_handler == SIG_IGN) {
		/* A fault comes again when we return, a kill() does not. */
		signal(number, SIG_DFL);
		if (info->si_code <= 0)
			raise(number);
	} else {
		before->sa_handler(number);
	}
}

static void on_sigbus(int number, siginfo_t *info, void *context)
{
	struct sigbus_trap *trap = armed;
	uintptr_t at = (uintptr_t)info->si_addr;
	bool poison = info->si_code == BUS_MCEERR_AR;
	bool ours = info->si_code == BUS_ADRERR || poison;

	if (!trap || !ours || at < trap->start || at >= trap->end) {
		pass_on(number, info, context);
		return;
	}
	trap->address = at;
	trap->poison = poison;
	armed = NULL;
	siglongjmp(trap->where, 1);
}

int sigbus_get(void)
{
	struct sigaction action = { .sa_flags = SA_SIGINFO | SA_ONSTACK };
	int rc = 0;

	action.sa_sigaction = on_sigbus;
	sigemptyset(&action.sa_mask);
	pthread_mutex_lock(&process.lock);
	if (!process.users && sigaction(SIGBUS, &action, &process.before))
		rc = -errno;
	else
		process.users++;
	pthread_mutex_unlock(&process.lock);
	return rc;
}

void sigbus_put(void)
{
	struct sigaction now;

	pthread_mutex_lock(&process.lock);
	if (!--process.users && !sigaction(SIGBUS, NULL, &now) &&
	    (now.sa_flags & SA_SIGINFO) && now.sa_sigaction == on_sigbus)
		sigaction(SIGBUS, &process.before, NULL);
	pthread_mutex_unlock(&process.lock);
}

bool sigbus_blocked(void)
{
	sigset_t set;

	sigemptyset(&set);
	pthread_sigmask(SIG_BLOCK, NULL, &set);
	return sigismember(&set, SIGBUS) == 1;
}

static void mask(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGBUS);
	pthread_sigmask(how, &set, NULL);
}

void sigbus_arm(struct sigbus_trap *trap)
{
	armed = trap;
	mask(SIG_UNBLOCK);
}

void sigbus_disarm(bool was_blocked)
{
	armed = NULL;
	if (was_blocked)
		mask(SIG_BLOCK);
}
