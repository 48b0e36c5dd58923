/* SPDX-License-Identifier: MIT */
/*
 * What a migration will take, before it is begun: rounds, total and downtime,
 * from measured numbers. Pure: no clock, no machine.
 *
 * The model. A page costs CPU time (to compress, to decompress, to send and
 * receive its bytes) and bytes on the link. The rate of a round is the least of
 * what the link carries, what the compression threads and the decompression
 * threads get done, and what the CPUs have left beside the guest. With wait off
 * what the threads leave of the link goes to raw pages. A round takes its pages
 * divided by that rate; what the guest dirties meanwhile is the next round; it
 * ends where the VMM's own rule ends it.
 */
#ifndef VMFERRY_DRIVE_FORECAST_H
#define VMFERRY_DRIVE_FORECAST_H

#include <stdbool.h>
#include <stdint.h>

#include "drive/dirty_curve.h"

/* A page of this guest's, by this codec, by one thread: measured. */
struct forecast_codec {
	double compress_s; /* CPU time, at least 0; 0 = the codec is none */
	double decompress_s;
	double page_bytes; /* on the wire */
};

/* When a VMM stops its guest. */
enum forecast_rule {
	/* After a round, if the rest fits as what it is on the wire. */
	FORECAST_WIRE,
	/* The same, the rest counted as raw pages. */
	FORECAST_RAW,
	/* QEMU's: the rest, as raw pages, is compared all the time; the log is
	 * read again when it fits, and if it still fits, that was it. */
	FORECAST_RAW_ANY_TIME,
};

struct forecast_input {
	uint64_t pages, zero_pages; /* of RAM; zero ones carry no content */
	const struct dirty_curve *dirty;
	double link_bytes_per_s; /* the narrowest limit; 0 = none */
	/* Through a socket: what one sender reaches, and the CPU time of both
	 * ends together. */
	double send_bytes_per_s, send_s_per_byte;
	double zero_s; /* of a page that is found to be zero */
	unsigned int nr_cpus; /* of the host */
	unsigned int nr_vcpus;
	double guest_cpus; /* that the vCPUs keep busy */
	double limit_s; /* of the downtime */
	double fixed_s; /* pause, state, messages, resume */
	double timeout_s; /* what takes longer is no migration */
	enum forecast_rule rule;
	/*
	 * With wait off a sender that is faster than its link fills what room
	 * the threads have (@room requests each, of as many threads as there
	 * are CPUs at most) and sends raw what it finds next, until the link
	 * blocks it, that many pages later; then they have room again. 0: no
	 * such thing.
	 */
	unsigned int room, burst_pages;
	/*
	 * In the first round a page is logged only from the moment it is sent
	 * (the log is cleared piece by piece, each just before its pages): the
	 * pages sent last are hardly dirty again after it.
	 */
	bool logs_behind;
};

struct forecast_setting {
	struct forecast_codec codec;
	unsigned int threads, decompress_threads; /* at least 1 */
	bool wait; /* for a thread, else the page goes raw */
};

struct forecast {
	bool converges; /* false: total and downtime are no prediction */
	unsigned int rounds; /* the last, stopped one included */
	double total_s, downtime_s;
	double wire_bytes;
	double busy_ratio; /* pages sent raw for want of a thread */
	const char *bound; /* what the rate is bound by, one word */
};

void forecast_run(const struct forecast_input *in,
		  const struct forecast_setting *setting, struct forecast *ret);

/* Is @a to be preferred? The sooner one; if within 2 %, fewer bytes. */
bool forecast_better(const struct forecast *a, const struct forecast *b);

#endif
