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
/**
 * address_dial() - connect, unless it takes too long or somebody cancels.
 * @address: unix:, tcp: or fd:.
 * @cancel_fd: gives up as soon as it is readable; -1 = nothing can cancel.
 * @timeout_ms: also counts for a peer whose backlog is full.
 * @ret_fd: a blocking socket; untouched on failure.
 *
 * A host's name is looked up first, and that can neither be cancelled nor
 * counts: give an address where it matters.
 *
 * Return: 0; -ECANCELED; -ETIMEDOUT; or what failed. Each with a sentence.
 */
int address_dial(const char *address, int cancel_fd, unsigned int timeout_ms,
		 int *ret_fd, struct error *err);
/* Waits for one peer. @timeout_ms -1 = for ever; -ETIMEDOUT. */
int address_accept(int listen_fd, int timeout_ms, int *ret_fd,
		   struct error *err);
/* Removes the socket file of a unix: address. */
void address_unlink(const char *address);

#endif
