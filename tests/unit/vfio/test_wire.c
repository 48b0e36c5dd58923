/* SPDX-License-Identifier: MIT */
/* Messages whole, in pieces, cut off, too large, with descriptors. */
#include "vfio/user_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd_message.h"
#include "unit/unit.h"

struct pair {
	struct user_wire a, b;
};

static void pair_init(struct pair *p)
{
	int fds[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(user_wire_init(&p->a, fds[0]), 0);
	assert_int_equal(user_wire_init(&p->b, fds[1]), 0);
}

static void pair_exit(struct pair *p)
{
	user_wire_exit(&p->a);
	user_wire_exit(&p->b);
}

static void test_whole(void **state)
{
	const struct iovec iov[2] = { { "hello ", 6 }, { "world", 5 } };
	const struct user_payload p = { .iov = iov, .nr_iov = 2 };
	struct user_header h = { .id = 7, .command = USER_RESET };
	struct user_message m;
	struct pair w;

	pair_init(&w);
	assert_int_equal(user_wire_receive(&w.b, &m, 0), -EAGAIN);
	assert_int_equal(user_wire_receive(&w.b, &m, 1), -EAGAIN);
	assert_int_equal(user_wire_send(&w.a, &h, &p), 0);
	assert_int_equal(user_wire_receive(&w.b, &m, 0), 0);
	assert_int_equal(m.header.id, 7);
	assert_int_equal(m.header.bytes, 16 + 11);
	assert_int_equal(m.payload_bytes, 11);
	assert_memory_equal(m.payload, "hello world", 11);
	assert_int_equal(m.nr_fds, 0);
	user_wire_exit(&w.a);
	assert_int_equal(user_wire_receive(&w.b, &m, -1), -ENODATA);
	pair_exit(&w);
}

/* By the byte, a descriptor with each of the first three. */
static void test_pieces(void **state)
{
	uint8_t bytes[20] = { 0 };
	struct user_header h = { .id = 1, .command = 2, .bytes = 20 };
	struct user_message m;
	struct pair w;
	size_t i;

	memcpy(bytes, &h, sizeof(h));
	pair_init(&w);
	for (i = 0; i < sizeof(bytes); i++) {
		struct iovec iov = { bytes + i, 1 };
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
		struct fd_message fds;

		assert_int_equal(user_wire_receive(&w.b, &m, 0), -EAGAIN);
		if (i < 3)
			fd_message_attach(&fds, &msg, &w.a.fd, 1);
		assert_int_equal(sendmsg(w.a.fd, &msg, 0), 1);
	}
	assert_int_equal(user_wire_receive(&w.b, &m, 0), 0);
	assert_int_equal(m.nr_fds, 3);
	assert_int_equal(m.payload_bytes, 4);
	assert_int_equal(fcntl(m.fds[1], F_GETFD), FD_CLOEXEC);
	i = (size_t)user_message_take_fd(&m, 1);
	user_message_close(&m);
	assert_int_equal(fcntl((int)i, F_GETFD), FD_CLOEXEC);
	close((int)i);
	pair_exit(&w);
}

static void test_cut(void **state)
{
	struct user_header h = { .bytes = 20 };
	struct user_message m;
	struct pair w;
	size_t i;

	for (i = 1; i < sizeof(h); i++) {
		pair_init(&w);
		assert_int_equal(send(w.a.fd, &h, i, 0), i);
		user_wire_exit(&w.a);
		assert_int_equal(user_wire_receive(&w.b, &m, -1), -ECONNRESET);
		pair_exit(&w);
	}
}

static void test_sizes(void **state)
{
	static const struct {
		uint32_t bytes;
		int rc;
	} rows[] = {
		{ 0, -EPROTO },
		{ 15, -EPROTO },
		{ 16, 0 },
		{ 17 + USER_MAX_PAYLOAD, -EMSGSIZE },
		{ 16 + USER_MAX_PAYLOAD, -EAGAIN },
		{ UINT32_MAX, -EMSGSIZE },
	};
	struct user_message m;
	struct pair w;
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct user_header h = { .id = 9, .bytes = rows[i].bytes };

		pair_init(&w);
		assert_int_equal(send(w.a.fd, &h, sizeof(h), 0), sizeof(h));
		assert_int_equal(user_wire_receive(&w.b, &m, 0), rows[i].rc);
		assert_int_equal(m.header.id, 9);
		pair_exit(&w);
	}
}

