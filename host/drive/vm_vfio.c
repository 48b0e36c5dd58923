/* SPDX-License-Identifier: MIT */
/* vfio-user devices as child processes: `vmferry vfio device --fd N`. */
#include "drive/vm_vfio.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "drive/vm_kind.h"

#define EXIT_USAGE 2
/* A device ends as soon as its client has gone. */
#define END_TIMEOUT_NS NSEC_PER_SEC

/* "state-size=1M,quiet" becomes "--state-size=1M" "--quiet". */
static void add_options(struct drive_args *a, const char *text)
{
	while (*text) {
		int n = (int)strcspn(text, ",");

		if (n)
			drive_args_add(a, "--%.*s", n, text);
		text += n + (text[n] == ',');
	}
}

/* In the child: only async-signal-safe calls until exec. */
static void become_device(char *const *argv, int fd, int log_fd, pid_t parent)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(99);
	setpgid(0, 0);
	dup2(log_fd, STDOUT_FILENO);
	dup2(log_fd, STDERR_FILENO);
	fcntl(fd, F_SETFD, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv("/proc/self/exe", argv);
	_exit(127);
}

static int spawn(const char *options, int fd, const char *log_path,
		 pid_t *ret_pid, struct error *err)
{
	int log_fd =
		open(log_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct drive_args a = { .nr = 0 };
	pid_t parent = getpid(), pid;
	int rc = 0;

	if (log_fd < 0)
		return error_set(err, -errno, "cannot write %s: %s", log_path,
				 strerror(errno));
	drive_args_add(&a, "vmferry");
	drive_args_add(&a, "vfio");
	drive_args_add(&a, "device");
	drive_args_add(&a, "--fd=%d", fd);
	add_options(&a, options);
	pid = fork();
	if (!pid)
		become_device(a.arg, fd, log_fd, parent);
	if (pid < 0)
		rc = error_set(err, -errno, "cannot start a device: %s",
			       strerror(errno));
	else
		*ret_pid = pid;
	close(log_fd);
	while (a.nr)
		free(a.arg[--a.nr]);
	return rc;
}

int drive_vfio_start(const struct drive_vfio_params *params, const char *dir,
		     const char *name, struct drive_vfio *ret,
		     int ret_fds[DRIVE_MAX_VFIO], struct error *err)
{
	int fd[2], rc = 0;

	ret->nr = 0;
	while (!rc && ret->nr < params->nr_devices) {
		unsigned int i = ret->nr;

		snprintf(ret->log_path[i], sizeof(ret->log_path[i]),
			 "%s/%s-device%u.log", dir, name, i);
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd)) {
			rc = error_set(err, -errno,
				       "cannot create a socket pair: %s",
				       strerror(errno));
			break;
		}
		rc = spawn(params->device[i], fd[1], ret->log_path[i],
			   &ret->pid[i], err);
		close(fd[1]);
		if (rc)
			close(fd[0]);
		else
			ret_fds[ret->nr++] = fd[0];
	}
	if (!rc)
		return 0;
	while (ret->nr) {
		close(ret_fds[--ret->nr]);
		kill(ret->pid[ret->nr], SIGKILL);
		waitpid(ret->pid[ret->nr], NULL, 0);
	}
	return rc;
}

static bool is_gone(struct drive_vfio *v, unsigned int i, int *ret_status)
{
	if (v->pid[i] && waitpid(v->pid[i], ret_status, WNOHANG))
		v->pid[i] = 0;
	return !v->pid[i];
}

void drive_vfio_stop(struct drive_vfio *v)
{
	uint64_t deadline = clock_now_ns() + END_TIMEOUT_NS;
	unsigned int i;
	int status;

	for (i = 0; i < v->nr; i++) {
		if (v->pid[i])
			kill(v->pid[i], SIGTERM);
		while (!is_gone(v, i, &status) && clock_now_ns() < deadline)
			clock_sleep_until_ns(clock_now_ns() + NSEC_PER_MSEC);
		if (!v->pid[i])
			continue;
		kill(v->pid[i], SIGKILL);
		waitpid(v->pid[i], NULL, 0);
		v->pid[i] = 0;
	}
	v->nr = 0;
}

int drive_vfio_explain(struct drive_vfio *v, struct error *err)
{
	static const char own[] = "vmferry vfio device: ";
	char line[512] = "";
	unsigned int i;
	int status = 0;
	FILE *f;

	for (i = 0; i < v->nr; i++)
		if (is_gone(v, i, &status) && WIFEXITED(status) &&
		    WEXITSTATUS(status) == EXIT_USAGE)
			break;
	if (i == v->nr)
		return 0;
	f = fopen(v->log_path[i], "re");
	if (f && !fgets(line, sizeof(line), f))
		line[0] = '\0';
	if (f)
		fclose(f);
	line[strcspn(line, "\n")] = '\0';
	return error_set(err, -EINVAL, "--vfio-device: %s",
			 strncmp(line, own, strlen(own)) ? line
							 : line + strlen(own));
}
