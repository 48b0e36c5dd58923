/* SPDX-License-Identifier: MIT */
/*
 * Stands for ssh -L: takes one connection after another on a UNIX socket and
 * carries its bytes to another one. Usage: forward LISTEN CONNECT; ends when it
 * is killed.
 */
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"

/* Return: may more come? */
static bool carry(int from, int to)
{
	char buf[65536];
	ssize_t n = read(from, buf, sizeof(buf)), done = 0, sent;

	while (n > 0 && done < n) {
		sent = send(to, buf + done, (size_t)(n - done), MSG_NOSIGNAL);
		if (sent <= 0)
			return false;
		done += sent;
	}
	return n > 0;
}

static void carry_all(int a, int b)
{
	struct pollfd pfd[] = {
		{ .fd = a, .events = POLLIN },
		{ .fd = b, .events = POLLIN },
	};
	bool on = true;

	while (on && poll(pfd, 2, -1) > 0) {
		if (pfd[0].revents)
			on = carry(a, b);
		if (on && pfd[1].revents)
			on = carry(b, a);
	}
}

int main(int argc, char **argv)
{
	struct error err = { "" };
	int listen_fd, here, there, rc;

	if (argc != 3)
		return 2;
	rc = address_listen(argv[1], &listen_fd, &err);
	while (!rc && !address_accept(listen_fd, -1, &here, &err)) {
		if (!address_connect(argv[2], &there, &err)) {
			carry_all(here, there);
			close(there);
		}
		close(here);
	}
	fprintf(stderr, "forward: %s\n", err.text);
	return 1;
}
