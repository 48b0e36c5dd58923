/* SPDX-License-Identifier: MIT */
/* What does a client get for what it sends, byte for byte? */
#include "harness.h"
#include "server_rows.h"

static int do_echo(void *ctx, struct qmp_call *call, json_t *args,
		   json_t **ret_value, struct qmp_error *err)
{
	*ret_value = json_incref(args);
	return 0;
}

static int do_fail(void *ctx, struct qmp_call *call, json_t *args,
		   json_t **ret_value, struct qmp_error *err)
{
	const char *text = json_string_value(json_object_get(args, "text"));

	*ret_value = json_object(); /* must be released, not sent */
	if (json_is_true(json_object_get(args, "device")))
		err->kind = QMP_DEVICE_NOT_FOUND;
	return text ? qmp_error_set(err, -EIO, "%s", text) : -EBUSY;
}

static int do_event(void *ctx, struct qmp_call *call, json_t *args,
		    json_t **ret_value, struct qmp_error *err)
{
	struct server *s = ctx;

	return qmp_server_event(s->srv, "STOP", NULL);
}

static int do_quit(void *ctx, struct qmp_call *call, json_t *args,
		   json_t **ret_value, struct qmp_error *err)
{
	struct server *s = ctx;

	qmp_server_event(s->srv, "SHUTDOWN",
			 json_pack("{s:b}", "guest", false));
	qmp_server_stop(s->srv);
	return 0;
}

static int do_unfit(void *ctx, struct qmp_call *call, json_t *args,
		    json_t **ret_value, struct qmp_error *err)
{
	*ret_value = json_object();
	/* What is no UTF-8 cannot be written. */
	json_object_set_new(*ret_value, "a", json_array());
	json_array_append_new(json_object_get(*ret_value, "a"),
			      json_stringn_nocheck("\xff", 1));
	return 0;
}

static const struct qmp_arg all_types[] = {
	{ "s", QMP_ARG_STRING, false },
	{ "i", QMP_ARG_INT, true },
	{ "z", QMP_ARG_SIZE, true },
	{ "b", QMP_ARG_BOOL, true },
	{ "o", QMP_ARG_OBJECT, true },
	{ "a", QMP_ARG_ARRAY, true },
	{ 0 },
};

static const struct qmp_arg fail_args[] = {
	{ "text", QMP_ARG_STRING, true },
	{ "device", QMP_ARG_BOOL, true },
	{ 0 },
};

static const struct qmp_command commands[] = {
	{ "echo", do_echo, all_types }, { "fail", do_fail, fail_args },
	{ "event", do_event, NULL },	{ "quit", do_quit, NULL },
	{ "unfit", do_unfit, NULL },	{ 0 },
};

static void create(struct server *s)
{
	const struct qmp_server_params params = {
		.commands = commands,
		.ctx = s,
		.major = 7,
		.minor = 2,
		.micro = 1,
		.package = "vmferry 0.1.0",
	};

	assert_int_equal(qmp_server_create(&params, &s->srv), 0);
}

static void exchange(int fd, const struct row *rows, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		put(fd, rows[i].in);
		if (!strcmp(rows[i].out, PARSE_ERROR))
			expect_part(fd, PARSE_ERROR);
		else
			expect(fd, rows[i].out);
	}
}

static void test_conversation(void **state)
{
	struct server s;
	int fd;

	create(&s);
	fd = server_connect(&s);
	server_start(&s);
	expect(fd, "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 1, "
		   "\"minor\": 2, \"major\": 7}, \"package\": \"vmferry "
		   "0.1.0\"}, \"capabilities\": []}}\r\n");
	exchange(fd, before, sizeof(before) / sizeof(*before));
	put(fd, CAPS);
	expect(fd, RETURN_EMPTY);
	exchange(fd, after, sizeof(after) / sizeof(*after));
	server_stop(&s);
	expect(fd, "");
	close(fd);
}

static void test_bytes(void **state)
{
	const char *p;
	char one[2] = "";
	struct server s;
	int fd;

	create(&s);
	fd = server_connect(&s);
	server_start(&s);
	expect_part(fd, "QMP");
	for (p = CAPS ECHO("\"i\":1"); *p; p++) {
		one[0] = *p;
		put(fd, one);
	}
	expect(fd, RETURN_EMPTY);
	expect(fd, "{\"return\": {\"s\": \"\", \"i\": 1}}\r\n");
	/* And many in one write. */
	put(fd, ECHO("\"i\":2") ECHO("\"i\":3") "foo\n" ECHO("\"i\":4"));
	expect_part(fd, "\"i\": 2");
	expect_part(fd, "\"i\": 3");
	expect_part(fd, "JSON parse error");
	expect_part(fd, "\"i\": 4");
	server_stop(&s);
	close(fd);
}

