/* SPDX-License-Identifier: MIT */
/*
 * The other end of a socket, for scripts.
 *
 *	peer forward LISTEN CONNECT	stands for ssh -L: carries each connection
 *					to another address; until it is killed
 *	peer flip LISTEN CONNECT AT	the same; flips a bit of byte AT of those
 *					that who connected sends
 *	peer hold ADDRESS		connects and stays; until it is killed
 *	peer ask ADDRESS LINE...	sends each line, prints its answer: the
 *					first line that is a QMP return or error,
 *					or a console's ok or error
 */
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"

#define NOWHERE UINT64_MAX

/* @flip: bytes to come before the one that is damaged.
 * Return: may more come? */
static bool carry(int from, int to, uint64_t *flip)
{
	char buf[65536];
	ssize_t n = read(from, buf, sizeof(buf)), done = 0, sent;

	if (*flip != NOWHERE && n > 0) {
		if (*flip < (uint64_t)n)
			buf[*flip] ^= 1;
		*flip = *flip < (uint64_t)n ? NOWHERE : *flip - (uint64_t)n;
	}
	while (n > 0 && done < n) {
		sent = send(to, buf + done, (size_t)(n - done), MSG_NOSIGNAL);
		if (sent <= 0)
			return false;
		done += sent;
	}
	return n > 0;
}

static void carry_all(int a, int b, uint64_t flip)
{
	uint64_t never = NOWHERE;
	struct pollfd pfd[] = {
		{ .fd = a, .events = POLLIN },
		{ .fd = b, .events = POLLIN },
	};
	bool on = true;

	while (on && poll(pfd, 2, -1) > 0) {
		if (pfd[0].revents)
			on = carry(a, b, &flip);
		if (on && pfd[1].revents)
			on = carry(b, a, &never);
	}
}

static int forward(const char *from, const char *to, uint64_t flip,
		   struct error *err)
{
	int listen_fd, here, there, rc;

	rc = address_listen(from, &listen_fd, err);
	while (!rc && !address_accept(listen_fd, -1, &here, err)) {
		if (!address_connect(to, &there, err)) {
			carry_all(here, there, flip);
			close(there);
		}
		close(here);
	}
	return 1;
}

static bool is_answer(const char *line)
{
	return strstr(line, "\"return\"") || strstr(line, "\"error\"") ||
	       !strncmp(line, "ok", 2) || !strncmp(line, "error", 5);
}

static int ask(const char *address, char **lines, struct error *err)
{
	char answer[65536];
	FILE *f;
	int fd;

	if (address_connect(address, &fd, err))
		return 1;
	f = fdopen(fd, "r");
	for (; f && *lines; lines++) {
		dprintf(fd, "%s\n", *lines);
		do {
			if (!fgets(answer, sizeof(answer), f))
				return 1;
		} while (!is_answer(answer));
		fputs(answer, stdout);
	}
	if (f)
		fclose(f);
	return 0;
}

int main(int argc, char **argv)
{
	struct error err = { "" };
	int fd, rc = 2;

	if (argc == 4 && !strcmp(argv[1], "forward"))
		rc = forward(argv[2], argv[3], NOWHERE, &err);
	else if (argc == 5 && !strcmp(argv[1], "flip"))
		rc = forward(argv[2], argv[3], strtoull(argv[4], NULL, 10),
			     &err);
	else if (argc == 3 && !strcmp(argv[1], "hold"))
		rc = address_connect(argv[2], &fd, &err) ? 1 : pause();
	else if (argc > 3 && !strcmp(argv[1], "ask"))
		rc = ask(argv[2], argv + 3, &err);
	if (err.text[0])
		fprintf(stderr, "peer: %s\n", err.text);
	return rc;
}
