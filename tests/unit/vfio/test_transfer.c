/* SPDX-License-Identifier: MIT */
/* Transfers and state files: does all arrive, is all else refused? */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"
#include "unit/unit.h"
#include "vfio/device_faults.h"
#include "vfio/state_file.h"
#include "vfio/transfer.h"

/* ---- files --------------------------------------------------------------- */

struct files {
	char dir[64], path[80];
};

static void files_init(struct files *f)
{
	strcpy(f->dir, "/tmp/vfio-transfer-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/state", f->dir);
}

static void files_exit(struct files *f)
{
	unlink(f->path);
	assert_int_equal(rmdir(f->dir), 0);
}

/* Two pieces, 5 bytes in all. */
static void write_file(const struct files *f, bool publish)
{
	struct error err = { "" };
	struct state_file *file;

	assert_int_equal(state_file_create(f->path, 0x1234, &file, &err), 0);
	assert_int_equal(state_file_write(file, "abc", 3), 0);
	assert_int_equal(state_file_write(file, "de", 2), 0);
	assert_int_equal(state_file_write(file, "", 0), -EINVAL);
	if (publish)
		assert_int_equal(state_file_publish(file, &err), 0);
	state_file_close(file);
}

static void test_file(void **state)
{
	struct error err = { "" };
	struct state_file *file;
	const void *data;
	size_t bytes;
	struct files f;
	int turn;

	(void)state;
	files_init(&f);
	write_file(&f, false);
	assert_int_equal(access(f.path, F_OK), -1);
	write_file(&f, true);
	assert_int_equal(state_file_open(f.path, &file, &err), 0);
	assert_int_equal(state_file_bytes(file), 5);
	assert_int_equal(state_file_pci_ids(file), 0x1234);
	for (turn = 0; turn < 2; turn++) {
		assert_int_equal(state_file_rewind(file), 0);
		assert_int_equal(state_file_read(file, &data, &bytes), 0);
		assert_int_equal(bytes, 3);
		assert_memory_equal(data, "abc", 3);
		assert_int_equal(state_file_read(file, &data, &bytes), 0);
		assert_int_equal(bytes, 2);
		assert_int_equal(state_file_read(file, &data, &bytes), 0);
		assert_int_equal(bytes, 0);
	}
	state_file_close(file);
	files_exit(&f);
}

static void check_refused(const struct files *f, const uint8_t *data,
			  size_t bytes)
{
	struct error err = { "" };
	struct state_file *file = NULL;
	int fd = open(f->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, bytes), bytes);
	close(fd);
	assert_int_equal(state_file_open(f->path, &file, &err), -EPROTO);
	assert_string_not_equal(err.text, "");
	assert_null(file);
}

/* Cut anywhere, longer, or with any byte changed but the device's numbers. */
static void test_file_damaged(void **state)
{
	uint8_t data[256];
	ssize_t bytes, i;
	struct files f;
	int fd;

	(void)state;
	files_init(&f);
	write_file(&f, true);
	fd = open(f.path, O_RDONLY | O_CLOEXEC);
	bytes = read(fd, data, sizeof(data));
	close(fd);
	assert_int_equal(bytes, 16 + 4 + 3 + 4 + 2 + 4 + 16);
	for (i = 0; i < bytes; i++)
		check_refused(&f, data, (size_t)i);
	data[bytes] = 0;
	check_refused(&f, data, (size_t)bytes + 1);
	for (i = 0; i < bytes; i++) {
		if (i >= 12 && i < 16)
			continue;
		data[i] ^= 0x81;
		check_refused(&f, data, (size_t)bytes);
		data[i] ^= 0x81;
	}
	files_exit(&f);
}

static void test_file_none(void **state)
{
	struct error err = { "" };
	struct state_file *file = NULL;

	(void)state;
	assert_int_not_equal(state_file_open("/dev/zero", &file, &err), 0);
	assert_int_not_equal(state_file_open("/tmp", &file, &err), 0);
	assert_int_not_equal(
		state_file_create("/nowhere/at/all", 0, &file, &err), 0);
	assert_null(file);
}

/* ---- devices ------------------------------------------------------------- */

struct served {
	struct vfio_device *device;
	struct vfio_client *client;
	pthread_t thread;
	int fd;
};

static void *serve(void *ctx)
{
	struct served *s = ctx;

	vfio_device_serve_one(s->device, s->fd, -1, NULL);
	return NULL;
}

