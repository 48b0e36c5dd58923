/* SPDX-License-Identifier: MIT */
/* Descriptors that came by SCM_RIGHTS, and the names that getfd gave them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "qmp/conn.h"

int conn_claim_fd(struct conn *c)
{
	int fd;

	if (!c->nr_came)
		return -ENOENT;
	fd = c->came[0];
	c->nr_came--;
	memmove(c->came, c->came + 1, c->nr_came * sizeof(*c->came));
	return fd;
}

int conn_take_fd(struct conn *c, const char *name)
{
	size_t i;
	int fd;

	for (i = 0; i < c->nr_named; i++) {
		if (strcmp(c->named[i].name, name))
			continue;
		fd = c->named[i].fd;
		free(c->named[i].name);
		c->named[i] = c->named[--c->nr_named];
		return fd;
	}
	return -ENOENT;
}

int conn_name_fd(struct conn *c, const char *name, int fd)
{
	int old = conn_take_fd(c, name);
	char *copy;

	if (old >= 0)
		close(old);
	copy = c->nr_named < QMP_MAX_FDS ? strdup(name) : NULL;
	if (!copy) {
		close(fd);
		return c->nr_named < QMP_MAX_FDS ? -ENOMEM : -EMFILE;
	}
	c->named[c->nr_named++] = (struct conn_named_fd){ copy, fd };
	return 0;
}
