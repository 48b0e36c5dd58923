/* SPDX-License-Identifier: MIT */
/* Are sockets found, refused and replaced as base/address promises? */
#include "base/address.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/unit.h"

struct place {
	char dir[64];
	char path[96]; /* no file there at first */
	char unix_address[128];
};

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	if (!p)
		return -1;
	strcpy(p->dir, "/tmp/vmferry-test-XXXXXX");
	if (!mkdtemp(p->dir))
		return -1;
	snprintf(p->path, sizeof(p->path), "%s/s", p->dir);
	snprintf(p->unix_address, sizeof(p->unix_address), "unix:%s", p->path);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	unlink(p->path);
	rmdir(p->dir);
	free(p);
	return 0;
}

static int must_listen(const char *address)
{
	struct error err = { "" };
	int fd = -1;

	if (address_listen(address, &fd, &err))
		fail_msg("%s", err.text);
	return fd;
}

/* tcp:127.0.0.1:PORT of a listening socket. */
static void name_tcp(int fd, char *text, size_t bytes)
{
	struct sockaddr_in in;
	socklen_t len = sizeof(in);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	snprintf(text, bytes, "tcp:127.0.0.1:%u", ntohs(in.sin_port));
}

static void check_talk(int listener, const char *address)
{
	struct error err = { "" };
	char got[2] = "";
	int a, b;

	assert_int_equal(address_connect(address, &a, &err), 0);
	assert_int_equal(address_accept(listener, 1000, &b, &err), 0);
	assert_int_equal(write(a, "x", 1), 1);
	assert_int_equal(read(b, got, 1), 1);
	assert_string_equal(got, "x");
	assert_true(fcntl(a, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(b, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(listener, F_GETFD) & FD_CLOEXEC);
	assert_false(fcntl(b, F_GETFL) & O_NONBLOCK);
	assert_string_equal(err.text, "");
	close(a);
	close(b);
}

static void test_malformed(void **state)
{
	static const char *const rows[] = {
		"",
		"unix",
		"unix:",
		"/a/path",
		"udp:127.0.0.1:1",
		"TCP:127.0.0.1:1",
		"tcp:",
		"tcp:127.0.0.1",
		"tcp:127.0.0.1:",
		"tcp:127.0.0.1:port",
		"tcp:127.0.0.1:-1",
		"tcp:127.0.0.1: 1",
		"tcp:127.0.0.1:65536",
		"tcp:127.0.0.1:99999999999",
		"tcp:[::1:1",
		"tcp:300.0.0.1:1",
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct error e1 = { "" }, e2 = { "" };
		int fd = -7;

		if (address_listen(rows[i], &fd, &e1) != -EINVAL ||
		    address_connect(rows[i], &fd, &e2) != -EINVAL)
			fail_msg("'%s' was taken", rows[i]);
		assert_int_equal(fd, -7);
		assert_true(e1.text[0] && e2.text[0]);
	}
}

static void test_path_too_long(void **state)
{
	struct error err = { "" };
	char address[256] = "unix:/tmp/";
	int fd;

	memset(address + 10, 'x', 108);
	assert_int_equal(address_listen(address, &fd, &err), -EINVAL);
	assert_non_null(strstr(err.text, "1 to 107 bytes"));
}

static void test_missing_port_says_so(void **state)
{
	struct error err = { "" };
	int fd;

	assert_int_equal(address_connect("tcp:localhost:", &fd, &err), -EINVAL);
	assert_non_null(strstr(err.text, "tcp:HOST:PORT"));
}

static void test_descriptor(void **state)
{
	struct error err = { "" };
	int fd = -7;

	assert_int_equal(address_connect("fd:", &fd, &err), -EINVAL);
	assert_int_equal(address_connect("fd:-1", &fd, NULL), -EINVAL);
	assert_int_equal(address_connect("fd:2147483648", &fd, NULL), -EINVAL);
	assert_int_equal(address_listen("fd:3", &fd, NULL), -EINVAL);
	assert_int_equal(fd, -7);
	assert_int_equal(address_connect("fd:12", &fd, &err), 0);
	assert_int_equal(fd, 12);
}

static void test_unix_talks(void **state)
{
	struct place *p = *state;
	int fd = must_listen(p->unix_address);

	check_talk(fd, p->unix_address);
	check_talk(fd, p->unix_address);
	close(fd);
	address_unlink(p->unix_address);
	assert_int_equal(access(p->path, F_OK), -1);
}

static void test_nobody_there(void **state)
{
	struct place *p = *state;
	struct error err = { "" };
	int fd;

	assert_int_equal(address_connect(p->unix_address, &fd, &err), -ENOENT);
	assert_non_null(strstr(err.text, p->path));
}

static void test_stale_socket_is_replaced(void **state)
{
	struct place *p = *state;
	int fd = must_listen(p->unix_address);

	close(fd); /* as if killed: the file stays */
	assert_int_equal(access(p->path, F_OK), 0);
	fd = must_listen(p->unix_address);
	check_talk(fd, p->unix_address);
	close(fd);
}

static void test_live_socket_is_left_alone(void **state)
{
	struct place *p = *state;
	int peer, second, fd = must_listen(p->unix_address);
	struct error err = { "" };

	assert_int_equal(address_listen(p->unix_address, &second, &err),
			 -EADDRINUSE);
	assert_non_null(strstr(err.text, p->path));
	/* Nor does its owner see a peer that it would take for the real one. */
	assert_int_equal(address_accept(fd, 0, &peer, NULL), -ETIMEDOUT);
	check_talk(fd, p->unix_address);
	close(fd);
}

static void test_other_file_is_left_alone(void **state)
{
	struct place *p = *state;
	int second, fd = open(p->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	struct stat st;

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(address_listen(p->unix_address, &second, NULL),
			 -EADDRINUSE);
	assert_int_equal(stat(p->path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
}

static void test_no_directory(void **state)
{
	struct error err = { "" };
	int fd;

	assert_int_equal(address_listen("unix:/nonexistent/s", &fd, &err),
			 -ENOENT);
}

static void test_tcp_talks(void **state)
{
	int fd = must_listen("tcp:127.0.0.1:0");
	char address[64];

	name_tcp(fd, address, sizeof(address));
	check_talk(fd, address);
	close(fd);
}

static void test_tcp_port_in_use(void **state)
{
	int second, fd = must_listen("tcp:127.0.0.1:0");
	struct error err = { "" };
	char address[64];

	name_tcp(fd, address, sizeof(address));
	assert_int_equal(address_listen(address, &second, &err), -EADDRINUSE);
	assert_non_null(strstr(err.text, address));
	close(fd);
	assert_int_equal(address_connect(address, &second, NULL),
			 -ECONNREFUSED);
}

static void test_accept_times_out(void **state)
{
	struct place *p = *state;
	int peer = -7, fd = must_listen(p->unix_address);
	struct error err = { "" };

	assert_int_equal(address_accept(fd, 1, &peer, &err), -ETIMEDOUT);
	assert_int_equal(peer, -7);
	assert_non_null(strstr(err.text, "1 ms"));
	close(fd);
}

static void test_accept_on_no_listener(void **state)
{
	struct place *p = *state;
	int peer, fd = must_listen(p->unix_address);
	int second = -1;

	assert_int_equal(address_connect(p->unix_address, &second, NULL), 0);
	assert_int_equal(write(second, "x", 1), 1);
	assert_int_equal(address_accept(fd, 100, &peer, NULL), 0);
	assert_int_equal(address_accept(peer, 100, &fd, NULL), -EINVAL);
	close(peer);
	close(second);
	close(fd);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_path_too_long),
		cmocka_unit_test(test_missing_port_says_so),
		cmocka_unit_test(test_descriptor),
		CASE(test_unix_talks),
		CASE(test_nobody_there),
		CASE(test_stale_socket_is_replaced),
		CASE(test_live_socket_is_left_alone),
		CASE(test_other_file_is_left_alone),
		cmocka_unit_test(test_no_directory),
		cmocka_unit_test(test_tcp_talks),
		cmocka_unit_test(test_tcp_port_in_use),
		CASE(test_accept_times_out),
		CASE(test_accept_on_no_listener),
	};

	return cmocka_run_group_tests_name("base-address", tests, NULL, NULL);
}
