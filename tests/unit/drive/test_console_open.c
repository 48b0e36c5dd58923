/* SPDX-License-Identifier: MIT */
/* Is somebody else's serial port taken as it is, and a wait given up? */
#include "drive/console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "base/address.h"
#include "unit/unit.h"

#define SOON_MS 10000

static void say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void expect_ready(struct console *c)
{
	struct error err = { "" };

	if (console_wait_event(c, "ready", SOON_MS, NULL, &err))
		fail_msg("%s", err.text);
}

/* What comes out at the other end of a terminal is what went in, and nothing
 * of what the guest said. */
static void test_terminal(void **state)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios before, after;
	struct error err = { "" };
	struct console *c;
	char text[64] = "";
	ssize_t n;

	if (fd < 0 || grantpt(fd) || unlockpt(fd) || tcgetattr(fd, &before))
		skip();
	if (console_open(ptsname(fd), NULL, &c, &err))
		fail_msg("%s", err.text);
	say(fd, "event ready\n");
	expect_ready(c);
	/* Nobody answers; it is the sending that counts. */
	assert_int_equal(console_command(c, 1, NULL, NULL, "stats"),
			 -ETIMEDOUT);
	n = read(fd, text, sizeof(text) - 1);
	assert_true(n > 0);
	assert_string_equal(text, "stats\n");
	assert_int_equal(tcgetattr(fd, &after), 0);
	assert_int_not_equal(after.c_lflag, before.c_lflag);
	console_destroy(c);
	/* As it was. */
	assert_int_equal(tcgetattr(fd, &after), 0);
	assert_int_equal(after.c_lflag, before.c_lflag);
	assert_int_equal(after.c_iflag, before.c_iflag);
	assert_int_equal(after.c_oflag, before.c_oflag);
	close(fd);
}

static void test_socket(void **state)
{
	char dir[] = "/tmp/vmferry-test-XXXXXX", path[64], address[80];
	struct error err = { "" };
	struct console *c;
	int listen_fd, fd;
	size_t skipped;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/com1", dir);
	snprintf(address, sizeof(address), "unix:%s", path);
	assert_int_equal(console_open(address, NULL, &c, &err), -ENOENT);
	assert_non_null(strstr(err.text, path));
	assert_int_equal(console_open("nonsense", NULL, &c, NULL), -EINVAL);
	assert_int_equal(address_listen(address, &listen_fd, &err), 0);
	/* By its address, and by its path alone. */
	for (skipped = 0; skipped <= 5; skipped += 5) {
		assert_int_equal(
			console_open(address + skipped, NULL, &c, &err), 0);
		assert_int_equal(address_accept(listen_fd, SOON_MS, &fd, &err),
				 0);
		say(fd, "event ready\n");
		expect_ready(c);
		console_destroy(c);
		close(fd);
	}
	close(listen_fd);
	unlink(path);
	rmdir(dir);
}

static atomic_bool interrupted;

static bool is_interrupted(void)
{
	return atomic_load(&interrupted);
}

static void test_pending(void **state)
{
	struct error err = { "" };
	struct console *c;
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	assert_int_equal(console_create(fd[0], NULL, &c, &err), 0);
	console_set_pending(c, is_interrupted);
	/* Not yet: what comes is taken. */
	say(fd[1], "event ready\n");
	expect_ready(c);
	atomic_store(&interrupted, true);
	assert_int_equal(console_wait_event(c, "never", SOON_MS, NULL, &err),
			 -ECANCELED);
	assert_int_equal(console_command(c, SOON_MS, NULL, NULL, "verify"),
			 -ECANCELED);
	/* Its reply is nobody's, also when nobody is interrupted any more. */
	console_set_pending(c, NULL);
	say(fd[1], "ok late\nok stopped\n");
	say(fd[1], "event ready\n");
	expect_ready(c);
	assert_int_equal(console_command(c, 1, NULL, NULL, "stop"), -ETIMEDOUT);
	console_destroy(c);
	close(fd[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_socket),
		cmocka_unit_test(test_pending),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
