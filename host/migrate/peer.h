/* SPDX-License-Identifier: MIT */
/* The conversation with the other side: whole records over a channel. */
#ifndef VMFERRY_MIGRATE_PEER_H
#define VMFERRY_MIGRATE_PEER_H

#include <stdint.h>
#include <sys/uio.h>

#include "base/error.h"
#include "migrate/channel.h"
#include "migrate/wire.h"

struct peer {
	struct channel *ch;
	const char *name; /* of the other side, for sentences */
	const char *during; /* phase, for sentences */
	struct error *err;
	uint64_t deadline_ns; /* for what is received; 0 = none */
	uint32_t sent; /* records */
	uint32_t received;
	/* Of the record received last. */
	_Alignas(8) uint8_t table[WIRE_MAX_TABLE_BYTES];
};

/*
 * All return 0 or -errno with a sentence in @err: -EPROTO for what breaks the
 * protocol, -EPIPE, -ECONNRESET, -ENODATA when the other side is gone.
 */

/* A record without payload. */
int peer_send(struct peer *p, enum wire_type type, const void *table,
	      size_t table_bytes);
int peer_send_u64(struct peer *p, enum wire_type type, uint64_t value);
int peer_send_round(struct peer *p, enum wire_type type,
		    const struct wire_round *round);

/**
 * peer_send_iov() - a record whose bytes are laid out already.
 * @iov: begins with header and table in one entry; modified.
 * @le: that header; this fills it in.
 * @h: type and sizes.
 */
int peer_send_iov(struct peer *p, struct wire_header_le *le,
		  const struct wire_header *h, struct iovec *iov, int nr_iov);

struct outlet;

/* The same by way of @out, where the pages go; and outlet_settle(). */
int peer_send_pages(struct peer *p, struct wire_header_le *le,
		    const struct wire_header *h, struct outlet *out,
		    struct iovec *iov, int nr_iov);
int peer_settle(struct peer *p, struct outlet *out);

/* Header and table of the next record; its payload is still to be read. */
int peer_receive(struct peer *p, struct wire_header *ret_header);

/*
 * The next record is of @type; -EPROTO with the other side's own sentence if
 * it refused or failed instead.
 */
int peer_expect(struct peer *p, enum wire_type type);
/* One whose flags are all known; so far that means 0..@max. */
int peer_expect_flags(struct peer *p, enum wire_type type, uint64_t max);

/* Something came unasked, or the end of the stream: why? Never returns 0. */
int peer_interrupted(struct peer *p);

/* Writes the sentence for an I/O error of the channel; returns @rc. */
int peer_lost(struct peer *p, int rc);

#endif
