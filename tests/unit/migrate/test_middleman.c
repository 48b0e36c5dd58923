/* SPDX-License-Identifier: MIT */
/*
 * Both ends of a compressed migration, and one bit that flips between them: the
 * target refuses, and the source's machine runs on with all it had.
 */
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "migrate/wire.h"
#include "session.h"

#define HEAD_BYTES (WIRE_HEADER_BYTES + WIRE_MAX_TABLE_BYTES)
#define NOWHERE SIZE_MAX

/* What the target reads from; it follows the records that go through. */
struct middleman {
	struct channel base;
	struct channel *inner;
	uint8_t head[HEAD_BYTES]; /* header and table of the record */
	size_t at; /* in the record */
	size_t head_bytes, record_bytes; /* known behind the header */
	size_t victim; /* in the record: the byte to flip, or NOWHERE */
	bool final_round; /* the record is of the last one */
	bool wants_final; /* flip there, else in the first */
	unsigned int bit;
	bool flipped;
};

static void header_came(struct middleman *m)
{
	struct wire_header_le le;

	memcpy(&le, m->head, sizeof(le));
	m->head_bytes = sizeof(le) + le32toh(le.table_bytes);
	m->record_bytes = m->head_bytes + le64toh(le.payload_bytes);
	assert_true(m->head_bytes <= HEAD_BYTES);
}

/* The middle of the first packed run, if there is one. */
static size_t find_victim(const struct middleman *m)
{
	size_t at, payload = m->head_bytes;
	struct wire_run_le run;

	for (at = WIRE_HEADER_BYTES; at < m->head_bytes; at += sizeof(run)) {
		memcpy(&run, m->head + at, sizeof(run));
		if (le32toh(run.kind) > WIRE_RAW)
			return payload + le32toh(run.stored_bytes) / 2;
		payload += le32toh(run.stored_bytes);
	}
	return NOWHERE;
}

static void table_came(struct middleman *m)
{
	struct wire_header_le le;
	struct wire_round_le round;

	memcpy(&le, m->head, sizeof(le));
	memcpy(&round, m->head + sizeof(le), sizeof(round));
	if (le32toh(le.type) == WIRE_ROUND_BEGIN)
		m->final_round = le32toh(round.flags) & WIRE_ROUND_FINAL;
	if (le32toh(le.type) == WIRE_RAM_BATCH && !m->flipped &&
	    m->final_round == m->wants_final)
		m->victim = find_victim(m);
}

static void pass(struct middleman *m, uint8_t *byte)
{
	if (m->at < WIRE_HEADER_BYTES || m->at < m->head_bytes)
		m->head[m->at] = *byte;
	if (m->at == m->victim) {
		*byte ^= (uint8_t)(1u << m->bit);
		m->flipped = true;
		m->victim = NOWHERE;
	}
	m->at++;
	if (m->at == WIRE_HEADER_BYTES)
		header_came(m);
	if (m->at >= WIRE_HEADER_BYTES && m->at == m->head_bytes)
		table_came(m);
	if (m->at >= WIRE_HEADER_BYTES && m->at == m->record_bytes)
		m->at = m->head_bytes = m->record_bytes = 0;
}

static ssize_t middle_readv(struct channel *ch, const struct iovec *iov,
			    int nr_iov)
{
	struct middleman *m = (struct middleman *)ch;
	ssize_t n = m->inner->ops->readv(m->inner, iov, nr_iov), left = n;
	size_t i;

	for (; left > 0; iov++)
		for (i = 0; i < iov->iov_len && left > 0; i++, left--)
			pass(m, (uint8_t *)iov->iov_base + i);
	return n;
}

static ssize_t middle_writev(struct channel *ch, const struct iovec *iov,
			     int nr_iov)
{
	struct middleman *m = (struct middleman *)ch;

	return m->inner->ops->writev(m->inner, iov, nr_iov);
}

static int middle_wait(struct channel *ch, uint64_t timeout_ns)
{
	return channel_wait(((struct middleman *)ch)->inner, timeout_ns);
}

static void middle_shutdown(struct channel *ch)
{
	channel_shutdown(((struct middleman *)ch)->inner);
}

static void middle_close(struct channel *ch)
{
	channel_close(((struct middleman *)ch)->inner);
}

static const struct channel_ops middle_ops = {
	.writev = middle_writev,
	.readv = middle_readv,
	.wait = middle_wait,
	.shutdown = middle_shutdown,
	.close = middle_close,
};

static const unsigned int pages[] = { 40, 70, 9 };

/* What the source's machine had: when it was paused, if it was. */
struct witness {
	struct session *s;
	struct fake_vm was;
	enum migrate_phase when;
	unsigned int nr;
};

static void take_down(void *ctx, enum migrate_phase phase)
{
	struct witness *w = ctx;
	unsigned int i;

	if (phase != w->when)
		return;
	w->nr++;
	for (i = 0; i < w->was.nr_regions; i++)
		memcpy(w->was.region[i].hva, w->s->from.region[i].hva,
		       w->was.region[i].bytes);
}

static void start(struct session *s, struct middleman *m, struct witness *w,
		  const struct migrate_observer *o)
{
	session_init(s, pages, 3, 4711);
	s->from.dull = true;
	fake_vm_fill(&s->from, 4711);
	s->from.writes_per_touch = m->wants_final ? 3 : 0;
	s->from.writes_left = 20000; /* the last round has some */
	fake_vm_init(&w->was, pages, 3);
	w->s = s;
	w->when = m->wants_final ? MIGRATE_FINAL_RAM : MIGRATE_PRECOPY;
	s->source_observer = o;
	m->base.ops = &middle_ops;
	m->inner = s->b;
	m->victim = NOWHERE;
	s->b = &m->base;
}

static void flip_one(enum codec_id codec, enum compress_engine engine,
		     bool final, unsigned int bit)
{
	struct middleman m = { .wants_final = final, .bit = bit };
	struct witness w = { 0 };
	const struct migrate_observer o = { .ctx = &w, .phase = take_down };
	struct session s;

	start(&s, &m, &w, &o);
	s.compress = (struct migrate_compress){
		.codec = codec,
		.level = 1,
		.nr_threads = 2,
		.engine = engine,
		.wait = true,
		.max_pages = 4,
	};
	session_run(&s);
	assert_true(m.flipped);
	assert_int_equal(s.target_rc, -EPROTO);
	assert_non_null(strstr(s.target_stats.error, "from gfn 0x"));
	assert_non_null(strstr(s.target_stats.error, "checksum is wrong"));
	assert_int_equal(s.source_rc, -EPROTO);
	assert_non_null(strstr(s.source_stats.error, "checksum is wrong"));
	/* It runs, was paused or not, and nothing of it has changed. */
	assert_true(s.from.running);
	assert_int_equal(s.from.nr_pauses, final);
	assert_false(s.to.running);
	assert_int_equal(w.nr, 1);
	assert_int_equal(fake_vm_differences(&s.from, &w.was), 0);
	fake_vm_exit(&w.was);
	session_exit(&s);
}

static void test_flip(void **state)
{
	static const enum codec_id all[] = { CODEC_ZLIB, CODEC_LIBDEFLATE,
					     CODEC_ZSTD, CODEC_LZ4 };
	unsigned int i, engine, bit;

	for (i = 0; i < 4; i++)
		for (engine = 0; engine < COMPRESS_NR_ENGINES; engine++)
			for (bit = 0; bit < 8; bit++) {
				flip_one(all[i], engine, false, bit);
				flip_one(all[i], engine, true, bit);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
