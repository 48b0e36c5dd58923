/* SPDX-License-Identifier: MIT */
/* Streams that are not whole, or not right: none of them may run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vfio/check_priv.h"

#define NEEDS (CHECK_NEEDS_MIGRATION | CHECK_DESTRUCTIVE | CHECK_NEEDS_STREAM)

/* Refused on the way or at its end; and the device never runs with it. */
static bool try_load(struct check_run *r, const void *data, size_t bytes,
		     const char *what)
{
	int rc;

	if (!check_enter(r, MIG_STATE_RESUMING))
		return false;
	rc = check_write_stream(r, data, bytes, CHECK_CHUNK);
	if (!rc)
		rc = r->port->set_state(r, MIG_STATE_STOP);
	if (!check_that(r, rc != 0, "%s was loaded", what) ||
	    !check_that(r, !r->broken[0], "%s: %s", what, r->broken))
		return false;
	/* Out of it, for the next one. */
	return check_recover(r);
}

static void run_empty(struct check_run *r, const struct check_case *c)
{
	try_load(r, NULL, 0, "an empty stream");
}

static void run_truncated(struct check_run *r, const struct check_case *c)
{
	const struct check_blob *g = &r->golden;
	const size_t cuts[] = { 1, 8, g->bytes / 4, g->bytes / 2,
				g->bytes - 1 };
	char what[64];
	size_t i;

	for (i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		if (!cuts[i] || cuts[i] >= g->bytes)
			continue;
		snprintf(what, sizeof(what), "a stream of %zu of %zu bytes",
			 cuts[i], g->bytes);
		if (!try_load(r, g->data, cuts[i], what))
			return;
	}
}

static bool try_flipped(struct check_run *r, size_t at)
{
	char what[64];
	bool ok;

	snprintf(what, sizeof(what), "a stream with byte %zu changed", at);
	r->golden.data[at] ^= 0x40;
	ok = try_load(r, r->golden.data, r->golden.bytes, what);
	r->golden.data[at] ^= 0x40;
	return ok;
}

static void run_corrupt_head(struct check_run *r, const struct check_case *c)
{
	try_flipped(r, 0);
}

static void run_corrupt_body(struct check_run *r, const struct check_case *c)
{
	size_t i, at = 0;

	for (i = 1; i <= 3; i++) {
		if (at == r->golden.bytes * i / 4)
			continue;
		at = r->golden.bytes * i / 4;
		if (!try_flipped(r, at))
			return;
	}
}

static void run_foreign(struct check_run *r, const struct check_case *c)
{
	static const char text[] = "This is the state of another device. ";
	size_t bytes = 65536, i;
	char *data = malloc(bytes);

	if (!data)
		return check_skip(r, "no memory");
	memset(data, 0, bytes);
	if (!try_load(r, data, bytes, "64 KiB of zeros"))
		goto free;
	for (i = 0; i < bytes; i++)
		data[i] = text[i % (sizeof(text) - 1)];
	if (!try_load(r, data, bytes, "64 KiB of text"))
		goto free;
	memset(data, 0xff, bytes);
	try_load(r, data, bytes, "64 KiB of ones");
free:
	free(data);
}

static void run_trailing(struct check_run *r, const struct check_case *c)
{
	struct check_blob b = { NULL, 0, 0 };
	static const uint8_t more[40] = { 1 };

	if (!check_blob_add(&b, r->golden.data, r->golden.bytes) &&
	    !check_blob_add(&b, more, sizeof(more)))
		try_load(r, b.data, b.bytes, "a stream with bytes behind it");
	check_blob_free(&b);
}

/* Piece by piece, by somebody who does not look: once data was refused, what
 * comes behind it does not heal it. */
static void run_after_error(struct check_run *r, const struct check_case *c)
{
	struct check_blob *g = &r->golden;
	size_t chunk = g->bytes / 256 + 16, at, n;
	bool refused = false;

	if (!check_enter(r, MIG_STATE_RESUMING))
		return;
	g->data[0] ^= 0x40;
	for (at = 0; at < g->bytes && !r->broken[0]; at += n) {
		n = g->bytes - at < chunk ? g->bytes - at : chunk;
		refused |= r->port->data_write(r, g->data + at, n) != 0;
	}
	g->data[0] ^= 0x40;
	if (!refused)
		return check_skip(r,
				  "bad data is not refused as it is written");
	check_refused(r, r->port->set_state(r, MIG_STATE_STOP),
		      "STOP after data was refused");
}

/* A load that failed, a reset, and a load that does not. */
static void run_recovers(struct check_run *r, const struct check_case *c)
{
	static const uint8_t junk[256] = { 0xde, 0xad };

	if (!check_enter(r, MIG_STATE_RESUMING))
		return;
	r->port->data_write(r, junk, sizeof(junk));
	r->port->set_state(r, MIG_STATE_STOP);
	if (!check_ok(r, r->port->reset(r), "RESET") ||
	    r->port->set_state(r, MIG_STATE_RUNNING))
		return check_skip(r, "a reset does not bring it to RUNNING, "
				     "see reset");
	if (check_loads(r, &r->golden, "a good stream after a bad one"))
		check_ok(r, r->port->set_state(r, MIG_STATE_RUNNING),
			 "STOP to RUNNING");
}

#define FAILS                                                                  \
	"vfio-user, RESUMING -> STOP: fails if the data is incomplete, "       \
	"inconsistent or otherwise invalid"

const struct check_case check_load_cases[] = {
	CHECK_CASE(
		"load.recovers",
		"linux/vfio.h: RESET brings RESUMING and ERROR to RUNNING; a load "
		"that failed leaves nothing behind",
		CHECK_MUST, NEEDS, run_recovers),
	CHECK_CASE("load.empty", FAILS, CHECK_MUST, NEEDS, run_empty),
	CHECK_CASE("load.truncated", FAILS, CHECK_MUST, NEEDS, run_truncated),
	CHECK_CASE("load.corrupt-head", FAILS, CHECK_MUST, NEEDS,
		   run_corrupt_head),
	CHECK_CASE("load.corrupt-body", FAILS, CHECK_SHOULD, NEEDS,
		   run_corrupt_body),
	CHECK_CASE("load.foreign", FAILS, CHECK_MUST, NEEDS, run_foreign),
	CHECK_CASE("load.trailing", FAILS, CHECK_DIFFERS, NEEDS, run_trailing),
	CHECK_CASE("load.after-error",
		   FAILS " (mtty of Linux 6.12 refuses the data, and runs)",
		   CHECK_SHOULD, NEEDS, run_after_error),
};
const size_t check_load_nr =
	sizeof(check_load_cases) / sizeof(check_load_cases[0]);
