/* SPDX-License-Identifier: MIT */
/* The stream on its way out, and whole on its way in. */
#include <stdlib.h>
#include <string.h>

#include "vfio/check_priv.h"

#define NEEDS (CHECK_NEEDS_MIGRATION | CHECK_DESTRUCTIVE)

/* Saves, has @load take it, and looks whether the device runs then. */
static void round_trip(struct check_run *r, size_t read_chunk,
		       size_t write_chunk)
{
	struct check_blob b = { NULL, 0, 0 };
	bool cut;

	if (!check_enter(r, MIG_STATE_STOP_COPY) ||
	    !check_ok(r,
		      check_read_stream(r, &b, read_chunk, CHECK_STREAM_MOST,
					&cut),
		      "reading the stream") ||
	    !check_that(r, !cut, "no end after %zu bytes", b.bytes) ||
	    !check_enter(r, MIG_STATE_RESUMING) ||
	    !check_ok(r, check_write_stream(r, b.data, b.bytes, write_chunk),
		      "writing the stream") ||
	    !check_ok(r, r->port->set_state(r, MIG_STATE_STOP),
		      "RESUMING to STOP"))
		goto free;
	check_ok(r, r->port->set_state(r, MIG_STATE_RUNNING),
		 "STOP to RUNNING");
free:
	check_blob_free(&b);
}

static void run_round_trip(struct check_run *r, const struct check_case *c)
{
	round_trip(r, CHECK_CHUNK, CHECK_CHUNK);
}

static void run_short_reads(struct check_run *r, const struct check_case *c)
{
	round_trip(r, 0, CHECK_CHUNK);
}

static void run_short_writes(struct check_run *r, const struct check_case *c)
{
	round_trip(r, CHECK_CHUNK, 0);
}

/* The end stays the end. */
static void run_end(struct check_run *r, const struct check_case *c)
{
	struct check_blob b = { NULL, 0, 0 };
	uint8_t more[64];
	size_t got, i;
	bool end;

	if (!check_save(r, &b))
		goto free;
	for (i = 0; i < 4; i++) {
		if (!check_ok(r,
			      r->port->data_read(r, more, sizeof(more), &got,
						 &end),
			      "reading at the end") ||
		    !check_that(r, !got, "%zu bytes more after the end", got))
			break;
	}
free:
	check_blob_free(&b);
}

static bool try_read(struct check_run *r, uint32_t state)
{
	uint8_t data[64];
	size_t got = 0;
	bool end = false;
	int rc;

	if (!check_enter(r, state))
		return false;
	rc = r->port->data_read(r, data, sizeof(data), &got, &end);
	/* v1 says that there is nothing; that is as good. */
	if (r->device.v1 && !rc && !got)
		return true;
	return check_that(r, rc != 0, "data can be read in %s",
			  check_mig_state_name(state));
}

static void run_read_outside(struct check_run *r, const struct check_case *c)
{
	if (try_read(r, MIG_STATE_RUNNING) && try_read(r, MIG_STATE_STOP))
		try_read(r, MIG_STATE_RESUMING);
}

/* A stream that was begun is over once the saving group is left. */
static void run_read_left(struct check_run *r, const struct check_case *c)
{
	uint8_t byte;
	size_t got;
	bool end;

	if (check_enter(r, MIG_STATE_STOP_COPY) &&
	    check_ok(r, r->port->data_read(r, &byte, 1, &got, &end),
		     "reading a byte"))
		try_read(r, MIG_STATE_STOP);
}

static bool try_write(struct check_run *r, uint32_t state)
{
	static const uint8_t data[64];

	return check_enter(r, state) &&
	       check_that(r, r->port->data_write(r, data, sizeof(data)) != 0,
			  "data can be written in %s",
			  check_mig_state_name(state));
}

static void run_write_outside(struct check_run *r, const struct check_case *c)
{
	if (try_write(r, MIG_STATE_RUNNING) && try_write(r, MIG_STATE_STOP))
		try_write(r, MIG_STATE_STOP_COPY);
}

/* One that was left half read; the next begins at its beginning. */
static void run_restart(struct check_run *r, const struct check_case *c)
{
	struct check_blob first = { NULL, 0, 0 }, second = { NULL, 0, 0 };
	size_t half = r->golden.bytes / 2;

	if (check_enter(r, MIG_STATE_STOP_COPY) &&
	    check_ok(r, check_read_stream(r, &first, 512, half, NULL),
		     "reading half of the stream") &&
	    check_enter(r, MIG_STATE_STOP) && check_save(r, &second))
		check_loads(r, &second, "the stream that was read next");
	check_blob_free(&first);
	check_blob_free(&second);
}

static void run_two_loads(struct check_run *r, const struct check_case *c)
{
	if (check_loads(r, &r->golden, "the first load") &&
	    check_loads(r, &r->golden, "the second load"))
		check_ok(r, r->port->set_state(r, MIG_STATE_RUNNING),
			 "STOP to RUNNING");
}

/* A device that has not run since has the state that it was given. */
static void run_same_again(struct check_run *r, const struct check_case *c)
{
	struct check_blob b = { NULL, 0, 0 };

	if (!check_loads(r, &r->golden, "the stream") || !check_save(r, &b))
		goto free;
	if (!check_that(r, b.bytes == r->golden.bytes,
			"%zu bytes were loaded, %zu are saved then",
			r->golden.bytes, b.bytes))
		goto free;
	check_that(r, !memcmp(b.data, r->golden.data, b.bytes),
		   "the bytes that are saved then are others");
free:
	check_blob_free(&b);
}

