/* SPDX-License-Identifier: MIT */
/*
 * The bare loops: what the machine can do at best when memory goes from one
 * place to another. An engine is held against them.
 */
#ifndef VMFERRY_TESTS_BARE_H
#define VMFERRY_TESTS_BARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As the engine sizes its sockets (host/migrate/channel_socket.c). */
#define BARE_BUFFER_BYTES (512u * 1024)

/* Private memory of 4 KiB pages, all there; @random: no two pages alike. */
uint8_t *bare_map(size_t bytes, bool random);
/* Nothing of it is there; @huge: in transparent huge pages when it comes. */
uint8_t *bare_map_cold(size_t bytes, bool huge);
/* No two pages alike. */
void bare_fill(uint8_t *memory, size_t bytes);
void bare_unmap(uint8_t *memory, size_t bytes);

/* Two connected stream sockets, by UNIX or by TCP over the loopback, their
 * buffers of BARE_BUFFER_BYTES (or what LOOP_BUFFER in the environment says).
 * Exits with a sentence if there are none. */
void bare_sockets(bool tcp, int fd[2]);
void bare_size_buffers(int fd);

/* What is sent or received, at most @piece bytes a call. */
struct bare_end {
	int fd;
	uint8_t *memory;
	size_t bytes, piece;
};

/* Return: how many bytes; fewer than all on an error or if the peer is gone. */
size_t bare_send(const struct bare_end *e);
size_t bare_take(const struct bare_end *e);
/* bare_take() for pthread_create(), @arg a struct bare_end. */
void *bare_receive(void *arg);

#endif
