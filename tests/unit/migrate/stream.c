/* SPDX-License-Identifier: MIT */
/* Recorded streams, to be damaged and played again. */
#include "stream.h"

#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "migrate/codec.h"
#include "session.h"

#define TAPE_ROOM ((size_t)4 << 20)
#define TAPE_MAX_RECORDS 512

static const unsigned int stream_pages[] = { 40, 70, 9 };

static void script(struct fake_vm *vm)
{
	vm->writes_per_touch = 3;
	vm->writes_left = 40;
}

/* One: so that each order of its records but theirs is wrong. */
static void add_devices(struct fake_vm *from, struct fake_vm *to)
{
	if (from)
		fake_vm_add_device(from, 700, 900);
	/* With no downtime allowed it would never stop. */
	if (from)
		from->device[0].guesses_none = true;
	if (to)
		fake_vm_add_device(to, 0, 0);
}

void stream_vm_init(struct fake_vm *vm)
{
	fake_vm_init(vm, stream_pages, 3);
	fake_vm_fill(vm, 4711);
	add_devices(vm, NULL);
	script(vm);
}

static void tape_init(struct tape *t)
{
	t->data = malloc(TAPE_ROOM);
	t->bytes = 0;
	t->room = TAPE_ROOM;
	assert_non_null(t->data);
}

void tape_exit(struct tape *t)
{
	free(t->data);
}

struct tape tape_copy(const struct tape *t)
{
	struct tape copy;

	tape_init(&copy);
	memcpy(copy.data, t->data, t->bytes);
	copy.bytes = t->bytes;
	return copy;
}

static void record(const struct migrate_compress *how, struct tape *ret_said,
		   struct tape *ret_answered)
{
	struct cut_channel back;
	struct session s;

	tape_init(ret_said);
	tape_init(ret_answered);
	session_init(&s, stream_pages, 3, 4711);
	if (how) {
		s.compress = *how;
		s.from.dull = true;
		fake_vm_fill(&s.from, 4711);
	}
	add_devices(&s.from, &s.to);
	script(&s.from);
	s.params.downtime_limit_ns = 0;
	cut_channel_init(&back, s.b);
	back.tape = ret_answered->data;
	back.tape_room = TAPE_ROOM;
	s.cut.tape = ret_said->data;
	s.cut.tape_room = TAPE_ROOM;
	s.b = &back.base;
	session_run(&s);
	assert_int_equal(s.source_rc, 0);
	assert_int_equal(s.target_rc, 0);
	ret_said->bytes = s.cut.out;
	ret_answered->bytes = back.out;
	session_exit(&s);
}

void stream_record(struct tape *ret_said, struct tape *ret_answered)
{
	record(NULL, ret_said, ret_answered);
}

void stream_record_compressed(const struct migrate_compress *how,
			      struct tape *ret_said, struct tape *ret_answered)
{
	record(how, ret_said, ret_answered);
}

size_t tape_split(const struct tape *t, struct record_at *ret_records,
		  size_t room)
{
	struct wire_header_le le;
	size_t at = 0, nr = 0, size;

	while (nr < room && t->bytes - at >= sizeof(le)) {
		memcpy(&le, t->data + at, sizeof(le));
		size = sizeof(le) + le32toh(le.table_bytes);
		if (le64toh(le.payload_bytes) > t->bytes - at ||
		    size + le64toh(le.payload_bytes) > t->bytes - at)
			break;
		size += le64toh(le.payload_bytes);
		ret_records[nr++] = (struct record_at){ at, size };
		at += size;
	}
	return nr;
}

bool tape_reseal(struct tape *t, size_t offset, uint32_t sequence)
{
	struct wire_header_le *le = (void *)(t->data + offset);
	struct wire_header_le copy;

	if (t->bytes - offset < sizeof(*le))
		return false;
	memcpy(&copy, le, sizeof(copy));
	if (le32toh(copy.table_bytes) > t->bytes - offset - sizeof(copy))
		return false;
	copy.sequence = htole32(sequence);
	wire_seal(&copy, t->data + offset + sizeof(copy));
	memcpy(le, &copy, sizeof(copy));
	return true;
}