/* Registers and memory of our own device. */
static void run_memory(struct check_run *r, const struct check_case *c)
{
	const uint64_t mark = 0x5a5aa5a512345678ull, rate = 12345678;
	const uint64_t at = ABI_DMA_MEMORY_BYTES - 8;
	struct check_blob b = { NULL, 0, 0 };
	uint64_t found = 0;

	if (!check_ok(r,
		      r->port->region_write(r, ABI_DMA_BAR_MEMORY, at, &mark,
					    sizeof(mark)),
		      "writing BAR 2") ||
	    !check_engine_set(r, ENGINE_REG(rate_bytes_per_s), 8, rate) ||
	    !check_save(r, &b) ||
	    !check_ok(r, r->port->set_state(r, MIG_STATE_RUNNING),
		      "STOP_COPY to RUNNING") ||
	    !check_ok(r, r->port->reset(r), "RESET") ||
	    !check_loads(r, &b, "the stream") ||
	    !check_ok(r, r->port->set_state(r, MIG_STATE_RUNNING),
		      "STOP to RUNNING") ||
	    !check_ok(r,
		      r->port->region_read(r, ABI_DMA_BAR_MEMORY, at, &found,
					   sizeof(found)),
		      "reading BAR 2") ||
	    !check_that(r, found == mark, "BAR 2 has lost what it held"))
		goto free;
	if (check_engine_reg(r, ENGINE_REG(rate_bytes_per_s), 8, &found))
		check_that(r, found == rate, "a register has lost its value");
free:
	check_blob_free(&b);
}

static void run_data_size(struct check_run *r, const struct check_case *c)
{
	uint32_t state;
	uint64_t bytes = 0;

	for (state = 1; state < MIG_NR_STATES; state++) {
		if (!check_state_exists(r, state) ||
		    state == MIG_STATE_RESUMING)
			continue;
		if (!check_enter(r, state) ||
		    !check_ok(r, r->port->data_size(r, &bytes),
			      check_mig_state_name(state)))
			return;
		r->port->set_state(r, MIG_STATE_RUNNING);
	}
}

/* An estimate; but one that is far too low breaks who plans by it. */
static void run_data_estimate(struct check_run *r, const struct check_case *c)
{
	uint64_t bytes = 0;

	if (check_ok(r, r->port->data_size(r, &bytes), "MIG_DATA_SIZE"))
		check_that(r,
			   bytes >= r->golden.bytes / 2 &&
				   bytes <= 2 * r->golden.bytes + 4096,
			   "it says %llu bytes, and there are %zu",
			   (unsigned long long)bytes, r->golden.bytes);
}

#define MOVES "linux/vfio.h, STOP_COPY and RESUMING: "
#define SESSION "vfio-user, MIG_DATA_READ and _WRITE: "

const struct check_case check_stream_cases[] = {
	CHECK_CASE("stream.round-trip",
		   MOVES "what is read is all that is needed to run elsewhere",
		   CHECK_MUST, NEEDS, run_round_trip),
	CHECK_CASE("stream.short-reads",
		   MOVES "a stream of bytes: reads of any size give the same",
		   CHECK_MUST, NEEDS | CHECK_NEEDS_STREAM, run_short_reads),
	CHECK_CASE("stream.short-writes",
		   MOVES "a stream of bytes: writes of any size are the same",
		   CHECK_MUST, NEEDS | CHECK_NEEDS_STREAM, run_short_writes),
	CHECK_CASE("stream.end",
		   SESSION "fewer bytes than asked for: there is no more",
		   CHECK_MUST, NEEDS, run_end),
	CHECK_CASE("stream.read-outside",
		   SESSION "data is read in the saving group, nowhere else",
		   CHECK_MUST, NEEDS, run_read_outside),
	CHECK_CASE("stream.read-left",
		   MOVES
		   "to leave the saving group ends the data transfer session",
		   CHECK_MUST, NEEDS, run_read_left),
	CHECK_CASE("stream.write-outside",
		   SESSION "data is written in RESUMING, nowhere else",
		   CHECK_MUST, NEEDS, run_write_outside),
	CHECK_CASE("stream.restart",
		   MOVES
		   "each entry to the saving group begins a session of its own",
		   CHECK_MUST, NEEDS | CHECK_NEEDS_STREAM, run_restart),
	CHECK_CASE("stream.two-loads",
		   MOVES "each entry to RESUMING begins a session of its own",
		   CHECK_MUST, NEEDS | CHECK_NEEDS_STREAM, run_two_loads),
	CHECK_CASE("stream.same-again",
		   MOVES "a device that has not run since saves what it loaded",
		   CHECK_DIFFERS, NEEDS | CHECK_NEEDS_STREAM, run_same_again),
	CHECK_CASE("stream.memory",
		   MOVES "the state that moves is the whole internal state",
		   CHECK_MUST, NEEDS | CHECK_NEEDS_STREAM | CHECK_NEEDS_ENGINE,
		   run_memory),
	CHECK_CASE("stream.data-size",
		   "linux/vfio.h, MIG_DATA_SIZE: can be asked in any state",
		   CHECK_SHOULD, NEEDS | CHECK_NEEDS_DATA_SIZE, run_data_size),
	CHECK_CASE(
		"stream.data-estimate",
		"linux/vfio.h, MIG_DATA_SIZE: the estimated length in STOP_COPY",
		CHECK_DIFFERS,
		NEEDS | CHECK_NEEDS_DATA_SIZE | CHECK_NEEDS_STREAM,
		run_data_estimate),
};
const size_t check_stream_nr =
	sizeof(check_stream_cases) / sizeof(check_stream_cases[0]);
