/* SPDX-License-Identifier: MIT */
/* Bare loops of a codec: what compressing threads could be at best. */
#ifndef VMFERRY_TOOLS_COMPRESS_BARE_H
#define VMFERRY_TOOLS_COMPRESS_BARE_H

#include <stdint.h>

#include "base/error.h"
#include "migrate/codec.h"

struct bare_params {
	const struct codec *codec;
	int level;
	unsigned int nr_loops;
	unsigned int batch_pages;
	const uint8_t *memory;
	uint64_t bytes; /* whole requests */
};

struct bare_result {
	uint64_t elapsed_ns; /* first begins -> last has ended */
	uint64_t cpu_ns; /* of all loops */
	uint64_t packed_bytes; /* what is not smaller counts as it is */
};

/**
 * bare_run() - compress @memory once, by @nr_loops loops at once.
 *
 * Each takes the next piece of it when it is through with one, so that all end
 * at the same time; the codec reads the memory itself, without a copy and
 * without a look at it first.
 *
 * Return: 0, -EINTR, or -errno with a sentence.
 */
int bare_run(const struct bare_params *params, struct bare_result *ret,
	     struct error *err);

#endif
