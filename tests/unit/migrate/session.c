/* SPDX-License-Identifier: MIT */
/* A source and a target in one process, and a channel that can be cut. */
#include "session.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#define CAPACITY (256u << 10)

static void note_write(struct cut_channel *cut, const struct iovec *iov,
		       int nr_iov, size_t bytes)
{
	size_t at = cut->out, left = bytes, n;
	int i;

	if (cut->nr_marks < MAX_MARKS)
		cut->mark[cut->nr_marks++] = cut->out;
	for (i = 0; cut->tape && i < nr_iov && left; i++, left -= n, at += n) {
		n = iov[i].iov_len < left ? iov[i].iov_len : left;
		assert(at + n <= cut->tape_room);
		memcpy(cut->tape + at, iov[i].iov_base, n);
	}
}

/* The first entries of @iov, at most @bytes, never none. */
static int clip(struct iovec *to, const struct iovec *iov, int nr_iov,
		uint64_t bytes)
{
	int nr = 0;

	while (nr < nr_iov && bytes) {
		to[nr] = iov[nr];
		if (to[nr].iov_len > bytes)
			to[nr].iov_len = bytes;
		bytes -= to[nr++].iov_len;
	}
	return nr;
}

static ssize_t cut_writev(struct channel *ch, const struct iovec *iov,
			  int nr_iov)
{
	struct cut_channel *cut = (struct cut_channel *)ch;
	struct iovec some[1024];
	ssize_t n;

	if (cut->out >= cut->cut_out) {
		channel_shutdown(cut->inner);
		return -EPIPE;
	}
	nr_iov = clip(some, iov, nr_iov, cut->cut_out - cut->out);
	n = cut->inner->ops->writev(cut->inner, some, nr_iov);
	if (n < 0)
		return n;
	note_write(cut, some, nr_iov, (size_t)n);
	cut->out += (uint64_t)n;
	if (cut->eager && cut->out >= cut->cut_out)
		channel_shutdown(cut->inner);
	return n;
}

static ssize_t cut_readv(struct channel *ch, const struct iovec *iov,
			 int nr_iov)
{
	struct cut_channel *cut = (struct cut_channel *)ch;
	struct iovec some[1024];
	ssize_t n;

	if (cut->in >= cut->cut_in) {
		channel_shutdown(cut->inner);
		return 0;
	}
	nr_iov = clip(some, iov, nr_iov, cut->cut_in - cut->in);
	n = cut->inner->ops->readv(cut->inner, some, nr_iov);
	if (n > 0)
		cut->in += (uint64_t)n;
	return n;
}

static int cut_wait(struct channel *ch, uint64_t timeout_ns)
{
	struct cut_channel *cut = (struct cut_channel *)ch;

	return cut->silent ? 0 : channel_wait(cut->inner, timeout_ns);
}

static void cut_shutdown(struct channel *ch)
{
	channel_shutdown(((struct cut_channel *)ch)->inner);
}

static void cut_close(struct channel *ch)
{
	channel_close(((struct cut_channel *)ch)->inner);
}

static const struct channel_ops cut_ops = {
	.writev = cut_writev,
	.readv = cut_readv,
	.wait = cut_wait,
	.shutdown = cut_shutdown,
	.close = cut_close,
};

void cut_channel_init(struct cut_channel *cut, struct channel *inner)
{
	memset(cut, 0, sizeof(*cut));
	cut->base.ops = &cut_ops;
	cut->inner = inner;
	cut->cut_out = NO_CUT;
	cut->cut_in = NO_CUT;
}

void session_init(struct session *s, const unsigned int *pages,
		  unsigned int nr_regions, uint64_t seed)
{
	memset(s, 0, sizeof(*s));
	fake_vm_init(&s->from, pages, nr_regions);
	fake_vm_init(&s->to, pages, nr_regions);
	fake_vm_fill(&s->from, seed);
	assert_int_equal(channel_pair(CAPACITY, &s->a, &s->b), 0);
	cut_channel_init(&s->cut, s->a);
	s->params.downtime_limit_ns = 300000000;
}

void session_use(struct session *s, struct channel *a, struct channel *b)
{
	channel_close(s->a);
	channel_close(s->b);
	s->a = a;
	s->b = b;
	cut_channel_init(&s->cut, a);
}

void session_create(struct session *s)
{
	assert_int_equal(migrate_source_create(&fake_vm_ops, &s->from,
					       &s->cut.base, &s->params,
					       s->source_observer, &s->source),
			 0);
	migrate_source_set_compress(s->source, &s->compress);
	assert_int_equal(migrate_target_create(&fake_vm_ops, &s->to, s->b,
					       s->target_observer, &s->target),
			 0);
}

static void *target_main(void *ctx)
{
	struct session *s = ctx;

	s->target_rc = migrate_target_run(s->target, !s->no_autostart);
	return NULL;
}

void session_run(struct session *s)
{
	pthread_t thread;

	if (!s->source)
		session_create(s);
	assert_int_equal(pthread_create(&thread, NULL, target_main, s), 0);
	s->source_rc = migrate_source_run(s->source);
	pthread_join(thread, NULL);
	migrate_source_stats(s->source, &s->source_stats);
	migrate_target_stats(s->target, &s->target_stats);
	session_check(s);
}

void session_check(const struct session *s)
{
	bool committed = !s->source_rc || s->source_rc == -EREMOTEIO;
	bool back = !committed && !s->from.stays_down;

	/* Never both; the source exactly until go; no log left on. */
	assert_false(s->from.running && s->to.running);
	assert_true(s->from.running == back);
	assert_int_equal(s->from.nr_resumes, back ? s->from.nr_pauses : 0);
	assert_false(s->from.logging);
	if (s->target_rc)
		assert_false(s->to.running);
	else
		assert_true(committed && s->to.loaded);
	if (!s->target_rc && !s->no_autostart)
		assert_true(s->to.running);
	/* A sentence on every failure, none otherwise. */
	assert_true(!s->source_rc == !s->source_stats.error[0]);
	assert_true(!s->target_rc == !s->target_stats.error[0]);
	assert_int_equal(s->source_stats.wire_bytes, s->cut.out);
	assert_int_equal(s->source_stats.wire_bytes, s->cut.base.bytes_out);
	assert_int_equal(s->target_stats.wire_bytes, s->b->bytes_in);
	if (!s->target_rc)
		assert_true(fake_vm_equal(&s->from, &s->to) ||
			    s->source_observer);
}

void session_exit(struct session *s)
{
	migrate_source_destroy(s->source);
	migrate_target_destroy(s->target);
	channel_close(s->a);
	channel_close(s->b);
	fake_vm_exit(&s->from);
	fake_vm_exit(&s->to);
}
