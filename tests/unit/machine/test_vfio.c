/* SPDX-License-Identifier: MIT */
/* The machine's vfio-user devices stop, move and run: with our own device on
 * the other end of a socket, and without a machine around. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "machine/vfio_user_impl.h"
#include "vfio/device.h"

#define NR_DEVICES 2u
#define STATE_BYTES (300u << 10)

struct served {
	struct vfio_device *device;
	pthread_t thread;
	int fd, stop_fd;
	bool ended;
};

/* Two machines of two devices; the first has P2P and the second not. */
struct world {
	struct machine m[2];
	struct machine_vfio v[2];
	struct served served[2][NR_DEVICES];
	char path[2][NR_DEVICES][32];
};

static void *serve(void *arg)
{
	struct served *s = arg;

	vfio_device_serve_one(s->device, s->fd, s->stop_fd, NULL);
	return NULL;
}

static void make_device(struct world *w, unsigned int side, unsigned int i,
			struct device_params p)
{
	struct served *s = &w->served[side][i];
	struct vfio_dev *d = &w->v[side].dev[i];
	struct error err = { "" };
	int fd[2];

	/* Else only the first. */
	p.p2p = p.p2p || !i;
	assert_int_equal(vfio_device_create(&p, &s->device), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd),
			 0);
	s->fd = fd[1];
	s->stop_fd = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
	snprintf(w->path[side][i], sizeof(w->path[side][i]), "fd:%d", fd[0]);
	*d = (struct vfio_dev){ .m = &w->m[side],
				.path = w->path[side][i],
				.stop_fd = -1 };
	if (vfio_client_open(&(struct vfio_client_params){ .target = d->path,
							   .timeout_ms = 5000,
							   .cancel_fd = -1 },
			     &d->client, &err))
		fail_msg("%s", err.text);
	d->flags = vfio_client_flags(d->client);
	d->migratable = true;
	d->state = MIG_STATE_RUNNING;
}

static struct world *make(struct device_params p)
{
	struct world *w = calloc(1, sizeof(*w));
	unsigned int side, i;

	p.state_bytes = STATE_BYTES;
	for (side = 0; side < 2; side++) {
		pthread_mutex_init(&w->m[side].lock, NULL);
		w->m[side].vfio = &w->v[side];
		w->v[side].nr = NR_DEVICES;
		for (i = 0; i < NR_DEVICES; i++)
			make_device(w, side, i, p);
	}
	return w;
}

static void end_device(struct served *s)
{
	if (s->ended)
		return;
	s->ended = true;
	eventfd_write(s->stop_fd, 1);
	pthread_join(s->thread, NULL);
	close(s->stop_fd);
}

static void destroy(struct world *w)
{
	unsigned int side, i;

	for (side = 0; side < 2; side++) {
		for (i = 0; i < NR_DEVICES; i++) {
			vfio_client_close(w->v[side].dev[i].client);
			end_device(&w->served[side][i]);
			vfio_device_destroy(w->served[side][i].device);
		}
		pthread_mutex_destroy(&w->m[side].lock);
	}
	free(w);
}

/* What we believe, and what the device says. */
static void are(struct world *w, unsigned int side, enum mig_state state)
{
	unsigned int i;
	uint32_t said;

	for (i = 0; i < NR_DEVICES; i++) {
		struct vfio_dev *d = &w->v[side].dev[i];

		assert_int_equal(d->state, state);
		assert_int_equal(vfio_client_get_state(d->client, &said), 0);
		assert_int_equal(said, state);
	}
}

static const struct device_params plain = { .precopy = true };

static void test_stop_and_run(void **state)
{
	struct world *w = make(plain);
	struct error err = { "" };

	assert_int_equal(machine_vfio_stop(&w->m[0], false, &err), 0);
	are(w, 0, MIG_STATE_STOP);
	/* Twice is once. */
	assert_int_equal(machine_vfio_stop(&w->m[0], false, &err), 0);
	are(w, 0, MIG_STATE_STOP);
	/* A machine that stands may be saved. */
	assert_int_equal(machine_vfio_stop(&w->m[0], true, &err), 0);
	are(w, 0, MIG_STATE_STOP_COPY);
	assert_int_equal(machine_vfio_run(&w->m[0], &err), 0);
	are(w, 0, MIG_STATE_RUNNING);
	assert_string_equal(err.text, "");
	destroy(w);
}

