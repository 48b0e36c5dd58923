/* SPDX-License-Identifier: MIT */
/* Can one client, or the number of them, harm the server or the others? */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "base/fd_message.h"
#include "harness.h"

#define PING "{\"execute\":\"ping\"}"

struct fixture {
	struct server s;
	struct qmp_server *srv; /* the same, for handlers */
	int listen_fd;
	int taken; /* by do_take */
	char path[108];
	int watched; /* eventfd */
	unsigned int nr_callbacks;
};

static int do_ping(void *ctx, struct qmp_call *call, json_t *args,
		   json_t **ret_value, struct qmp_error *err)
{
	return 0;
}

static int do_take(void *ctx, struct qmp_call *call, json_t *args,
		   json_t **ret_value, struct qmp_error *err)
{
	const char *name = json_string_value(json_object_get(args, "fdname"));
	struct fixture *f = ctx;

	f->taken = qmp_call_take_fd(call, name);
	return f->taken < 0 ? f->taken : 0;
}

static void on_watched(void *ctx, int fd, short revents)
{
	struct fixture *f = ctx;

	assert_int_equal(fd, f->watched);
	f->nr_callbacks++;
	qmp_server_remove_fd(f->srv, fd);
	qmp_server_event(f->srv, "WATCHED", NULL);
}

static int do_watch(void *ctx, struct qmp_call *call, json_t *args,
		    json_t **ret_value, struct qmp_error *err)
{
	struct fixture *f = ctx;

	return qmp_server_add_fd(f->srv, f->watched, POLLIN, on_watched, f);
}

static const struct qmp_arg take_args[] = {
	{ "fdname", QMP_ARG_STRING, false },
	{ 0 },
};

static const struct qmp_command commands[] = {
	{ "ping", do_ping, NULL },
	{ "take", do_take, take_args },
	{ "watch", do_watch, NULL },
	{ 0 },
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const struct qmp_server_params params = { .commands = commands,
						  .ctx = f,
						  .package = "" };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	socklen_t bytes = sizeof(addr);

	assert_non_null(f);
	assert_int_equal(qmp_server_create(&params, &f->s.srv), 0);
	f->srv = f->s.srv;
	f->watched = eventfd(0, EFD_CLOEXEC);
	f->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* An abstract address of the kernel's choice: no file to leave. */
	assert_int_equal(bind(f->listen_fd, (struct sockaddr *)&addr,
			      sizeof(sa_family_t)),
			 0);
	assert_int_equal(listen(f->listen_fd, 32), 0);
	assert_int_equal(
		getsockname(f->listen_fd, (struct sockaddr *)&addr, &bytes), 0);
	memcpy(f->path, addr.sun_path, bytes - sizeof(sa_family_t));
	assert_int_equal(qmp_server_listen(f->srv, f->listen_fd), 0);
	server_start(&f->s);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	server_stop(&f->s);
	close(f->watched);
	free(f);
	return 0;
}

static int dial(struct fixture *f)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(addr.sun_path, f->path, sizeof(f->path));
	assert_int_equal(
		connect(fd, (struct sockaddr *)&addr, sizeof(sa_family_t) + 6),
		0);
	return fd;
}

static void test_sixteen(void **state)
{
	int fds[QMP_MAX_CLIENTS], extra;
	size_t i;

	for (i = 0; i < QMP_MAX_CLIENTS; i++) {
		fds[i] = dial(*state);
		negotiate(fds[i]);
	}
	extra = dial(*state);
	expect_part(extra, "Too many QMP clients");
	expect(extra, "");
	close(extra);
	for (i = 0; i < QMP_MAX_CLIENTS; i++) {
		put(fds[i], PING);
		expect(fds[i], RETURN_EMPTY);
	}
	/* All hear of an event. */
	qmp_server_event(((struct fixture *)*state)->srv, "STOP", NULL);
	for (i = 0; i < QMP_MAX_CLIENTS; i++)
		expect_part(fds[i], "\"event\": \"STOP\"");
	for (i = 0; i < QMP_MAX_CLIENTS; i++)
		close(fds[i]);
}

