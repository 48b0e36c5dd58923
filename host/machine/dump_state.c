/* SPDX-License-Identifier: MIT */
/* Finds the state in a snapshot, and has it told. */
#include "machine/dump_state.h"

#include <errno.h>
#include <string.h>
#include <xxhash.h>

#include "base/buf.h"
#include "machine/state.h"
#include "migrate/channel.h"
#include "migrate/wire.h"

#define STEP_BYTES ((size_t)1 << 16)

struct dump {
	struct channel *ch;
	struct error *err;
	uint8_t header[WIRE_HEADER_BYTES];
	uint8_t table[WIRE_MAX_TABLE_BYTES];
	uint8_t step[STEP_BYTES];
};

static int read_bytes(struct dump *d, void *data, size_t bytes)
{
	int rc = channel_read_all(d->ch, data, bytes);

	if (rc == -ENODATA)
		return error_set(d->err, -EPROTO,
				 "the snapshot ends before its state");
	return rc ? error_set(d->err, rc, "the snapshot cannot be read: %s",
			      rc == -EBADMSG ? "it is damaged" : strerror(-rc))
		  : 0;
}

/* Behind its table; appended to @state, or left aside if that is NULL. */
static int read_payload(struct dump *d, uint64_t bytes, struct buf *state)
{
	int rc = 0;

	while (!rc && bytes) {
		size_t n = bytes < STEP_BYTES ? bytes : STEP_BYTES;

		rc = read_bytes(d, d->step, n);
		if (!rc && state)
			rc = buf_append(state, d->step, n);
		bytes -= n;
	}
	return rc;
}

static int read_record(struct dump *d, struct wire_header *ret)
{
	int rc = read_bytes(d, d->header, sizeof(d->header));

	if (!rc)
		rc = wire_parse_header(d->header, ret, d->err);
	if (!rc)
		rc = read_bytes(d, d->table, ret->table_bytes);
	return rc ? rc : wire_verify(d->header, d->table, d->err);
}

static int find_state(struct dump *d, struct buf *state)
{
	struct wire_header h;
	uint64_t expected;
	int rc;

	do {
		rc = read_record(d, &h);
		if (!rc && h.type == WIRE_GO)
			rc = error_set(d->err, -EPROTO,
				       "the snapshot has no state");
		if (!rc)
			rc = read_payload(d, h.payload_bytes,
					  h.type == WIRE_STATE ? state : NULL);
	} while (!rc && h.type != WIRE_STATE);
	if (!rc)
		rc = wire_parse_u64(d->table, h.table_bytes, &expected, d->err);
	if (!rc && XXH64(state->data, state->bytes, 0) != expected)
		rc = error_set(d->err, -EPROTO,
			       "the checksum of the machine's state is wrong");
	return rc;
}

int dump_state(const char *path,
	       void (*each)(void *ctx, int vcpu, const char *name,
			    enum vm_value_kind kind, const void *value,
			    size_t value_bytes),
	       void *ctx, struct error *err)
{
	struct dump d = { .err = err };
	struct buf state = BUF_INIT;
	struct reader r;
	bool ran;
	int rc = channel_open_file(path, false, &d.ch, err);

	if (rc)
		return rc;
	rc = find_state(&d, &state);
	r = (struct reader){ state.data, state.bytes };
	if (!rc)
		rc = machine_state_head(&r, &ran, err);
	if (!rc)
		rc = vm_state_describe(r.at, r.left, each, ctx, err);
	channel_close(d.ch);
	buf_exit(&state);
	return rc;
}
