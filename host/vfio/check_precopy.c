/* SPDX-License-Identifier: MIT */
/* Pre-copy: one stream from there through STOP_COPY, wherever it is left. */
#include <string.h>

#include "base/clock.h"
#include "vfio/check_priv.h"

#define NEEDS (CHECK_NEEDS_MIGRATION | CHECK_DESTRUCTIVE | CHECK_NEEDS_PRECOPY)

/* What an idle device may give before it has said that there is no more: its
 * state several times over. */
static size_t enough(const struct check_run *r)
{
	return 4 * r->golden.bytes + (1u << 20);
}

/* Reads on, to an end or until it is enough. */
static bool read_some(struct check_run *r, struct check_blob *b, size_t most,
		      bool *ret_cut)
{
	return check_ok(r, check_read_stream(r, b, CHECK_CHUNK, most, ret_cut),
			"reading in pre-copy");
}

static void run_ends(struct check_run *r, const struct check_case *c)
{
	struct check_blob b = { NULL, 0, 0 };
	unsigned int nr;
	bool cut = false;

	if (!check_enter(r, MIG_STATE_PRE_COPY))
		return;
	/* The end of the first part, and that of what was dirty behind it. */
	for (nr = 0; nr < 3 && !cut; nr++) {
		if (!read_some(r, &b, enough(r), &cut))
			break;
		check_that(r, !cut, "no end after %zu bytes of an idle device",
			   b.bytes);
	}
	check_blob_free(&b);
}

/* @states in turn, @most bytes read in each; then the rest, and a load. */
static void save_by(struct check_run *r, const uint32_t *states,
		    unsigned int nr, size_t most)
{
	struct check_blob b = { NULL, 0, 0 };
	unsigned int i;
	bool cut;

	for (i = 0; i < nr; i++)
		if (!check_enter(r, states[i]) ||
		    (most &&
		     !check_ok(r,
			       check_read_stream(
				       r, &b,
				       most < CHECK_CHUNK ? most : CHECK_CHUNK,
				       most, &cut),
			       "reading in pre-copy")))
			goto free;
	if (check_save(r, &b))
		check_loads(r, &b, "the stream from pre-copy on");
free:
	check_blob_free(&b);
}

static const uint32_t precopy[] = { MIG_STATE_PRE_COPY };
static const uint32_t with_p2p[] = { MIG_STATE_PRE_COPY,
				     MIG_STATE_PRE_COPY_P2P };

static void run_all(struct check_run *r, const struct check_case *c)
{
	save_by(r, precopy, 1, enough(r));
}

static void run_partly(struct check_run *r, const struct check_case *c)
{
	save_by(r, precopy, 1, 10);
}

static void run_unread(struct check_run *r, const struct check_case *c)
{
	save_by(r, precopy, 1, 0);
}

static void run_p2p(struct check_run *r, const struct check_case *c)
{
	save_by(r, with_p2p, 2, r->golden.bytes / 3 + 1);
}

/* Given up, and begun anew. */
static void run_back(struct check_run *r, const struct check_case *c)
{
	struct check_blob b = { NULL, 0, 0 };
	bool cut;

	if (check_enter(r, MIG_STATE_PRE_COPY) &&
	    read_some(r, &b, r->golden.bytes / 2 + 1, &cut) &&
	    check_ok(r, r->port->set_state(r, MIG_STATE_RUNNING),
		     "PRE_COPY to RUNNING")) {
		check_blob_free(&b);
		save_by(r, precopy, 1, enough(r));
	}
	check_blob_free(&b);
}

static void run_info(struct check_run *r, const struct check_case *c)
{
	struct mig_precopy_info info;

	if (!r->port->precopy_info)
		return check_skip(r, "vfio-user has no PRECOPY_INFO");
	if (!check_enter(r, MIG_STATE_PRE_COPY) ||
	    !check_ok(r, r->port->precopy_info(r, &info), "PRECOPY_INFO") ||
	    !check_enter(r, MIG_STATE_STOP_COPY))
		return;
	check_refused(r, r->port->precopy_info(r, &info),
		      "PRECOPY_INFO in STOP_COPY");
}

/* Our engine goes on meanwhile. */
static void run_goes_on(struct check_run *r, const struct check_case *c)
{
	if (!check_engine_init(r, false,
			       USER_DMA_READABLE | USER_DMA_WRITEABLE))
		return;
	if (check_engine_control(r, ABI_DMA_CONTROL_RUN) &&
	    check_engine_wait(r, 20) && check_enter(r, MIG_STATE_PRE_COPY) &&
	    check_engine_wait(r, check_engine_counter(r) + 20) &&
	    check_engine_control(r, 0))
		check_engine_memory(r);
}

#define TEXT "linux/vfio.h, PRE_COPY: "

const struct check_case check_precopy_cases[] = {
	CHECK_CASE("precopy.ends",
		   TEXT
		   "the end of the stream comes when nothing is dirty any more",
		   CHECK_SHOULD, NEEDS, run_ends),
	CHECK_CASE("precopy.all",
		   TEXT "its data and that of STOP_COPY are one stream",
		   CHECK_MUST, NEEDS | CHECK_NEEDS_STREAM, run_all),
	CHECK_CASE("precopy.partly",
		   TEXT "STOP_COPY may come before all of its data is read",
		   CHECK_MUST, NEEDS | CHECK_NEEDS_STREAM, run_partly),
	CHECK_CASE("precopy.unread", TEXT "none of its data needs to be read",
		   CHECK_MUST, NEEDS | CHECK_NEEDS_STREAM, run_unread),
	CHECK_CASE("precopy.p2p",
		   TEXT "PRE_COPY_P2P goes on with the same stream", CHECK_MUST,
		   NEEDS | CHECK_NEEDS_STREAM | CHECK_NEEDS_P2P, run_p2p),
	CHECK_CASE("precopy.back",
		   TEXT "RUNNING ends the data transfer session", CHECK_MUST,
		   NEEDS | CHECK_NEEDS_STREAM, run_back),
	CHECK_CASE(
		"precopy.info",
		"linux/vfio.h, MIG_GET_PRECOPY_INFO: in PRE_COPY and PRE_COPY_P2P, "
		"elsewhere an error",
		CHECK_MUST, NEEDS | CHECK_NEEDS_V2, run_info),
	CHECK_CASE("precopy.runs", TEXT "the device operates normally",
		   CHECK_MUST, NEEDS | CHECK_NEEDS_ENGINE, run_goes_on),
};
const size_t check_precopy_nr =
	sizeof(check_precopy_cases) / sizeof(check_precopy_cases[0]);
