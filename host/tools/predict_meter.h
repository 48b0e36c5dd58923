/* SPDX-License-Identifier: MIT */
/*
 * What the guest's pages cost on this host: to compress, to decompress, and to
 * send. Here and not in drive, which must not know the engine's codecs.
 */
#ifndef VMFERRY_TOOLS_PREDICT_METER_H
#define VMFERRY_TOOLS_PREDICT_METER_H

#include "drive/predict.h"

struct run_settings;

/* What predict_meter_measure() measures beside the usual codecs. */
struct predict_meter_ctx {
	bool qemu; /* its codecs: zlib and zstd */
	const char *codec; /* asked for; NULL = none */
	int level;
	unsigned int batch_pages; /* of a request */
};

/* As struct predict_meter has it. Takes about half a second. */
int predict_meter_measure(void *ctx, const uint8_t *pages, size_t nr_pages,
			  struct predict_costs *ret, struct error *err);

#endif