static void begin_save(struct world *w, unsigned int side)
{
	unsigned int i;

	for (i = 0; i < NR_DEVICES; i++) {
		struct vfio_dev *d = &w->v[side].dev[i];

		d->initial_done = false;
		assert_int_equal(vfio_set_state(d, MIG_STATE_PRE_COPY), 0);
	}
}

/* A `stop` in the middle of it: what is being saved goes on being saved. */
static void test_stop_while_saving(void **state)
{
	struct world *w = make(plain);
	struct error err = { "" };
	uint8_t data[64];

	begin_save(w, 0);
	assert_int_equal(machine_vfio_run(&w->m[0], &err), 0);
	are(w, 0, MIG_STATE_PRE_COPY);
	assert_int_equal(machine_vfio_stop(&w->m[0], false, &err), 0);
	are(w, 0, MIG_STATE_STOP_COPY);
	assert_int_equal(machine_vfio_ops.read(&w->m[0], 0, data, sizeof(data)),
			 sizeof(data));
	/* But run again, it has changed: the data is of no use. */
	assert_int_equal(machine_vfio_run(&w->m[0], &err), 0);
	are(w, 0, MIG_STATE_RUNNING);
	assert_int_equal(machine_vfio_ops.read(&w->m[0], 0, data, sizeof(data)),
			 -EBUSY);
	destroy(w);
}

/* Passes on what device @i has to say for now. */
static uint64_t pass_on(struct world *w, unsigned int i, uint8_t *data,
			size_t bytes)
{
	struct error err = { "" };
	uint64_t done = 0;
	ssize_t got;

	for (;;) {
		got = machine_vfio_ops.read(&w->m[0], i, data, bytes);
		assert_true(got >= 0);
		if (!got)
			return done;
		assert_int_equal(machine_vfio_ops.write(&w->m[1], i, data,
							(size_t)got, &err),
				 0);
		done += (uint64_t)got;
	}
}

static void prepare_target(struct world *w)
{
	unsigned int i;

	for (i = 0; i < NR_DEVICES; i++)
		assert_int_equal(
			vfio_set_state(&w->v[1].dev[i], MIG_STATE_RESUMING), 0);
}

static void move(struct device_params p)
{
	struct world *w = make(p);
	struct migrate_device_left left = { 0 };
	struct error err = { "" };
	uint8_t *data = malloc(100000);
	uint64_t moved = 0;
	unsigned int i;

	assert_int_equal(machine_vfio_ops.nr(&w->m[0]), NR_DEVICES);
	prepare_target(w);
	if (p.precopy) {
		begin_save(w, 0);
		assert_int_equal(machine_vfio_ops.left(&w->m[0], &left), 0);
		assert_true(left.must_bytes >= NR_DEVICES * STATE_BYTES);
		assert_true(left.must_bytes <= left.now_bytes);
		for (i = 0; i < NR_DEVICES; i++)
			moved += pass_on(w, i, data, 100000);
		/* The device may stop now. */
		left = (struct migrate_device_left){ 0 };
		assert_int_equal(machine_vfio_ops.left(&w->m[0], &left), 0);
		assert_int_equal(left.must_bytes, 0);
		assert_true(left.now_bytes < STATE_BYTES);
	}
	assert_int_equal(machine_vfio_stop(&w->m[0], true, &err), 0);
	left = (struct migrate_device_left){ 0 };
	assert_int_equal(machine_vfio_ops.left(&w->m[0], &left), 0);
	assert_true(left.stopped_bytes && !left.now_bytes && !left.must_bytes);
	for (i = 0; i < NR_DEVICES; i++)
		moved += pass_on(w, i, data, 100000);
	assert_true(moved >= NR_DEVICES * STATE_BYTES);
	for (i = 0; i < NR_DEVICES; i++)
		assert_int_equal(machine_vfio_ops.finish(&w->m[1], i, &err), 0);
	are(w, 1, MIG_STATE_STOP);
	assert_int_equal(machine_vfio_run(&w->m[1], &err), 0);
	are(w, 1, MIG_STATE_RUNNING);
	free(data);
	destroy(w);
}

