/* SPDX-License-Identifier: MIT */
/* Does the client stand a server that lies, storms or dies? */
#include "harness.h"

#define GREETING                                                               \
	"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 3, \"minor\": 2, "     \
	"\"major\": 7}, \"package\": \"Debian\"}, \"capabilities\": "          \
	"[\"oob\"]}}\r\n"
#define READY GREETING, "{\"return\": {}, \"id\": 1}\r\n"
#define NO_QMP "the peer sent something that is no QMP"

/* A server that says its lines in turn, one for each line that it hears. */
struct liar {
	const char *lines[5]; /* [0] unasked; NULL = hangs up */
	bool mute; /* at the end it stays instead of hanging up */
	int fd;
	pthread_t thread;
};

static void *lie(void *ctx)
{
	struct liar *l = ctx;
	char line[256];
	size_t i;

	for (i = 0; i < 5 && l->lines[i]; i++) {
		if (i && !*get(l->fd, line, sizeof(line)))
			break;
		if (send(l->fd, l->lines[i], strlen(l->lines[i]),
			 MSG_NOSIGNAL) < 0)
			break;
	}
	while (l->mute && get_byte(l->fd) >= 0)
		continue;
	shutdown(l->fd, SHUT_RDWR);
	return NULL;
}

static int liar_start(struct liar *l)
{
	int fds[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	l->fd = fds[0];
	assert_int_equal(pthread_create(&l->thread, NULL, lie, l), 0);
	return fds[1];
}

static void liar_stop(struct liar *l)
{
	pthread_join(l->thread, NULL);
	close(l->fd);
}

struct row {
	struct liar liar;
	int ret; /* of connect, or else of the first command */
	const char *sentence;
	int timeout_ms; /* 0 = patience */
};

static const struct row bad_servers[] = {
	{ { .lines = { NULL } },
	  -ENODATA,
	  "QMP: the peer closed the connection",
	  0 },
	{ { .lines = { "" }, .mute = true },
	  -ETIMEDOUT,
	  "QMP: no greeting within 20 ms",
	  20 },
	{ { .lines = { "HTTP/1.1 400 Bad Request\r\n\r\n" } },
	  -EPROTO,
	  "QMP: the peer is no QMP server",
	  0 },
	{ { .lines = { "garbage without an end" }, .mute = true },
	  -EPROTO,
	  "QMP: the peer is no QMP server",
	  0 },
	{ { .lines = { "{\"QMP\": " } },
	  -ENODATA,
	  "QMP: the peer went away in mid-message",
	  0 },
	{ { .lines = { "{\"QMP\": {}}" }, .mute = true },
	  -EPROTO,
	  "QMP: the peer is no QMP server",
	  0 },
	{ { .lines = { "{\"QMP\" {}}" }, .mute = true },
	  -EPROTO,
	  "QMP: the peer is no QMP server",
	  0 },
	{ { .lines = { "{\"QMP\": 5}" } },
	  -EPROTO,
	  "QMP: the peer is no QMP server",
	  0 },
	{ { .lines = { "[]" } }, -EPROTO, "QMP: the peer is no QMP server", 0 },
	{ { .lines = { "{\"return\": {}, \"id\": 1}" } },
	  -EPROTO,
	  "QMP: the peer is no QMP server",
	  0 },
	{ { .lines = { "{\"error\": {\"class\": \"GenericError\", \"desc\": \"Too "
		       "many\"}}" } },
	  -EPROTO,
	  "QMP: Too many",
	  0 },
	{ { .lines = { GREETING } },
	  -ENODATA,
	  "QMP qmp_capabilities: the peer closed the connection",
	  0 },
	{ { .lines = { GREETING }, .mute = true },
	  -ETIMEDOUT,
	  "QMP qmp_capabilities: no reply within",
	  50 },
	{ { .lines = { GREETING,
		       "{\"error\": {\"class\": \"GenericError\", \"desc\": "
		       "\"go\\naway \\u001b[2J\"}, \"id\": 1}" },
	    .mute = true },
	  -EREMOTEIO,
	  "go?away ?[2J",
	  0 },
	/* Negotiated; now the command. */
	{ { .lines = { READY } },
	  -ENODATA,
	  "QMP stop: the peer closed the connection",
	  0 },
	{ { .lines = { READY, "{\"return\": " } },
	  -ENODATA,
	  "QMP stop: the peer went away in mid-message",
	  0 },
	{ { .lines = { READY, "{\"return\": {}" }, .mute = true },
	  -ETIMEDOUT,
	  "QMP stop: no reply within 50 ms",
	  50 },
	{ { .lines = { READY,
		       "{\"return\": {}, \"id\": 1}\r\n{\"return\": {}, \"id\": "
		       "\"2\"}{\"return\": {}}" },
	    .mute = true },
	  -ETIMEDOUT,
	  "QMP stop: no reply within 50 ms",
	  50 },
	{ { .lines = { READY,
		       "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": "
		       "\"unknown\"}, \"id\": 2}" } },
	  -ENOSYS,
	  "unknown",
	  0 },
	{ { .lines = { READY,
		       "{\"error\": {\"class\": 5, \"desc\": \"unread\"}}" } },
	  -EREMOTEIO,
	  "unread",
	  0 },
	{ { .lines = { READY, "{\"error\": \"unread\"}" } },
	  -EPROTO,
	  "QMP stop: the peer sent a malformed error",
	  0 },
	{ { .lines = { READY, "{\"event\": 5}" } },
	  -EPROTO,
	  "QMP stop: the peer sent a malformed event",
	  0 },
	{ { .lines = { READY, "{\"event\": \"A\", \"data\": []}" } },
	  -EPROTO,
	  "QMP stop: the peer sent a malformed event",
	  0 },
	{ { .lines = { READY, "{\"a\": 1}" } },
	  -EPROTO,
	  "QMP stop: " NO_QMP,
	  0 },
	{ { .lines = { READY, "nonsense" } }, -EPROTO, "QMP stop: " NO_QMP, 0 },
	{ { .lines = { READY, "{\"return\": \"\xff\", \"id\": 2}" } },
	  -EPROTO,
	  "QMP stop: " NO_QMP,
	  0 },
};

static void check_row(const struct row *row)
{
	int timeout_ms = row->timeout_ms ? row->timeout_ms : PATIENCE_MS, ret;
	struct qmp_client *client = NULL;
	struct error err = { "" };
	struct liar liar = row->liar;

	ret = qmp_client_connect(liar_start(&liar), timeout_ms, &client, &err);
	if (!ret)
		ret = qmp_client_execute(client, "stop", NULL, timeout_ms, NULL,
					 &err);
	assert_string_equal(strstr(err.text, row->sentence) ? row->sentence
							    : err.text,
			    row->sentence);
	assert_int_equal(ret, row->ret);
	qmp_client_destroy(client);
	liar_stop(&liar);
}

static void test_bad_servers(void **state)
{
	size_t i;

	for (i = 0; i < sizeof(bad_servers) / sizeof(*bad_servers); i++)
		check_row(&bad_servers[i]);
}

static struct qmp_client *client_of(struct liar *l)
{
	struct qmp_client *client = NULL;
	struct error err = { "" };

	qmp_client_connect(liar_start(l), PATIENCE_MS, &client, &err);
	assert_string_equal(err.text, "");
	assert_non_null(client);
	return client;
}

static void test_good(void **state)
{
	struct liar l = { .lines = { READY,
				     "{\"return\": {\"a\": 5}, \"id\": 2}" },
			  .mute = true };
	struct qmp_client *c = client_of(&l);
	json_t *value = NULL;
	int ret;

	assert_string_equal(qmp_client_version(c), "7.2.3 (Debian)");
	assert_int_equal(qmp_client_peer_pid(c), getpid());
	assert_int_equal(qmp_client_status(c), 0);
	ret = qmp_client_execute(c, "query", json_pack("{s:i}", "x", 1),
				 PATIENCE_MS, &value, NULL);
	assert_int_equal(ret, 0);
	assert_int_equal(json_integer_value(json_object_get(value, "a")), 5);
	json_decref(value);
	assert_int_equal(
		qmp_client_execute(c, "\xff", json_object(), 10, NULL, NULL),
		-EINVAL);
	qmp_client_destroy(c);
	liar_stop(&l);
}

/* The reply to a command that was given up is nobody's. */
static void test_late_reply(void **state)
{
	struct liar l = {
		.lines = { READY, "{\"event\": \"A\"}",
			   "{\"return\": {\"late\": 1}, \"id\": 2}{\"return\": "
			   "{\"late\": 0}, \"id\": 3}" },
		.mute = true
	};
	struct qmp_client *c = client_of(&l);
	json_t *value = NULL;
	int ret;

	ret = qmp_client_execute(c, "one", NULL, 20, NULL, NULL);
	assert_int_equal(ret, -ETIMEDOUT);
	ret = qmp_client_execute(c, "two", NULL, PATIENCE_MS, &value, NULL);
	assert_int_equal(ret, 0);
	assert_int_equal(json_integer_value(json_object_get(value, "late")), 0);
	json_decref(value);
	qmp_client_destroy(c);
	liar_stop(&l);
}

static uint64_t soon(void)
{
	return clock_now_ns() + PATIENCE_MS * NSEC_PER_MSEC;
}

static void test_events(void **state)
{
	struct liar l = {
		.lines = { READY,
			   "{\"event\": \"A\", \"timestamp\": {\"seconds\": 5, "
			   "\"microseconds\": 7}}{\"event\": \"B\", \"data\": "
			   "{\"x\": 1}, \"timestamp\": {\"seconds\": -1, "
			   "\"microseconds\": -1}}{\"event\": \"C\"}{\"return\": "
			   "{}, \"id\": 2}" },
		.mute = true
	};
	uint64_t begin_ns = clock_now_ns();
	struct qmp_client *c = client_of(&l);
	struct qmp_event e;

	assert_int_equal(qmp_client_wait_event(c, NULL, 0, &e), -ETIMEDOUT);
	assert_int_equal(qmp_client_execute(c, "x", NULL, -1, NULL, NULL), 0);
	/* What came before the reply is there without waiting. */
	assert_int_equal(qmp_client_wait_event(c, "B", 0, &e), 0);
	assert_string_equal(e.name, "B");
	assert_int_equal(json_integer_value(json_object_get(e.data, "x")), 1);
	assert_int_equal(e.sent_us, -1);
	qmp_event_exit(&e);
	assert_int_equal(qmp_client_wait_event(c, NULL, soon(), &e), 0);
	assert_string_equal(e.name, "A");
	assert_null(e.data);
	assert_int_equal(e.sent_us, 5000007);
	assert_true(e.arrived_ns > begin_ns && e.arrived_ns < clock_now_ns());
	qmp_event_exit(&e);
	assert_int_equal(qmp_client_wait_event(c, "C", 0, &e), 0);
	qmp_event_exit(&e);
	assert_int_equal(qmp_client_wait_event(c, "C", 0, &e), -ETIMEDOUT);
	qmp_client_destroy(c);
	liar_stop(&l);
}

static void count(void *ctx, const struct qmp_event *event)
{
	assert_string_equal(event->name, "A");
	++*(uint64_t *)ctx;
}

/* More than fit: the newest stay, the loss is counted, nothing stands still. */
static void test_event_storm(void **state)
{
	const uint64_t nr = QMP_CLIENT_MAX_EVENTS + 1000;
	char *storm = calloc(nr + 8, sizeof("{\"event\": \"A\"}"));
	struct liar l = { .lines = { READY, storm,
				     "{\"return\": {}, \"id\": 3}" },
			  .mute = true };
	struct qmp_client *c = client_of(&l);
	uint64_t seen = 0, left = 0, i;
	struct qmp_event e;
	char *end = storm;

	for (i = 0; i < nr; i++)
		end = stpcpy(end, "{\"event\": \"A\"}");
	strcpy(end, "{\"return\": {}, \"id\": 2}");
	qmp_client_set_event_cb(c, count, &seen);
	assert_int_equal(qmp_client_execute(c, "x", NULL, -1, NULL, NULL), 0);
	qmp_client_set_event_cb(c, NULL, NULL);
	assert_int_equal(seen, nr);
	assert_int_equal(qmp_client_dropped_events(c), 1000);
	for (; !qmp_client_wait_event(c, NULL, 0, &e); left++)
		qmp_event_exit(&e);
	assert_int_equal(left, QMP_CLIENT_MAX_EVENTS);
	assert_int_equal(qmp_client_execute(c, "y", NULL, -1, NULL, NULL), 0);
	qmp_client_destroy(c);
	liar_stop(&l);
	free(storm);
}

/* Who waits for an event hears that the peer has died. */
static void test_wait_for_the_dead(void **state)
{
	struct liar l = {
		.lines = { READY, "{\"event\": \"A\"}{\"return\": {}, \"id\": "
				  "2}" }
	};
	struct qmp_client *c = client_of(&l);
	struct error err = { "" };
	struct qmp_event e;

	assert_int_equal(qmp_client_execute(c, "x", NULL, -1, NULL, NULL), 0);
	assert_int_equal(qmp_client_wait_event(c, "B", soon(), &e), -ENODATA);
	assert_int_equal(qmp_client_wait_event(c, "A", soon(), &e), 0);
	qmp_event_exit(&e);
	assert_int_equal(qmp_client_status(c), -ENODATA);
	assert_int_equal(
		qmp_client_execute(c, "x", json_object(), -1, NULL, &err),
		-ENODATA);
	assert_string_equal(err.text, "QMP x: the peer closed the connection");
	qmp_client_destroy(c);
	liar_stop(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_servers),
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_late_reply),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_event_storm),
		cmocka_unit_test(test_wait_for_the_dead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
