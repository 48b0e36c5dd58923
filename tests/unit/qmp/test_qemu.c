/* SPDX-License-Identifier: MIT */
/* Does the client get along with a real QEMU? Exit code 77 without one. */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "qmp/client.h"

#define PATIENCE_MS 30000

extern char **environ;

#define check(cond)                                                            \
	do {                                                                   \
		if (!(cond)) {                                                 \
			fprintf(stderr, "line %d: " #cond " is false\n",       \
				__LINE__);                                     \
			return 1;                                              \
		}                                                              \
	} while (0)

/* QEMU serves its end of a socket pair: no file, no port. */
static int start(int fd, pid_t *ret_pid)
{
	char monitor[64], *argv[] = {
		(char[]){ "qemu-system-x86_64" },
		(char[]){ "-M" },
		(char[]){ "none" },
		(char[]){ "-nodefaults" },
		(char[]){ "-display" },
		(char[]){ "none" },
		(char[]){ "-S" },
		(char[]){ "-accel" },
		(char[]){ "tcg" },
		(char[]){ "-chardev" },
		monitor,
		(char[]){ "-mon" },
		(char[]){ "chardev=qmp,mode=control" },
		NULL,
	};

	snprintf(monitor, sizeof(monitor), "socket,id=qmp,fd=%d", fd);
	return posix_spawnp(ret_pid, argv[0], NULL, NULL, argv, environ);
}

static int talk(struct qmp_client *c)
{
	struct error err = { "" };
	struct qmp_event e;
	json_t *value;
	int p[2];

	printf("QEMU %s\n", qmp_client_version(c));
	check(qmp_client_version(c)[0] >= '1');
	check(!qmp_client_execute(c, "query-status", NULL, PATIENCE_MS, &value,
				  &err));
	check(json_is_false(json_object_get(value, "running")));
	json_decref(value);
	check(!qmp_client_execute(c, "query-qmp-schema", NULL, PATIENCE_MS,
				  &value, &err));
	check(json_array_size(value) > 100);
	json_decref(value);
	check(qmp_client_execute(c, "nonsense", NULL, PATIENCE_MS, NULL,
				 &err) == -ENOSYS);
	check(!strcmp(err.text, "The command nonsense has not been found"));
	err.text[0] = '\0';
	check(qmp_client_execute(c, "migrate", json_object(), PATIENCE_MS, NULL,
				 &err) == -EREMOTEIO);
	check(!strcmp(err.text, "Parameter 'uri' is missing"));
	check(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p));
	check(!qmp_client_send_fd(c, p[0], "fd", PATIENCE_MS, NULL));
	check(!qmp_client_execute(c, "closefd",
				  json_pack("{s:s}", "fdname", "fd"),
				  PATIENCE_MS, NULL, NULL));
	close(p[0]);
	close(p[1]);
	check(!qmp_client_execute(c, "cont", NULL, PATIENCE_MS, NULL, NULL));
	check(!qmp_client_wait_event(c, "RESUME", 0, &e));
	check(e.sent_us > 0);
	qmp_event_exit(&e);
	check(!qmp_client_execute(c, "quit", NULL, PATIENCE_MS, NULL, NULL));
	check(!qmp_client_wait_event(
		c, "SHUTDOWN", clock_now_ns() + PATIENCE_MS * NSEC_PER_MSEC,
		&e));
	qmp_event_exit(&e);
	return 0;
}

int main(void)
{
	struct error err = { "" };
	struct qmp_client *c;
	int fds[2], ret = 1;
	pid_t pid;

	/* Its end is to be inherited; ours not. */
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) ||
	    setenv("G_MESSAGES_DEBUG", "", 1))
		return 99;
	if (start(fds[0], &pid)) {
		fprintf(stderr, "no qemu-system-x86_64 here\n");
		return 77;
	}
	close(fds[0]);
	if (qmp_client_connect(fds[1], PATIENCE_MS, &c, &err)) {
		fprintf(stderr, "%s\n", err.text);
	} else {
		ret = talk(c);
		qmp_client_destroy(c);
	}
	if (ret)
		kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return ret;
}
