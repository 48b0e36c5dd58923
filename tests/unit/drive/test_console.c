/* SPDX-License-Identifier: MIT */
/* Does the console find its replies and events whatever the guest writes? */
#include "drive/console.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit/unit.h"

#define SOON_MS 10000 /* for what must come: never waited out */

struct port {
	int guest; /* the guest's end */
	struct console *console;
};

static int set_up(void **state)
{
	struct port *p = calloc(1, sizeof(*p));
	struct error err = { "" };
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	p->guest = fd[1];
	assert_int_equal(console_create(fd[0], NULL, &p->console, &err), 0);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct port *p = *state;

	console_destroy(p->console);
	if (p->guest >= 0)
		close(p->guest);
	free(p);
	return 0;
}

static void say_bytes(struct port *p, const void *bytes, size_t nr)
{
	assert_int_equal(write(p->guest, bytes, nr), nr);
}

static void say(struct port *p, const char *text)
{
	say_bytes(p, text, strlen(text));
}

/* What came at the guest's end, up to a newline. */
static void hear(struct port *p, const char *want)
{
	char line[CONSOLE_LINE_BYTES];
	size_t n = 0;

	while (read(p->guest, &line[n], 1) == 1 && line[n] != '\n')
		assert_true(++n < sizeof(line));
	line[n] = '\0';
	assert_string_equal(line, want);
}

/* Returns when the reader has taken in all that was said before. */
static void settle(struct port *p)
{
	say(p, "event settled\n");
	assert_int_equal(
		console_wait_event(p->console, "settled", SOON_MS, NULL, NULL),
		0);
}

static void expect_event(struct port *p, const char *name, const char *text)
{
	struct console_line line;
	struct error err = { "" };

	if (console_wait_event(p->console, name, SOON_MS, &line, &err))
		fail_msg("%s", err.text);
	assert_string_equal(line.text, text);
	assert_true(line.arrived_ns > 0);
}

/* One command at the other end: hears it, then says @answer. */
struct answer {
	struct port *port;
	const char *command, *answer;
	pthread_t thread;
};

static void *answer(void *arg)
{
	struct answer *a = arg;

	hear(a->port, a->command);
	say(a->port, a->answer);
	return NULL;
}

static int command(struct port *p, const char *text, const char *reply,
		   struct console_line *line, struct error *err)
{
	struct answer a = { .port = p, .command = text, .answer = reply };
	int rc;

	assert_int_equal(pthread_create(&a.thread, NULL, answer, &a), 0);
	rc = console_command(p->console, SOON_MS, line, err, "%s", text);
	pthread_join(a.thread, NULL);
	return rc;
}

static void test_replies(void **state)
{
	static const struct {
		const char *answer;
		int rc;
		const char *text; /* of the reply, or part of the sentence */
	} rows[] = {
		{ "ok\n", 0, "" },
		{ "ok a=1 b=2\n", 0, "a=1 b=2" },
		{ "ok a=1\r\n", 0, "a=1" },
		{ "\n\n  \nnoise\nok x\n", 0, "x" },
		{ "okay\nerrors\nokx 1\nok y\n", 0, "y" },
		{ "event one\nok z\nevent two\n", 0, "z" },
		{ "error no such thing\n", -EINVAL, "no such thing" },
		{ "error\n", -EINVAL, "no reason" },
		{ "ok \x1b[31m\x01\x7f\xff\n", 0, "?[31m???" },
	};
	struct console_line line;
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct error err = { "" };
		int rc = command(*state, "do it", rows[i].answer, &line, &err);

		assert_int_equal(rc, rows[i].rc);
		if (!rc)
			assert_string_equal(line.text, rows[i].text);
		else if (!strstr(err.text, rows[i].text))
			fail_msg("'%s' lacks '%s'", err.text, rows[i].text);
	}
}

static void test_nul_ends_no_line(void **state)
{
	struct port *p = *state;

	say_bytes(p, "event a\0b\n\0ok\n", 14);
	expect_event(p, "a?b", "a?b");
}

static void test_events_keep_their_order(void **state)
{
	struct port *p = *state;
	struct console_line line;

	say(p, "event a 1\nok stray\nevent b 1\nevent a 2\nevent ab\n");
	expect_event(p, "b", "b 1");
	expect_event(p, "a", "a 1");
	expect_event(p, "a", "a 2");
	expect_event(p, "ab", "ab");
	/* The stray reply is not the next command's. */
	settle(p);
	assert_int_equal(command(p, "x", "ok mine\n", &line, NULL), 0);
	assert_string_equal(line.text, "mine");
}

static void test_pieces(void **state)
{
	struct port *p = *state;
	const char *text = "event pieces k=7\n";

	for (; *text; text++)
		say_bytes(p, text, 1);
	expect_event(p, "pieces", "pieces k=7");
}

static void test_endless_line_is_cut(void **state)
{
	struct port *p = *state;
	struct console_line line;
	char chunk[1000];
	int i;

	memset(chunk, 'x', sizeof(chunk));
	say(p, "event long ");
	for (i = 0; i < 100; i++)
		say_bytes(p, chunk, sizeof(chunk));
	say(p, "\nevent after\n");
	assert_int_equal(
		console_wait_event(p->console, "long", SOON_MS, &line, NULL),
		0);
	assert_int_equal(strlen(line.text), CONSOLE_LINE_BYTES - 1 - 6);
	expect_event(p, "after", "after");
}

