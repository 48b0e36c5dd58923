/* SPDX-License-Identifier: MIT */
/*
 * A piece of the suite in a process of its own: a call into a driver that never
 * returns cannot be ended from within, nor by SIGKILL.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "vfio/check_priv.h"

/* What comes out of it. */
struct outcome {
	enum check_result result;
	bool stuck, gone;
	char text[sizeof(((struct check_run *)0)->text)];
};

static void child(struct check_run *r, const struct check_case *c,
		  void (*run)(struct check_run *r, const struct check_case *c),
		  int fd)
{
	struct outcome o;

	memset(&o, 0, sizeof(o));
	run(r, c);
	o.result = r->result;
	o.stuck = r->stuck;
	o.gone = r->gone;
	memcpy(o.text, r->text, sizeof(o.text));
	/* Smaller than PIPE_BUF: whole, or not at all. */
	_exit(write(fd, &o, sizeof(o)) == sizeof(o) ? 0 : 1);
}

/* Preparing, the check, and bringing the device back, twice: each has its time.
 */
static int wait_ms(const struct check_run *r)
{
	uint64_t ms = 4 * r->params->timeout_ms + 1000;

	return ms > 1u << 30 ? 1 << 30 : (int)ms;
}

static void hung(struct check_run *r, const char *name, pid_t pid)
{
	kill(pid, SIGKILL);
	/* It may stay where it is for ever: not waited for. */
	waitpid(pid, NULL, WNOHANG);
	r->decided = false;
	check_fail(r, "the driver has not returned within %d ms", wait_ms(r));
	r->result = CHECK_FAILED;
	r->gone = name;
}

static void take(struct check_run *r, const char *name, pid_t pid, int fd)
{
	struct outcome o;
	ssize_t n = read(fd, &o, sizeof(o));
	int status = 0;

	waitpid(pid, &status, 0);
	if (n != sizeof(o)) {
		check_fail(r,
			   "its process was ended by signal %d: the kernel's "
			   "log says why",
			   WIFSIGNALED(status) ? WTERMSIG(status) : 0);
		r->result = CHECK_FAILED;
		/* With what it held: nobody gets through any more. */
		r->gone = name;
		return;
	}
	r->result = o.result;
	r->stuck = o.stuck;
	r->gone = o.gone ? name : NULL;
	o.text[sizeof(o.text) - 1] = 0;
	memcpy(r->text, o.text, sizeof(r->text));
}

void check_forked(struct check_run *r, const struct check_case *c,
		  void (*run)(struct check_run *r, const struct check_case *c),
		  const char *name)
{
	struct pollfd p = { .events = POLLIN };
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return check_skip(r, "no pipe");
	pid = fork();
	if (!pid) {
		close(fds[0]);
		child(r, c, run, fds[1]);
	}
	close(fds[1]);
	p.fd = fds[0];
	if (pid < 0)
		check_skip(r, "no process");
	else if (poll(&p, 1, wait_ms(r)) == 1)
		take(r, name, pid, fds[0]);
	else
		hung(r, name, pid);
	close(fds[0]);
}
