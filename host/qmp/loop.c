/* SPDX-License-Identifier: MIT */
/* poll(2) and who to call. */
#include "qmp/loop.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

/*
 * A callback may remove any watch and add one for the same number: a serial
 * tells them apart, so that no stale event reaches the new one.
 */
struct loop_watch {
	uint64_t serial;
	qmp_fd_callback callback;
	void *ctx;
	int fd;
	short events;
};

void loop_exit(struct loop *l)
{
	free(l->watches);
	free(l->polls);
	free(l->serials);
	*l = (struct loop){ 0 };
}

static struct loop_watch *find(struct loop *l, int fd)
{
	size_t i;

	for (i = 0; i < l->nr; i++)
		if (l->watches[i].fd == fd)
			return &l->watches[i];
	return NULL;
}

static struct loop_watch *find_serial(struct loop *l, uint64_t serial)
{
	size_t i;

	for (i = 0; i < l->nr; i++)
		if (l->watches[i].serial == serial)
			return &l->watches[i];
	return NULL;
}

/* Each array is only ever larger than room says, never smaller. */
static int grow(struct loop *l)
{
	size_t room = l->room ? 2 * l->room : 16;
	void *p;

	p = reallocarray(l->watches, room, sizeof(*l->watches));
	if (!p)
		return -ENOMEM;
	l->watches = p;
	p = reallocarray(l->polls, room, sizeof(*l->polls));
	if (!p)
		return -ENOMEM;
	l->polls = p;
	p = reallocarray(l->serials, room, sizeof(*l->serials));
	if (!p)
		return -ENOMEM;
	l->serials = p;
	l->room = room;
	return 0;
}

int loop_add(struct loop *l, int fd, short events, qmp_fd_callback callback,
	     void *ctx)
{
	if (find(l, fd))
		return -EEXIST;
	if (l->nr == l->room && grow(l))
		return -ENOMEM;
	l->watches[l->nr++] = (struct loop_watch){
		.serial = l->next_serial++,
		.callback = callback,
		.ctx = ctx,
		.fd = fd,
		.events = events,
	};
	return 0;
}

int loop_modify(struct loop *l, int fd, short events)
{
	struct loop_watch *w = find(l, fd);

	if (!w)
		return -ENOENT;
	w->events = events;
	return 0;
}

void loop_remove(struct loop *l, int fd)
{
	struct loop_watch *w = find(l, fd);

	if (w)
		*w = l->watches[--l->nr];
}

static void call_back(struct loop *l, uint64_t serial, short revents)
{
	struct loop_watch *w = find_serial(l, serial);

	if (w)
		w->callback(w->ctx, w->fd, revents);
}

int loop_once(struct loop *l, int timeout_ms)
{
	size_t i, nr = l->nr;

	for (i = 0; i < nr; i++) {
		l->polls[i] = (struct pollfd){ .fd = l->watches[i].fd,
					       .events = l->watches[i].events };
		l->serials[i] = l->watches[i].serial;
	}
	if (poll(l->polls, nr, timeout_ms) < 0)
		return errno == EINTR ? 0 : -errno;
	for (i = 0; i < nr; i++)
		if (l->polls[i].revents)
			call_back(l, l->serials[i], l->polls[i].revents);
	return 0;
}
