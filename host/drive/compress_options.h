/* SPDX-License-Identifier: MIT */
/* How a run compresses guest memory: settings of both kinds of VMM. */
#ifndef VMFERRY_DRIVE_COMPRESS_OPTIONS_H
#define VMFERRY_DRIVE_COMPRESS_OPTIONS_H

#include <jansson.h>
#include <stdbool.h>

struct drive_compress {
	/* "zlib", "zstd", "libdeflate", "lz4"; NULL = none: no matter what
	 * the rest says. */
	const char *codec;
	int level; /* the codec's own scale */
	unsigned int threads; /* in all, shared out between the channels */
	unsigned int decompress_threads; /* likewise */
	bool wait; /* for a free thread; else the page goes uncompressed */
	/* The mini VMM's only. */
	const char *engine; /* "ring", "locked" */
	unsigned int batch_pages; /* adjacent pages in a request, 1..16 */
};

/**
 * drive_compress_parameters() - the mini VMM's parameters for it.
 * @parameters: object; those of QEMU's names, and of ours with x-, are added
 *	to it. None without a codec.
 *
 * They go with the capability "compress", to both sides.
 */
void drive_compress_parameters(const struct drive_compress *c,
			       json_t *parameters);

#endif