static void test_full_queue_drops_the_oldest(void **state)
{
	struct port *p = *state;
	char text[32];
	int i;

	for (i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "event n%d\n", i);
		say(p, text);
	}
	settle(p);
	/* 100 and `settled` in a queue of 64: n37 is the oldest left. */
	assert_int_equal(console_wait_event(p->console, "n36", 0, NULL, NULL),
			 -ETIMEDOUT);
	expect_event(p, "n37", "n37");
	expect_event(p, "n99", "n99");
}

static void test_late_reply_is_nobodys(void **state)
{
	struct port *p = *state;
	struct console_line line;
	struct error err = { "" };

	assert_int_equal(console_command(p->console, 1, NULL, &err, "slow"),
			 -ETIMEDOUT);
	assert_non_null(strstr(err.text, "within 1 ms"));
	hear(p, "slow");
	/* It comes after the next command has been sent. */
	assert_int_equal(command(p, "next", "ok slow\nok next\n", &line, NULL),
			 0);
	assert_string_equal(line.text, "next");
	/* And before it. */
	assert_int_equal(console_command(p->console, 1, NULL, NULL, "slow"),
			 -ETIMEDOUT);
	hear(p, "slow");
	say(p, "error slow\n");
	settle(p);
	assert_int_equal(command(p, "next", "ok next\n", &line, NULL), 0);
	assert_string_equal(line.text, "next");
}

static void test_end_of_file(void **state)
{
	struct port *p = *state;
	struct error err = { "" };

	/* What came before still counts; half a line doesn't. */
	say(p, "event last\nevent half");
	close(p->guest);
	p->guest = -1;
	expect_event(p, "last", "last");
	assert_int_equal(
		console_wait_event(p->console, "half", SOON_MS, NULL, &err),
		-ENODATA);
	assert_non_null(strstr(err.text, "closed"));
	assert_true(console_command(p->console, SOON_MS, NULL, NULL, "x") < 0);
}

static void test_panic_ends_every_wait(void **state)
{
	struct port *p = *state;
	struct error err = { "" };

	say(p, "event first\nevent panics\nevent panic vector=14\n");
	expect_event(p, "first", "first");
	assert_int_equal(
		console_wait_event(p->console, "never", SOON_MS, NULL, &err),
		-EIO);
	assert_string_equal(err.text, "the guest failed: panic vector=14");
	assert_int_equal(console_command(p->console, SOON_MS, NULL, NULL, "x"),
			 -EIO);
}

static void test_refuses_odd_commands(void **state)
{
	struct port *p = *state;
	char big[CONSOLE_COMMAND_BYTES + 1];

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	assert_int_equal(console_command(p->console, 1, NULL, NULL, "%s", big),
			 -EINVAL);
	assert_int_equal(console_command(p->console, 1, NULL, NULL, "a\nb"),
			 -EINVAL);
	assert_int_equal(console_command(p->console, 1, NULL, NULL, "a\r"),
			 -EINVAL);
	/* Nothing of them was sent. */
	assert_int_equal(command(p, "fine", "ok\n", NULL, NULL), 0);
}

static void *wait_for_ticks(void *arg)
{
	struct port *p = arg;
	int i;

	for (i = 0; i < 50; i++)
		if (console_wait_event(p->console, "tick", SOON_MS, NULL, NULL))
			return p;
	return NULL;
}

static void test_two_threads(void **state)
{
	struct port *p = *state;
	struct console_line line;
	pthread_t thread;
	void *failed;
	int i;

	assert_int_equal(pthread_create(&thread, NULL, wait_for_ticks, p), 0);
	for (i = 0; i < 50; i++) {
		assert_int_equal(
			command(p, "c", "event tick\nok done\n", &line, NULL),
			0);
		assert_string_equal(line.text, "done");
	}
	pthread_join(thread, &failed);
	assert_null(failed);
}

static void test_log(void **state)
{
	struct error err = { "" };
	char path[] = "/tmp/vmferry-test-XXXXXX", text[128];
	struct console *c;
	int fd[2], file = mkstemp(path);
	ssize_t n;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	assert_int_equal(console_create(fd[0], path, &c, &err), 0);
	assert_int_equal(write(fd[1], "a\x1b\nevent e\n", 11), 11);
	assert_int_equal(console_wait_event(c, "e", SOON_MS, NULL, NULL), 0);
	console_destroy(c);
	n = read(file, text, sizeof(text) - 1);
	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(strstr(text, " a?\n"));
	assert_non_null(strstr(text, " event e\n"));
	close(fd[1]);
	close(file);
	unlink(path);
}

#define WITH_PORT(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PORT(test_replies),
		WITH_PORT(test_nul_ends_no_line),
		WITH_PORT(test_events_keep_their_order),
		WITH_PORT(test_pieces),
		WITH_PORT(test_endless_line_is_cut),
		WITH_PORT(test_full_queue_drops_the_oldest),
		WITH_PORT(test_late_reply_is_nobodys),
		WITH_PORT(test_end_of_file),
		WITH_PORT(test_panic_ends_every_wait),
		WITH_PORT(test_refuses_odd_commands),
		WITH_PORT(test_two_threads),
		cmocka_unit_test(test_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
