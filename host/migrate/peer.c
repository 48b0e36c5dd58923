/* SPDX-License-Identifier: MIT */
/* The conversation with the other side. */
#include "migrate/peer.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "migrate/outlet.h"

/* For the last words of a side that has closed its end: they are here. */
#define LAST_WORDS_NS (100 * NSEC_PER_MSEC)

int peer_lost(struct peer *p, int rc)
{
	if (p->ch->ops->explain) {
		p->ch->ops->explain(p->ch, rc, p->err);
		return rc;
	}
	if (rc == -ENODATA)
		return error_set(p->err, rc,
				 "the %s closed the connection in phase '%s'",
				 p->name, p->during);
	return error_set(p->err, rc,
			 "the connection to the %s broke in phase '%s': %s",
			 p->name, p->during, strerrordesc_np(-rc));
}

static int read_bytes(struct peer *p, void *data, size_t bytes)
{
	return p->deadline_ns
		       ? channel_read_until(p->ch, data, bytes, p->deadline_ns)
		       : channel_read_all(p->ch, data, bytes);
}

int peer_receive(struct peer *p, struct wire_header *ret_header)
{
	uint8_t bytes[WIRE_HEADER_BYTES];
	struct wire_header h = { .type = WIRE_NR_TYPES };
	int rc = read_bytes(p, bytes, sizeof(bytes));

	if (rc)
		return peer_lost(p, rc);
	rc = wire_parse_header(bytes, &h, p->err);
	if (rc)
		return rc;
	rc = read_bytes(p, p->table, h.table_bytes);
	if (rc)
		return peer_lost(p, rc);
	rc = wire_verify(bytes, p->table, p->err);
	if (rc)
		return rc;
	if (h.sequence != p->received)
		return error_set(p->err, -EPROTO,
				 "a %s record has the number %" PRIu32
				 " where %" PRIu32 " was due",
				 wire_type_name(h.type), h.sequence,
				 p->received);
	p->received++;
	*ret_header = h;
	return 0;
}

static int receive_reply(struct peer *p, struct wire_header *ret_header)
{
	char text[WIRE_MAX_TEXT_BYTES + 1];
	int rc = peer_receive(p, ret_header);

	if (rc ||
	    (ret_header->type != WIRE_REFUSE && ret_header->type != WIRE_ERROR))
		return rc;
	wire_parse_text(p->table, ret_header->table_bytes, text);
	return error_set(
		p->err, -EPROTO, "the %s %s: %s", p->name,
		ret_header->type == WIRE_REFUSE ? "refused" : "gave up", text);
}

/* A write failed: the other side may have said why before it left. */
static int write_failed(struct peer *p, int rc)
{
	struct error *err = p->err, why = { "" };
	struct wire_header h = { 0 };

	p->err = &why;
	if (channel_wait(p->ch, LAST_WORDS_NS))
		receive_reply(p, &h);
	p->err = err;
	if (h.type == WIRE_REFUSE || h.type == WIRE_ERROR)
		return error_set(err, -EPROTO, "%s", why.text);
	return peer_lost(p, rc);
}

static void seal(struct peer *p, struct wire_header_le *le,
		 const struct wire_header *h)
{
	struct wire_header numbered = *h;

	numbered.sequence = p->sent++;
	wire_put_header(le, &numbered);
	wire_seal(le, le + 1);
}

int peer_send_iov(struct peer *p, struct wire_header_le *le,
		  const struct wire_header *h, struct iovec *iov, int nr_iov)
{
	int rc;

	seal(p, le, h);
	rc = channel_write_all(p->ch, iov, nr_iov);
	return rc ? write_failed(p, rc) : 0;
}

int peer_send_pages(struct peer *p, struct wire_header_le *le,
		    const struct wire_header *h, struct outlet *out,
		    struct iovec *iov, int nr_iov)
{
	int rc;

	seal(p, le, h);
	rc = outlet_write(out, iov, nr_iov);
	return rc ? write_failed(p, rc) : 0;
}

int peer_settle(struct peer *p, struct outlet *out)
{
	int rc = outlet_settle(out);

	return rc ? write_failed(p, rc) : 0;
}

int peer_send(struct peer *p, enum wire_type type, const void *table,
	      size_t table_bytes)
{
	struct {
		struct wire_header_le le;
		uint8_t table[512];
	} record;
	struct wire_header h = {
		.type = type,
		.table_bytes = (uint32_t)table_bytes,
	};
	struct iovec iov = { &record, sizeof(record.le) + table_bytes };

	if (table_bytes > sizeof(record.table))
		return -EMSGSIZE;
	memcpy(record.table, table, table_bytes);
	return peer_send_iov(p, &record.le, &h, &iov, 1);
}

int peer_send_u64(struct peer *p, enum wire_type type, uint64_t value)
{
	uint8_t table[8];

	return peer_send(p, type, table, wire_put_u64(table, value));
}

int peer_send_round(struct peer *p, enum wire_type type,
		    const struct wire_round *round)
{
	uint8_t table[sizeof(struct wire_round_le)];

	return peer_send(p, type, table, wire_put_round(table, round));
}

int peer_expect(struct peer *p, enum wire_type type)
{
	struct wire_header h = { .type = WIRE_NR_TYPES };
	int rc = receive_reply(p, &h);

	if (rc || h.type == type)
		return rc;
	return error_set(p->err, -EPROTO,
			 "the %s sent a %s record where %s was due", p->name,
			 wire_type_name(h.type), wire_type_name(type));
}

int peer_expect_flags(struct peer *p, enum wire_type type, uint64_t max)
{
	int rc = peer_expect(p, type);

	return rc ? rc : wire_parse_flags(p->table, 8, max, p->err);
}

int peer_interrupted(struct peer *p)
{
	struct wire_header h = { .type = WIRE_NR_TYPES };
	int rc = receive_reply(p, &h);

	if (rc)
		return rc;
	return error_set(p->err, -EPROTO, "the %s sent a %s record unasked",
			 p->name, wire_type_name(h.type));
}