static void test_deep(void **state)
{
	char deep[4002];
	struct server s;
	int fd;

	memset(deep, '[', 4000);
	strcpy(deep + 4000, "\n");
	create(&s);
	fd = server_connect(&s);
	server_start(&s);
	negotiate(fd);
	put(fd, deep);
	expect(fd, GENERIC("JSON nesting depth limit exceeded"));
	put(fd, ECHO("\"i\":2"));
	expect_part(fd, "\"i\": 2");
	server_stop(&s);
	close(fd);
}

/* As much as it takes to be thrown out, and no byte more. */
static void test_long(void **state)
{
	char *big = malloc(QMP_MAX_MESSAGE_BYTES + 2);
	struct server s;
	int fd, other;

	memset(big, 'x', QMP_MAX_MESSAGE_BYTES + 1);
	memcpy(big, "{\"execute\":\"", 12);
	big[QMP_MAX_MESSAGE_BYTES + 1] = '\0';
	create(&s);
	fd = server_connect(&s);
	other = server_connect(&s);
	server_start(&s);
	negotiate(fd);
	negotiate(other);
	put(fd, big);
	expect(fd, GENERIC("JSON message size limit exceeded"));
	expect(fd, "");
	memcpy(big + QMP_MAX_MESSAGE_BYTES - 2, "\"}", 3);
	put(other, big);
	expect_part(other, "The command xxx");
	server_stop(&s);
	close(fd);
	close(other);
	free(big);
}

static void test_quit(void **state)
{
	struct server s;
	int fd;

	create(&s);
	fd = server_connect(&s);
	server_start(&s);
	negotiate(fd);
	put(fd, "{\"execute\":\"quit\"}{\"execute\":\"event\"}");
	pthread_join(s.thread, NULL); /* by itself */
	expect_part(fd, "\"event\": \"SHUTDOWN\", \"data\": {\"guest\": false");
	expect(fd, RETURN_EMPTY);
	qmp_server_destroy(s.srv);
	expect(fd, "");
	close(fd);
}

static void test_half_closed(void **state)
{
	struct server s;
	int fd;

	create(&s);
	fd = server_connect(&s);
	server_start(&s);
	put(fd, CAPS ECHO("\"i\":1"));
	shutdown(fd, SHUT_WR);
	expect_part(fd, "QMP");
	expect(fd, RETURN_EMPTY);
	expect_part(fd, "\"i\": 1");
	expect(fd, "");
	server_stop(&s);
	close(fd);
}

static void test_event_before_reply(void **state)
{
	struct server s;
	int fd, stranger;

	create(&s);
	fd = server_connect(&s);
	stranger = server_connect(&s);
	server_start(&s);
	negotiate(fd);
	expect_part(stranger, "QMP");
	put(fd, "{\"execute\":\"event\"}");
	expect_part(fd, "{\"timestamp\": {\"seconds\": ");
	expect(fd, RETURN_EMPTY);
	/* Not for those who have not negotiated yet. */
	put(stranger, CAPS);
	expect(stranger, RETURN_EMPTY);
	put(fd, "{\"execute\":\"event\"}");
	expect_part(stranger, "\"event\": \"STOP\"}\r\n");
	server_stop(&s);
	close(fd);
	close(stranger);
}

static void test_bad_event(void **state)
{
	struct server s;

	create(&s);
	assert_int_equal(qmp_server_event(s.srv, "\xff", NULL), -EINVAL);
	assert_int_equal(qmp_server_event(s.srv, "A", json_object()), 0);
	qmp_server_destroy(s.srv);
}

static void test_event_limit(void **state)
{
	struct server s;
	int i, ret = 0;

	create(&s);
	for (i = 0; !ret; i++)
		ret = qmp_server_event(s.srv, "A", NULL);
	assert_int_equal(ret, -ENOBUFS);
	assert_int_equal(i, 1025);
	qmp_server_destroy(s.srv);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conversation),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_quit),
		cmocka_unit_test(test_half_closed),
		cmocka_unit_test(test_event_before_reply),
		cmocka_unit_test(test_bad_event),
		cmocka_unit_test(test_event_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