static void test_state_moves(void **state)
{
	move(plain);
	move((struct device_params){ .precopy = false });
	move((struct device_params){ .precopy = true, .initial_bytes = 4096 });
	move((struct device_params){ .precopy = true,
				     .protocol = DEVICE_PROTOCOL_V1 });
}

/* Half of it is not all of it; and nonsense is refused where it is written. */
static void test_bad_state_is_refused(void **state)
{
	struct world *w = make(plain);
	struct error err = { "" };
	uint8_t data[4096] = { 0 };
	ssize_t got;

	prepare_target(w);
	assert_int_equal(machine_vfio_stop(&w->m[0], true, &err), 0);
	got = machine_vfio_ops.read(&w->m[0], 0, data, sizeof(data));
	assert_int_equal(got, sizeof(data));
	assert_int_equal(
		machine_vfio_ops.write(&w->m[1], 0, data, (size_t)got, &err),
		0);
	assert_true(machine_vfio_ops.finish(&w->m[1], 0, &err) < 0);
	assert_non_null(strstr(err.text, "at the end"));
	err.text[0] = '\0';
	memset(data, 0x5a, sizeof(data));
	assert_true(machine_vfio_ops.write(&w->m[1], 1, data, sizeof(data),
					   &err) < 0);
	assert_non_null(strstr(err.text, "refused its state"));
	/* The source goes on. */
	assert_int_equal(machine_vfio_run(&w->m[0], &err), 0);
	are(w, 0, MIG_STATE_RUNNING);
	destroy(w);
}

struct look {
	struct world *w;
	_Atomic enum mig_state *first; /* of device 0, as it was set last */
	enum mig_state seen; /* of it, when device 1 left RUNNING */
};

static void *watch_second(void *arg)
{
	struct look *l = arg;
	uint32_t state = MIG_STATE_RUNNING;

	while (state == MIG_STATE_RUNNING)
		if (vfio_client_get_state(l->w->v[0].dev[1].client, &state))
			return NULL;
	l->seen = *l->first;
	return NULL;
}

/* No device stops before all have stopped asking each other. */
static void test_all_are_quiet_before_one_stops(void **state)
{
	struct world *w = make((struct device_params){
		.precopy = true,
		.p2p = true,
		.save_delay_ns = 200000000,
	});
	struct error err = { "" };
	struct look look = { w, &w->v[0].dev[0].state, MIG_STATE_ERROR };
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, watch_second, &look), 0);
	assert_int_equal(machine_vfio_stop(&w->m[0], true, &err), 0);
	pthread_join(thread, NULL);
	assert_true(look.seen == MIG_STATE_RUNNING ||
		    look.seen == MIG_STATE_RUNNING_P2P);
	destroy(w);
}

static void test_refusal_to_stop(void **state)
{
	struct world *w = make((struct device_params){
		.precopy = true,
		.fail_state = MIG_STATE_STOP_COPY,
		.fail_errno = ENOSPC,
	});
	struct error err = { "" };

	begin_save(w, 0);
	assert_int_equal(machine_vfio_stop(&w->m[0], true, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "STOP_COPY"));
	/* Wherever that left them. */
	assert_int_equal(machine_vfio_run(&w->m[0], &err), 0);
	destroy(w);
}

static void test_lost_device(void **state)
{
	struct world *w = make(plain);
	struct error err = { "" };
	uint8_t data[16];

	begin_save(w, 0);
	end_device(&w->served[0][0]);
	assert_int_equal(machine_vfio_ops.read(&w->m[0], 0, data, sizeof(data)),
			 -EIO);
	assert_non_null(strstr(w->m[0].migration.error.text, "was lost"));
	assert_true(machine_vfio_stop(&w->m[0], true, &err) < 0);
	assert_non_null(strstr(err.text, "was lost"));
	/* The other one is stopped all the same. */
	assert_int_equal(w->v[0].dev[1].state, MIG_STATE_STOP_COPY);
	destroy(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stop_and_run),
		cmocka_unit_test(test_stop_while_saving),
		cmocka_unit_test(test_state_moves),
		cmocka_unit_test(test_bad_state_is_refused),
		cmocka_unit_test(test_all_are_quiet_before_one_stops),
		cmocka_unit_test(test_refusal_to_stop),
		cmocka_unit_test(test_lost_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
