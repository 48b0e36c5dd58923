/* SPDX-License-Identifier: MIT */
/* Do our client and our server understand each other, with many threads? */
#include "harness.h"

static uint64_t soon(void)
{
	return clock_now_ns() + PATIENCE_MS * NSEC_PER_MSEC;
}

static int do_ping(void *ctx, struct qmp_call *call, json_t *args,
		   json_t **ret_value, struct qmp_error *err)
{
	*ret_value = json_incref(args);
	return qmp_server_event(((struct server *)ctx)->srv, "PING", NULL);
}

static int do_take(void *ctx, struct qmp_call *call, json_t *args,
		   json_t **ret_value, struct qmp_error *err)
{
	int fd = qmp_call_take_fd(call, "pipe");

	if (fd < 0)
		return fd;
	put(fd, "taken\n");
	close(fd);
	return 0;
}

static const struct qmp_arg ping_args[] = { { "n", QMP_ARG_SIZE, false },
					    { 0 } };
static const struct qmp_command commands[] = {
	{ "ping", do_ping, ping_args },
	{ "take", do_take, NULL },
	{ 0 },
};

static struct qmp_client *serve(struct server *s)
{
	const struct qmp_server_params params = {
		.commands = commands, .ctx = s, .major = 7, .package = "test"
	};
	struct qmp_client *c = NULL;
	int fd;

	assert_int_equal(qmp_server_create(&params, &s->srv), 0);
	fd = server_connect(s);
	server_start(s);
	assert_int_equal(qmp_client_connect(fd, PATIENCE_MS, &c, NULL), 0);
	return c;
}

static void *ping_often(void *ctx)
{
	json_t *value;
	int i;

	for (i = 0; i < 200; i++) {
		value = NULL;
		if (qmp_client_execute(ctx, "ping", json_pack("{s:i}", "n", i),
				       PATIENCE_MS, &value, NULL))
			return ctx;
		if (json_integer_value(json_object_get(value, "n")) != i)
			return ctx;
		json_decref(value);
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct qmp_event e;
	struct server s;
	struct qmp_client *c = serve(&s);
	pthread_t threads[4];
	void *bad;
	size_t i;

	for (i = 0; i < 4; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, ping_often, c), 0);
	for (i = 0; i < 800; i++) {
		assert_int_equal(qmp_client_wait_event(c, "PING", soon(), &e),
				 0);
		qmp_event_exit(&e);
	}
	for (i = 0; i < 4; i++) {
		pthread_join(threads[i], &bad);
		assert_null(bad);
	}
	qmp_client_destroy(c);
	server_stop(&s);
}

static void test_send_fd(void **state)
{
	struct error err = { "" };
	struct server s;
	struct qmp_client *c = serve(&s);
	int p[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, p), 0);
	assert_int_equal(qmp_client_send_fd(c, p[0], "pipe", PATIENCE_MS, NULL),
			 0);
	assert_int_equal(
		qmp_client_execute(c, "take", NULL, PATIENCE_MS, NULL, NULL),
		0);
	close(p[0]);
	expect(p[1], "taken\n");
	expect(p[1], "");
	close(p[1]);
	assert_int_equal(qmp_client_send_fd(c, 0, "1", PATIENCE_MS, &err),
			 -EREMOTEIO);
	assert_string_equal(err.text, "Parameter 'fdname' expects a name not "
				      "starting with a digit");
	qmp_client_destroy(c);
	server_stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_send_fd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
