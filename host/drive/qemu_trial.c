/* SPDX-License-Identifier: MIT */
/* A QEMU for a moment. */
#include "drive/qemu_trial.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "qmp/client.h"

#define PATIENCE_MS 10000
#define LOG_TAIL_BYTES 2048u

/* In the child: only async-signal-safe calls until exec. */
static void become_qemu(const char *binary, char *const *argv, int qmp_fd,
			int log_fd, pid_t parent)
{
	int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(99);
	dup2(null_fd, STDIN_FILENO);
	dup2(log_fd, STDOUT_FILENO);
	dup2(log_fd, STDERR_FILENO);
	fcntl(qmp_fd, F_SETFD, 0);
	execv(binary, argv);
	_exit(127);
}

static pid_t spawn(const struct qemu_trial_params *p, int qmp_fd, int log_fd)
{
	char chardev[64];
	const char *argv[] = {
		p->binary,
		"-M",
		p->machine,
		"-accel",
		p->accel,
		"-S",
		"-m",
		"32",
		"-display",
		"none",
		"-chardev",
		chardev,
		"-mon",
		"chardev=qmp,mode=control",
		"-nodefaults",
		"-no-user-config",
		p->cpu ? "-cpu" : NULL,
		p->cpu,
		NULL,
	};
	pid_t parent = getpid(), pid;

	snprintf(chardev, sizeof(chardev), "socket,id=qmp,fd=%d", qmp_fd);
	pid = fork();
	if (!pid)
		become_qemu(p->binary, (char *const *)argv, qmp_fd, log_fd,
			    parent);
	return pid < 0 ? -errno : pid;
}

/* Waits until @pid has ended, by force after @patience_ms. Its wait status. */
static int reap(pid_t pid, int patience_ms)
{
	uint64_t deadline_ns =
		clock_now_ns() + (uint64_t)patience_ms * NSEC_PER_MSEC;
	int status = 0;
	pid_t got;

	for (;;) {
		got = waitpid(pid, &status, WNOHANG);
		if (got == pid || (got < 0 && errno != EINTR))
			return status;
		if (clock_now_ns() >= deadline_ns)
			kill(pid, SIGKILL);
		clock_sleep_until_ns(clock_now_ns() + NSEC_PER_MSEC);
	}
}

/* What it died of: its last line, or the last that has the word error. */
static void last_words(int log_fd, int status, int rc, struct error *err)
{
	char text[LOG_TAIL_BYTES + 1], *line, *next, *last = NULL;
	off_t end = lseek(log_fd, 0, SEEK_END);
	off_t from = end > LOG_TAIL_BYTES ? end - LOG_TAIL_BYTES : 0;
	ssize_t n = pread(log_fd, text, LOG_TAIL_BYTES, from);

	text[n > 0 ? n : 0] = '\0';
	for (line = strtok_r(text, "\n", &next); line;
	     line = strtok_r(NULL, "\n", &next))
		if (!last || strstr(line, "error:") || !strstr(last, "error:"))
			last = line;
	if (last)
		error_set(err, rc, "%s", last);
	else if (WIFSIGNALED(status))
		error_set(err, rc, "killed by signal %d", WTERMSIG(status));
	else if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		error_set(err, rc, "cannot be executed");
	else
		error_set(err, rc, "ended without a word");
}

int qemu_trial_start(const struct qemu_trial_params *params,
		     struct qemu_trial *ret, struct error *err)
{
	struct qemu_trial t = { .qmp = NULL };
	struct error why = { "" };
	int fd[2], rc;

	t.log_fd = memfd_create("qemu-log", MFD_CLOEXEC);
	if (t.log_fd < 0)
		return -errno;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd)) {
		rc = -errno;
		close(t.log_fd);
		return rc;
	}
	t.pid = spawn(params, fd[1], t.log_fd);
	close(fd[1]);
	if (t.pid < 0) {
		close(fd[0]);
		close(t.log_fd);
		return t.pid;
	}
	rc = qmp_client_connect(fd[0], PATIENCE_MS, &t.qmp, &why);
	if (rc) {
		if (rc == -ETIMEDOUT)
			error_set(err, rc, "no answer within %d s",
				  PATIENCE_MS / 1000);
		last_words(t.log_fd, reap(t.pid, 500), rc, err);
		close(t.log_fd);
		return rc;
	}
	*ret = t;
	return 0;
}

void qemu_trial_stop(struct qemu_trial *t)
{
	qmp_client_execute(t->qmp, "quit", NULL, 1000, NULL, NULL);
	qmp_client_destroy(t->qmp);
	reap(t->pid, 2000);
	close(t->log_fd);
}
