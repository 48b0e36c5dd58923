/* SPDX-License-Identifier: MIT */
/* A VMM's process: forked, and what it inherits. */
#include "drive/vm_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "drive/vm_kind.h"

/* In the child: only async-signal-safe calls until exec. */
static void become_vmm(const char *program, char *const *argv, int log_fd,
		       const struct vm_spawn_keep *keep, pid_t parent)
{
	int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	unsigned int i;
	sigset_t none;

	/* No orphan, whatever happens to the driver. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(99);
	/* A Ctrl-C at the terminal is the driver's to handle. */
	setpgid(0, 0);
	dup2(null_fd, STDIN_FILENO);
	dup2(log_fd, STDOUT_FILENO);
	dup2(log_fd, STDERR_FILENO);
	for (i = 0; i < keep->nr; i++)
		fcntl(keep->fd[i], F_SETFD, 0);
	/* Those that the driver waits for are blocked in it. */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(program, argv);
	dprintf(STDERR_FILENO, "cannot execute %s: %s\n", program,
		strerror(errno));
	_exit(EXIT_NO_PROGRAM);
}

int vm_spawn(struct drive_vm *vm, const struct drive_vm_params *p,
	     const struct vm_spawn_keep *keep, struct error *err)
{
	struct drive_args a = { .nr = 0 };
	pid_t parent = getpid(), pid;
	int log_fd, rc = 0;
	unsigned int i;

	log_fd = open(vm->log_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
		      0600);
	if (log_fd < 0)
		return error_set(err, -errno, "cannot write %s: %s",
				 vm->log_path, strerror(errno));
	vm->kind->arguments(&a, p, keep->fd[0], keep->fd[1]);
	for (i = 2; i < keep->nr; i++)
		drive_args_add(&a, "--vfio-user=fd:%d", keep->fd[i]);
	vm->started_ns = clock_now_ns();
	pid = fork();
	if (!pid)
		become_vmm(vm->kind->program(p), a.arg, log_fd, keep, parent);
	if (pid < 0)
		rc = error_set(err, -errno, "cannot start a VMM: %s",
			       strerror(errno));
	else
		vm->pid = pid;
	close(log_fd);
	while (a.nr)
		free(a.arg[--a.nr]);
	return rc;
}
