/* SPDX-License-Identifier: MIT */
/*
 * What is predicted of a migration before it begins, and from what.
 *
 * The driver takes the profile of the guest: how many distinct pages it dirties
 * within a time, what its vCPUs take of the host, how much of its RAM is zero,
 * and a sample of its pages. What a codec makes of that sample, and what a
 * socket costs, somebody else has to measure (struct predict_meter): the codecs
 * are the engine's, of which the driver knows nothing.
 */
#ifndef VMFERRY_DRIVE_PREDICT_H
#define VMFERRY_DRIVE_PREDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "drive/dirty_curve.h"
#include "drive/forecast.h"

#define PREDICT_MAX_CODECS 8u
#define PREDICT_MAX_ROWS 32u
/* Adjacent pages in the sample, as many as a request may have. */
#define PREDICT_RUN_PAGES 16u

struct predict_codec {
	const char *name; /* "none", "zlib", ... */
	int level;
	struct forecast_codec page; /* on the mean of the sample */
};

/* Measured by one thread beside the guest, in its CPU time. */
struct predict_costs {
	struct predict_codec codec[PREDICT_MAX_CODECS]; /* [0] is none */
	unsigned int nr_codecs;
	double send_bytes_per_s,
		send_s_per_byte; /* see struct forecast_input */
	double zero_s;
};

/* What to measure with. */
struct predict_meter {
	/*
	 * @pages: @nr_pages of the guest's, none of them zero, in runs of
	 *	PREDICT_RUN_PAGES adjacent ones where they are as many.
	 * Return: 0 or -errno with a sentence.
	 */
	int (*measure)(void *ctx, const uint8_t *pages, size_t nr_pages,
		       struct predict_costs *ret, struct error *err);
	void *ctx; /* NULL measure: nothing is predicted */
};

struct predict_row {
	const struct predict_codec *codec; /* of the prediction's costs */
	unsigned int threads, decompress_threads;
	bool wait;
	struct forecast f;
};

struct prediction {
	struct dirty_curve curve;
	double watched_s; /* length of the profile */
	struct predict_costs costs;
	struct forecast_input in; /* dirty: the curve above */
	unsigned int nr_rows, asked, best; /* indices of row */
	struct predict_row row[PREDICT_MAX_ROWS];
};

/* What was asked for, and what else could have been. */
struct predict_choice {
	const char *codec; /* "none", ... */
	int level;
	unsigned int threads, decompress_threads;
	bool wait;
	/* QEMU's multifd: a connection is a thread, on both sides, and never
	 * has to wait. */
	bool by_channels;
};

/**
 * predict_rows() - every codec with 1, 2 and 4 threads, and what was asked.
 * @p: costs, in and curve are filled in; nr_rows, asked, best and row come of
 *	it. Pure.
 */
void predict_rows(struct prediction *p, const struct predict_choice *asked);

#endif