static void served_start(struct served *s, const struct device_params *params)
{
	struct vfio_client_params p = { .timeout_ms = CLIENT_TIMEOUT_MS,
					.cancel_fd = -1 };
	struct error err = { "" };
	char target[32];
	int fd[2];

	assert_int_equal(vfio_device_create(params, &s->device), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd),
			 0);
	s->fd = fd[1];
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
	snprintf(target, sizeof(target), "fd:%d", fd[0]);
	p.target = target;
	if (vfio_client_open(&p, &s->client, &err))
		fail_msg("%s", err.text);
}

static void served_stop(struct served *s)
{
	vfio_client_close(s->client);
	pthread_join(s->thread, NULL);
	vfio_device_destroy(s->device);
}

static uint32_t state_of(struct served *s)
{
	uint32_t state = MIG_STATE_ERROR;

	assert_int_equal(vfio_client_get_state(s->client, &state), 0);
	return state;
}

/* Up to @pieces of data, then it is given up. */
static unsigned int pieces;

static bool pending(void)
{
	return !pieces--;
}

static void test_given_up(void **state)
{
	struct device_params params = client_params;
	struct transfer_stats stats;
	struct error err = { "" };
	struct served a, b;
	struct transfer t = { .precopy = true, .depth = 3, .pending = pending };
	unsigned int i;

	(void)state;
	params.state_bytes = 1 << 20;
	served_start(&a, &params);
	served_start(&b, &params);
	t.from = a.client;
	t.to = b.client;
	for (i = 0; i < 15; i++) {
		pieces = i;
		err.text[0] = 0;
		assert_int_equal(transfer_run(&t, &stats, &err), -ECANCELED);
		assert_int_equal(state_of(&a), MIG_STATE_RUNNING);
		assert_int_equal(state_of(&b), MIG_STATE_RUNNING);
	}
	t.pending = NULL;
	assert_int_equal(transfer_run(&t, &stats, &err), 0);
	assert_true(stats.precopy_bytes + stats.stop_bytes > 1 << 20);
	assert_int_equal(state_of(&a), MIG_STATE_STOP);
	assert_int_equal(state_of(&b), MIG_STATE_RUNNING);
	/* Once more: the source does not run. */
	assert_int_equal(transfer_run(&t, &stats, &err), -EBUSY);
	assert_int_equal(transfer_reset(a.client), 0);
	assert_int_equal(transfer_run(&t, &stats, &err), 0);
	served_stop(&a);
	served_stop(&b);
}

/* A device that always has more in PRE_COPY, by either protocol. */
static void test_endless(void **state)
{
	struct device_params params = client_params;
	struct transfer_stats stats;
	struct error err = { "" };
	struct served a, b;
	struct transfer t = { .precopy = true, .depth = 4 };
	int turn;

	(void)state;
	params.state_bytes = 1 << 20;
	for (turn = 0; turn < 2; turn++) {
		params.protocol = (enum device_protocol)turn;
		params.faults = 1u << FAULT_PRECOPY_GROWS;
		served_start(&a, &params);
		params.faults = 0;
		served_start(&b, &params);
		t.from = a.client;
		t.to = b.client;
		assert_int_equal(transfer_run(&t, &stats, &err), 0);
		assert_true(stats.precopy_bytes >= 1 << 20);
		assert_true(stats.precopy_bytes < 4 << 20);
		served_stop(&a);
		served_stop(&b);
	}
}

/* A target of another kind refuses; both run afterwards. */
static void test_foreign(void **state)
{
	struct device_params params = client_params;
	struct transfer_stats stats;
	struct error err = { "" };
	struct served a, b;
	struct transfer t = { .precopy = true, .depth = 4 };

	(void)state;
	served_start(&a, &params);
	params.state_bytes *= 2;
	served_start(&b, &params);
	t.from = a.client;
	t.to = b.client;
	assert_int_not_equal(transfer_run(&t, &stats, &err), 0);
	assert_string_not_equal(err.text, "");
	assert_int_equal(state_of(&a), MIG_STATE_RUNNING);
	assert_int_equal(state_of(&b), MIG_STATE_RUNNING);
	served_stop(&a);
	served_stop(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_file_damaged),
		cmocka_unit_test(test_file_none),
		cmocka_unit_test(test_given_up),
		cmocka_unit_test(test_endless),
		cmocka_unit_test(test_foreign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
