/* SPDX-License-Identifier: MIT */
/* How a run compresses guest memory: settings of both kinds of VMM. */
#include "drive/compress_options.h"

void drive_compress_parameters(const struct drive_compress *c,
			       json_t *parameters)
{
	if (!c->codec)
		return;
	json_object_update_new(
		parameters,
		json_pack("{s:i, s:i, s:i, s:b, s:s, s:s, s:i}",
			  "compress-level", c->level, "compress-threads",
			  (int)c->threads, "decompress-threads",
			  (int)c->decompress_threads, "compress-wait-thread",
			  c->wait, "x-compress-codec", c->codec,
			  "x-compress-engine", c->engine, "x-compress-batch",
			  (int)c->batch_pages));
}