/* @at: of the table; @payload: behind it. Both lie within the tape. */
static void recheck_runs(struct tape *t, size_t at, size_t payload, size_t end)
{
	size_t table_end = payload;
	struct wire_run_le run;

	for (; at + sizeof(run) <= table_end; at += sizeof(run)) {
		memcpy(&run, t->data + at, sizeof(run));
		if (le32toh(run.stored_bytes) > end - payload)
			return;
		if (le32toh(run.kind) > WIRE_RAW) {
			run.check = htole32(codec_check(
				t->data + payload, le32toh(run.stored_bytes)));
			memcpy(t->data + at, &run, sizeof(run));
		}
		payload += le32toh(run.stored_bytes);
	}
}

void tape_recheck(struct tape *t)
{
	struct record_at record[TAPE_MAX_RECORDS];
	size_t nr = tape_split(t, record, TAPE_MAX_RECORDS), i;
	struct wire_header_le le;

	for (i = 0; i < nr; i++) {
		size_t at = record[i].offset + sizeof(le);

		memcpy(&le, t->data + record[i].offset, sizeof(le));
		if (le32toh(le.type) != WIRE_RAM_BATCH)
			continue;
		recheck_runs(t, at, at + le32toh(le.table_bytes),
			     record[i].offset + record[i].bytes);
		tape_reseal(t, record[i].offset, le32toh(le.sequence));
	}
}

/* Swallows what is written, answers from a tape when it is asked. */
struct script_channel {
	struct channel base;
	const struct tape *tape;
	size_t at;
	bool down;
};

static ssize_t script_writev(struct channel *ch, const struct iovec *iov,
			     int nr_iov)
{
	size_t sum = 0;

	while (nr_iov--)
		sum += iov[nr_iov].iov_len;
	return ((struct script_channel *)ch)->down ? -EPIPE : (ssize_t)sum;
}

static ssize_t script_readv(struct channel *ch, const struct iovec *iov,
			    int nr_iov)
{
	struct script_channel *s = (struct script_channel *)ch;
	size_t left = s->tape->bytes - s->at;
	size_t n = iov->iov_len < left ? iov->iov_len : left;

	if (s->down)
		return 0;
	memcpy(iov->iov_base, s->tape->data + s->at, n);
	s->at += n;
	return (ssize_t)n;
}

/* Says nothing unasked. */
static int script_wait(struct channel *ch, uint64_t timeout_ns)
{
	return timeout_ns != 0;
}

static void script_shutdown(struct channel *ch)
{
	((struct script_channel *)ch)->down = true;
}

static void script_close(struct channel *ch)
{
}

static const struct channel_ops script_ops = {
	.writev = script_writev,
	.readv = script_readv,
	.wait = script_wait,
	.shutdown = script_shutdown,
	.close = script_close,
};

int stream_play_target(const struct tape *t, struct fake_vm *vm)
{
	struct script_channel ch = { .base.ops = &script_ops, .tape = t };
	struct migrate_stats stats;
	struct migrate_target *tgt;
	int rc;

	fake_vm_init(vm, stream_pages, 3);
	add_devices(NULL, vm);
	assert_int_equal(
		migrate_target_create(&fake_vm_ops, vm, &ch.base, NULL, &tgt),
		0);
	rc = migrate_target_run(tgt, true);
	migrate_target_stats(tgt, &stats);
	assert_int_equal(!rc, !stats.error[0]);
	assert_int_equal(!rc, vm->running);
	migrate_target_destroy(tgt);
	return rc;
}

int stream_play_source(const struct tape *t, struct fake_vm *vm)
{
	struct script_channel ch = { .base.ops = &script_ops, .tape = t };
	struct migrate_params params = { 0 };
	struct migrate_source *src;
	struct migrate_stats stats;
	int rc;

	stream_vm_init(vm);
	assert_int_equal(migrate_source_create(&fake_vm_ops, vm, &ch.base,
					       &params, NULL, &src),
			 0);
	rc = migrate_source_run(src);
	migrate_source_stats(src, &stats);
	assert_int_equal(!rc, !stats.error[0]);
	assert_int_equal(rc && rc != -EREMOTEIO, vm->running);
	assert_false(vm->logging);
	migrate_source_destroy(src);
	return rc;
}
