/* SPDX-License-Identifier: MIT */
/* What each codec has to bring along; for codec*.c alone. */
#ifndef VMFERRY_MIGRATE_CODEC_OPS_H
#define VMFERRY_MIGRATE_CODEC_OPS_H

#include "migrate/codec.h"

/* @state is what create() made. The rest is as in codec.h, checked already. */
struct codec_ops {
	size_t (*bound)(size_t bytes);
	/* NULL: no memory. */
	void *(*create)(enum codec_direction direction, int level,
			size_t max_bytes);
	void (*destroy)(enum codec_direction direction, void *state);
	int (*compress)(void *state, const void *from, size_t bytes, void *to,
			size_t room, size_t *ret_bytes);
	int (*decompress)(void *state, const void *from, size_t bytes, void *to,
			  size_t to_bytes);
};

extern const struct codec_ops codec_zlib_ops, codec_libdeflate_ops,
	codec_zstd_ops, codec_lz4_ops;

/* codec_probe()'s own state; NULL: no memory. */
struct codec_probe *codec_probe_create(size_t max_bytes);
void codec_probe_destroy(struct codec_probe *probe);
bool codec_probe_random(struct codec_probe *probe, const void *from,
			size_t bytes);

#endif