/* One that has hung up but never reads makes room for a new one. */
static void test_no_squatting(void **state)
{
	int fds[QMP_MAX_CLIENTS], extra, small = 1;
	struct fixture *f = *state;
	char *many = malloc(65536);
	size_t i, n;

	for (n = 0; n + sizeof(PING) < 65536; n += sizeof(PING) - 1)
		memcpy(many + n, PING, sizeof(PING));
	for (i = 0; i < QMP_MAX_CLIENTS; i++) {
		fds[i] = dial(f);
		setsockopt(fds[i], SOL_SOCKET, SO_RCVBUF, &small,
			   sizeof(small));
		negotiate(fds[i]);
	}
	/* Its replies fill its socket, so that its end stays unwritten. */
	for (i = 0; i < 4; i++)
		put(fds[0], many);
	shutdown(fds[0], SHUT_WR);
	/* The server has handled that when it answers the next question. */
	for (i = 0; i < 40; i++) {
		put(fds[1], PING);
		expect(fds[1], RETURN_EMPTY);
	}
	extra = dial(f);
	negotiate(extra);
	close(extra);
	for (i = 0; i < QMP_MAX_CLIENTS; i++)
		close(fds[i]);
	free(many);
}

static void test_killed_in_mid_message(void **state)
{
	int one = dial(*state), other = dial(*state);

	negotiate(one);
	negotiate(other);
	put(one, "{\"execute\":\"pi");
	close(one);
	put(other, PING);
	expect(other, RETURN_EMPTY);
	close(other);
}

/* Many commands, and no reply is ever read: dropped; the others don't wait. */
static void test_never_reads(void **state)
{
	int one = dial(*state), other = dial(*state);
	ssize_t n = 0;
	size_t i = 0;

	negotiate(one);
	negotiate(other);
	while (n >= 0 && i++ < 1000000)
		n = send(one, PING, strlen(PING), MSG_NOSIGNAL);
	assert_int_equal(n, -1);
	assert_true(errno == EPIPE || errno == ECONNRESET);
	put(other, PING);
	expect(other, RETURN_EMPTY);
	close(one);
	close(other);
}

/* An event for one that never reads is as good as a reply. */
static void test_event_storm(void **state)
{
	int one = dial(*state), other = dial(*state), i;
	struct fixture *f = *state;

	negotiate(one);
	negotiate(other);
	for (i = 0; i < 20000; i++) {
		while (qmp_server_event(f->srv, "STOP", NULL) == -ENOBUFS)
			sched_yield();
		expect_part(other, "STOP");
	}
	/* What was written before it was dropped is still there. */
	while (get_byte(one) >= 0)
		continue;
	close(one);
	close(other);
}

