/* SPDX-License-Identifier: MIT */
/* Stream sockets by address: unix:PATH, tcp:HOST:PORT, fd:N. */
#ifndef VMFERRY_BASE_ADDRESS_H
#define VMFERRY_BASE_ADDRESS_H

#include "base/error.h"

/* All sockets are close-on-exec and blocking; TCP has TCP_NODELAY. */

/**
 * address_listen() - listen on @address (unix: or tcp:; port 0 = any).
 *
 * A UNIX socket whose path exists and answers is -EADDRINUSE; one that nobody
 * listens on is replaced.
 */
int address_listen(const char *address, int *ret_fd, struct error *err);
int address_connect(const char *address, int *ret_fd, struct error *err);
/**
 * address_connect_start() - begin to connect, without ever waiting for it.
 * @address: unix: or tcp:.
 * @ret_fd: a non-blocking socket, on 0 and -EINPROGRESS; untouched otherwise.
 *
 * Return: 0 connected; -EINPROGRESS (writable or in error once decided, then
 * SO_ERROR tells); -EAGAIN: the backlog is full, try again; or what failed.
 */
int address_connect_start(const char *address, int *ret_fd);
/* Waits for one peer. @timeout_ms -1 = for ever; -ETIMEDOUT. */
int address_accept(int listen_fd, int timeout_ms, int *ret_fd,
		   struct error *err);
/* Removes the socket file of a unix: address. */
void address_unlink(const char *address);

#endif