/* More descriptors than fit are closed, and said. */
static void test_too_many(void **state)
{
	struct user_header h = { .bytes = 16 };
	struct user_message m;
	int fds[USER_MAX_FDS];
	struct pair w;
	size_t i;

	pair_init(&w);
	for (i = 0; i < USER_MAX_FDS; i++)
		fds[i] = w.a.fd;
	for (i = 0; i < 2; i++) {
		struct iovec iov = { (uint8_t *)&h + 8 * i, 8 };
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
		struct fd_message f;

		fd_message_attach(&f, &msg, fds, USER_MAX_FDS);
		assert_int_equal(sendmsg(w.a.fd, &msg, 0), 8);
	}
	assert_int_equal(user_wire_receive(&w.b, &m, 0), 0);
	assert_true(m.fds_lost);
	assert_int_equal(m.nr_fds, USER_MAX_FDS);
	user_message_close(&m);
	pair_exit(&w);
}

/* Replies that were there before they were waited for. */
static int on_command(void *ctx, struct user_wire *w, struct user_message *m)
{
	++*(int *)ctx;
	return m->header.command == USER_DMA_READ ? 0 : -EPROTO;
}

static void put(struct user_wire *w, uint16_t id, uint16_t command,
		uint32_t flags, uint32_t error)
{
	struct user_header h = {
		.id = id, .command = command, .flags = flags, .error = error
	};

	assert_int_equal(user_wire_send(w, &h, NULL), 0);
}

static void test_call(void **state)
{
	struct user_message m;
	struct pair w;
	int seen = 0;

	pair_init(&w);
	w.a.on_command = on_command;
	w.a.ctx = &seen;
	put(&w.b, 5, USER_DMA_READ, 0, 0);
	put(&w.b, 0, USER_RESET, USER_TYPE_REPLY | USER_FLAG_ERROR, ENOSPC);
	assert_int_equal(user_wire_call(&w.a, USER_RESET, NULL, &m, 1000), 0);
	assert_int_equal(user_message_error(&m), -ENOSPC);
	assert_int_equal(seen, 1);
	/* Of an error without a number, and one that is none. */
	put(&w.b, 1, USER_RESET, USER_TYPE_REPLY | USER_FLAG_ERROR, 0);
	assert_int_equal(user_wire_call(&w.a, USER_RESET, NULL, &m, 1000), 0);
	assert_int_equal(user_message_error(&m), -EIO);
	put(&w.b, 2, USER_RESET, USER_TYPE_REPLY | USER_FLAG_ERROR, 1u << 31);
	assert_int_equal(user_wire_call(&w.a, USER_RESET, NULL, &m, 1000), 0);
	assert_int_equal(user_message_error(&m), -EIO);
	/* Nobody answers; somebody answers something else. */
	assert_int_equal(user_wire_call(&w.a, USER_RESET, NULL, &m, 1),
			 -ETIMEDOUT);
	put(&w.b, 3, USER_RESET, USER_TYPE_REPLY, 0);
	assert_int_equal(user_wire_call(&w.a, USER_RESET, NULL, &m, 1000),
			 -EPROTO);
	put(&w.b, 5, USER_VERSION, USER_TYPE_REPLY, 0);
	assert_int_equal(user_wire_call(&w.a, USER_RESET, NULL, &m, 1000),
			 -EPROTO);
	put(&w.b, 6, USER_RESET, 2, 0);
	assert_int_equal(user_wire_call(&w.a, USER_RESET, NULL, &m, 1000),
			 -EPROTO);
	user_wire_exit(&w.b);
	assert_int_equal(user_wire_call(&w.a, USER_RESET, NULL, &m, 1000),
			 -EPIPE);
	pair_exit(&w);
}

static void test_no_reply(void **state)
{
	const struct user_header h = { .flags = USER_FLAG_NO_REPLY };
	struct user_message m;
	struct pair w;

	pair_init(&w);
	assert_int_equal(user_wire_reply(&w.a, &h, NULL), 0);
	assert_int_equal(user_wire_refuse(&w.a, &h, EIO), 0);
	assert_int_equal(user_wire_receive(&w.b, &m, 0), -EAGAIN);
	pair_exit(&w);
}

/* A peer that reads nothing: given up, not waited for for ever. */
static void test_stuck(void **state)
{
	static uint8_t bytes[USER_MAX_PAYLOAD + 1];
	struct iovec iov = { bytes, USER_MAX_PAYLOAD };
	struct user_payload p = { .iov = &iov, .nr_iov = 1 };
	struct user_header h = { .id = 0 };
	struct pair w;

	pair_init(&w);
	w.a.send_timeout_ms = 1;
	assert_int_equal(user_wire_send(&w.a, &h, &p), -ETIMEDOUT);
	iov.iov_len++;
	assert_int_equal(user_wire_send(&w.a, &h, &p), -EMSGSIZE);
	pair_exit(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),	 cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_cut),	 cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_too_many), cmocka_unit_test(test_call),
		cmocka_unit_test(test_no_reply), cmocka_unit_test(test_stuck),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
