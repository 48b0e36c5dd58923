/* SPDX-License-Identifier: MIT */
/* A poll(2) loop whose descriptors may come and go in its callbacks. */
#ifndef VMFERRY_QMP_LOOP_H
#define VMFERRY_QMP_LOOP_H

#include <stdint.h>

#include "qmp/server.h"

struct loop_watch;
struct pollfd;

struct loop {
	struct loop_watch *watches; /* in no order */
	struct pollfd *polls; /* as many, scratch of loop_once() */
	uint64_t *serials; /* which watch each of polls is for */
	size_t nr, room;
	uint64_t next_serial;
};

void loop_exit(struct loop *l);
/* See qmp_server_add_fd() and the others. */
int loop_add(struct loop *l, int fd, short events, qmp_fd_callback callback,
	     void *ctx);
int loop_modify(struct loop *l, int fd, short events);
void loop_remove(struct loop *l, int fd);
/* Waits once, and calls back. 0, also on a signal; or what poll(2) said. */
int loop_once(struct loop *l, int timeout_ms);

#endif