/* In pieces: the descriptor comes with the first byte. */
static void send_with_fds(int sock, const char *text, const int *fds, size_t nr)
{
	struct iovec iov = { (void *)(uintptr_t)text, strlen(text) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct fd_message with;

	fd_message_attach(&with, &msg, fds, (unsigned int)nr);
	assert_int_equal(sendmsg(sock, &msg, 0), iov.iov_len);
}

#define GETFD(name)                                                            \
	"{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"" name "\"}}"
#define TAKE(name)                                                             \
	"{\"execute\":\"take\",\"arguments\":{\"fdname\":\"" name "\"}}"
#define CLOSEFD(name)                                                          \
	"{\"execute\":\"closefd\",\"arguments\":{\"fdname\":\"" name "\"}}"

/* The other end of the pipe @end is closed everywhere. */
static void expect_closed(int end)
{
	expect(end, "");
	close(end);
}

static void test_fds(void **state)
{
	struct fixture *f = *state;
	int sock = dial(f), p[2][2], i;
	struct stat a, b;

	negotiate(sock);
	for (i = 0; i < 2; i++)
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, p[i]), 0);
	send_with_fds(sock, GETFD("a"), &p[0][0], 1);
	expect(sock, RETURN_EMPTY);
	put(sock, TAKE("b"));
	expect_part(sock, "No such file or directory");
	put(sock, TAKE("a"));
	expect(sock, RETURN_EMPTY);
	assert_int_equal(fstat(p[0][0], &a), 0);
	assert_int_equal(fstat(f->taken, &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	assert_true(fcntl(f->taken, F_GETFD) & FD_CLOEXEC);
	close(f->taken);
	close(p[0][0]);
	expect_closed(p[0][1]);
	/* closefd; taken twice. */
	send_with_fds(sock, GETFD("c"), &p[1][0], 1);
	expect(sock, RETURN_EMPTY);
	close(p[1][0]);
	put(sock, CLOSEFD("c"));
	expect(sock, RETURN_EMPTY);
	expect_closed(p[1][1]);
	put(sock, CLOSEFD("c"));
	expect_part(sock, "File descriptor named 'c' not found");
	close(sock);
}

/* None of the ways to send a descriptor in vain keeps it open. */
static void test_fds_in_vain(void **state)
{
	int sock = dial(*state), p[8][2], i;
	int many[QMP_MAX_FDS + 4];

	negotiate(sock);
	for (i = 0; i < 8; i++)
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, p[i]), 0);
	send_with_fds(sock, PING, &p[0][0], 1); /* unclaimed, then replaced */
	expect(sock, RETURN_EMPTY);
	send_with_fds(sock, GETFD("1"), &p[1][0], 1); /* a bad name */
	expect_part(sock, "a name not starting with a digit");
	send_with_fds(sock, GETFD("x"), &p[2][0], 1); /* replaced */
	expect(sock, RETURN_EMPTY);
	send_with_fds(sock, GETFD("x"), &p[3][0], 1);
	expect(sock, RETURN_EMPTY);
	for (i = 0; i < (int)QMP_MAX_FDS + 4; i++) /* more than fit */
		many[i] = p[4][0];
	send_with_fds(sock, PING, many, QMP_MAX_FDS + 4);
	expect(sock, RETURN_EMPTY);
	send_with_fds(sock, "{", &p[5][0], 1); /* unclaimed at the end */
	for (i = 0; i < 8; i++)
		close(p[i][0]);
	for (i = 0; i < 3; i++)
		expect_closed(p[i][1]);
	close(sock);
	for (i = 3; i < 8; i++)
		expect_closed(p[i][1]);
}

static void test_too_many_fds(void **state)
{
	char line[128];
	int sock = dial(*state), i, null = open("/dev/null", O_RDONLY);

	negotiate(sock);
	for (i = 0; i < (int)QMP_MAX_FDS + 1; i++) {
		snprintf(line, sizeof(line),
			 "{\"execute\":\"getfd\",\"arguments\":{\"fdname\":"
			 "\"f%d\"}}",
			 i);
		send_with_fds(sock, line, &null, 1);
		if (i < (int)QMP_MAX_FDS)
			expect(sock, RETURN_EMPTY);
		else
			expect_part(sock, "Too many open files");
	}
	close(null);
	close(sock);
}

static void test_watch(void **state)
{
	struct fixture *f = *state;
	uint64_t one = 1;
	int sock = dial(f);

	negotiate(sock);
	put(sock, "{\"execute\":\"watch\"}");
	expect(sock, RETURN_EMPTY);
	put(sock, "{\"execute\":\"watch\"}");
	expect_part(sock, "File exists");
	assert_int_equal(write(f->watched, &one, sizeof(one)), sizeof(one));
	expect_part(sock, "WATCHED");
	put(sock, PING); /* still readable, but removed: not called again */
	expect(sock, RETURN_EMPTY);
	assert_int_equal(f->nr_callbacks, 1);
	close(sock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sixteen, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_squatting, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_killed_in_mid_message,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_never_reads, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_event_storm, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_fds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fds_in_vain, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_too_many_fds, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_watch, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
