/* SPDX-License-Identifier: MIT */
/* What becomes of output that a client does not read at once? */
#include "harness.h"

static int do_quit(void *ctx, struct qmp_call *call, json_t *args,
		   json_t **ret_value, struct qmp_error *err)
{
	struct server *s = ctx;

	qmp_server_event(s->srv, "SHUTDOWN",
			 json_pack("{s:b}", "guest", false));
	qmp_server_stop(s->srv);
	return 0;
}

static const struct qmp_command commands[] = {
	{ "quit", do_quit, NULL },
	{ 0 },
};

static void create(struct server *s)
{
	const struct qmp_server_params params = { .commands = commands,
						  .ctx = s,
						  .package = "" };

	assert_int_equal(qmp_server_create(&params, &s->srv), 0);
}

#define BATCH 1000
#define NO_OBJECT                                                              \
	"{\"error\": {\"class\": \"GenericError\", \"desc\": \"QMP input must be a JSON object\"}}\r\n"

/* Asks for more than a socket holds. */
static void put_batch(int fd)
{
	char many[2 * BATCH + 1];
	int i;

	for (i = 0; i < 2 * BATCH; i += 2)
		memcpy(many + i, "[]", 3);
	put(fd, many);
}

/* Replies that do not fit into its socket at once are not lost either. */
static void test_half_closed_late_reader(void **state)
{
	struct server s;
	int fd, i;

	create(&s);
	fd = server_connect(&s);
	server_start(&s);
	negotiate(fd);
	put_batch(fd);
	shutdown(fd, SHUT_WR);
	for (i = 0; i < BATCH; i++)
		expect(fd, NO_OBJECT);
	expect(fd, "");
	server_stop(&s);
	close(fd);
}

/* The server has answered all that was put before, on any connection. */
static void settle(int fd)
{
	int i;

	for (i = 0; i < 2; i++) {
		put(fd, "[]");
		expect(fd, NO_OBJECT);
	}
}

/* Always behind by more than a socket holds; over all more than the queue. */
static void test_slow_reader(void **state)
{
	int i, nr_batches = 2 * QMP_MAX_QUEUE_BYTES / BATCH / 80, fd, other;
	char *data = malloc(BATCH * sizeof(NO_OBJECT));
	size_t want = BATCH * (sizeof(NO_OBJECT) - 1);
	struct server s;

	create(&s);
	fd = server_connect(&s);
	other = server_connect(&s);
	server_start(&s);
	negotiate(fd);
	negotiate(other);
	for (i = 0; i < 6 + nr_batches; i++) {
		put_batch(fd);
		settle(other);
		if (i >= 6)
			assert_int_equal(recv(fd, data, want, MSG_WAITALL),
					 want);
	}
	server_stop(&s);
	close(fd);
	close(other);
	free(data);
}

/* What was queued when it stopped still comes. */
static void test_quit_with_queue(void **state)
{
	struct server s;
	int fd, i;

	create(&s);
	fd = server_connect(&s);
	server_start(&s);
	negotiate(fd);
	put_batch(fd);
	put(fd, "{\"execute\":\"quit\"}");
	for (i = 0; i < BATCH; i++)
		expect(fd, NO_OBJECT);
	expect_part(fd, "SHUTDOWN");
	expect(fd, RETURN_EMPTY);
	pthread_join(s.thread, NULL);
	qmp_server_destroy(s.srv);
	close(fd);
}

/* But not for ever: this one never reads. */
static void test_quit_with_stuck_client(void **state)
{
	struct server s;
	int fd;

	create(&s);
	fd = server_connect(&s);
	server_start(&s);
	negotiate(fd);
	put_batch(fd);
	put(fd, "{\"execute\":\"quit\"}");
	pthread_join(s.thread, NULL);
	qmp_server_destroy(s.srv);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_half_closed_late_reader),
		cmocka_unit_test(test_slow_reader),
		cmocka_unit_test(test_quit_with_queue),
		cmocka_unit_test(test_quit_with_stuck_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
