/* SPDX-License-Identifier: MIT */
/*
 * Compressed runs on the target: what one connection has between its bytes and
 * guest memory.
 *
 * Workers write to guest memory while the next batch comes in. A buffer holds
 * what is packed in one batch; there are two, and one is filled again when all
 * that was in it has been unpacked. At the end of a round nothing is under way.
 */
#ifndef VMFERRY_MIGRATE_UNPACK_H
#define VMFERRY_MIGRATE_UNPACK_H

#include <stdint.h>

#include "migrate/compress.h"
#include "migrate/wire.h"

struct unpacker {
	struct compress *pool; /* NULL = nothing packed may come */
	uint8_t *buffer[2]; /* made when they are needed */
	unsigned int nr_jobs[2]; /* under way, from each of them */
	unsigned int which; /* the one of this batch */
	size_t used; /* bytes of it */
};

/* Waits for what is under way. */
void unpack_exit(struct unpacker *u);

/**
 * unpack_begin() - a batch with packed runs comes.
 *
 * Return: 0, -ENOMEM, or as unpack_finish().
 */
int unpack_begin(struct unpacker *u, struct error *err);

/* Where the payload of @run goes to: the next one of the batch. */
uint8_t *unpack_room(struct unpacker *u, const struct wire_run *run);

/**
 * unpack_run() - it is there now: unpack it to @hva, sooner or later.
 * @packed: what unpack_room() said.
 */
int unpack_run(struct unpacker *u, const struct wire_run *run, uint8_t *hva,
	       const uint8_t *packed, struct error *err);

/* Waits for all. Return: 0, or -EPROTO with a sentence: some of it was not
 * what the source packed, or not what a codec makes of so many pages. */
int unpack_finish(struct unpacker *u, struct error *err);

#endif
