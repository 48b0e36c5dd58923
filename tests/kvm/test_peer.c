/* SPDX-License-Identifier: MIT */
/* A whole mini VMM, and peers that never accept, give up, or say nothing. */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/address.h"
#include "base/clock.h"
#include "machine.h"
#include "machine/machine.h"
#include "migrate/peer.h"
#include "qmp/client.h"
#include "unit/unit.h"

#define PATIENCE_MS 10000

struct vmm {
	pthread_t thread;
	char qmp_name[16];
	struct machine_params params;
	struct qmp_client *qmp;
	struct error err;
	int rc;
	/* Where it migrates to. */
	char dir[64];
	char address[128];
	int listen_fd;
	int waiting[4]; /* fill the backlog */
};

/* The target's side of a migration. */
struct target {
	struct peer peer;
	struct error err;
	uint8_t payload[WIRE_MAX_BATCH_PAGES * WIRE_PAGE_BYTES];
};

static void *vmm_main(void *ctx)
{
	struct vmm *v = ctx;

	v->rc = machine_run(&v->params, &v->err);
	return NULL;
}

static struct vmm *vmm_start(void)
{
	struct vmm *v = calloc(1, sizeof(*v));
	int pair[2];

	assert_non_null(v);
	memset(v->waiting, -1, sizeof(v->waiting));
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	snprintf(v->qmp_name, sizeof(v->qmp_name), "fd:%d", pair[1]);
	v->params = (struct machine_params){ .ram_bytes = 32ull << 20,
					     .nr_vcpus = 1,
					     .backing = BACKING_ANON,
					     .qmp = v->qmp_name,
					     .version = "0.0.0" };
	strcpy(v->dir, "/tmp/vmferry-test-XXXXXX");
	assert_non_null(mkdtemp(v->dir));
	snprintf(v->address, sizeof(v->address), "unix:%s/s", v->dir);
	assert_int_equal(address_listen(v->address, &v->listen_fd, NULL), 0);
	assert_int_equal(pthread_create(&v->thread, NULL, vmm_main, v), 0);
	if (qmp_client_connect(pair[0], PATIENCE_MS, &v->qmp, &v->err))
		fail_msg("%s", v->err.text);
	return v;
}

/* `quit` must end it, whatever it is doing. */
static void vmm_end(struct vmm *v)
{
	struct timespec until;
	size_t i;

	assert_int_equal(qmp_client_execute(v->qmp, "quit", NULL, PATIENCE_MS,
					    NULL, NULL),
			 0);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_MS / 1000;
	assert_int_equal(pthread_timedjoin_np(v->thread, NULL, &until), 0);
	assert_int_equal(v->rc, 0);
	qmp_client_destroy(v->qmp);
	for (i = 0; i < ARRAY_LEN(v->waiting); i++)
		if (v->waiting[i] >= 0)
			close(v->waiting[i]);
	close(v->listen_fd);
	address_unlink(v->address);
	rmdir(v->dir);
	free(v);
}

static json_t *ask(struct vmm *v, const char *command)
{
	struct error err = { "" };
	json_t *value;

	if (qmp_client_execute(v->qmp, command, NULL, PATIENCE_MS, &value,
			       &err))
		fail_msg("%s: %s", command, err.text);
	return value;
}

static void tell(struct vmm *v, const char *command)
{
	json_decref(ask(v, command));
}

static void migrate(struct vmm *v)
{
	assert_int_equal(
		qmp_client_execute(v->qmp, "migrate",
				   json_pack("{s:s}", "uri", v->address),
				   PATIENCE_MS, NULL, NULL),
		0);
}

static bool status_is(struct vmm *v, const char *query, const char *status)
{
	json_t *reply = ask(v, query);
	json_t *word = json_object_get(reply, "status");
	bool same = !strcmp(json_string_value(word), status);

	json_decref(reply);
	return same;
}

/* Until query-migrate says so. */
static void wait_for(struct vmm *v, const char *status)
{
	uint64_t end_ns = clock_now_ns() + PATIENCE_MS * NSEC_PER_MSEC;

	while (!status_is(v, "query-migrate", status)) {
		if (clock_now_ns() > end_ns)
			fail_msg("the migration is not '%s'", status);
		poll(NULL, 0, 2);
	}
}

static void fill_backlog(struct vmm *v)
{
	size_t i;
	int rc = 0;

	assert_int_equal(listen(v->listen_fd, 0), 0);
	for (i = 0; i < ARRAY_LEN(v->waiting) && !rc; i++)
		rc = address_connect_start(v->address, &v->waiting[i]);
	assert_int_equal(rc, -EAGAIN);
}

static void test_cancelled_while_connecting(void **state)
{
	struct vmm *v = vmm_start();

	fill_backlog(v);
	migrate(v);
	assert_true(status_is(v, "query-migrate", "setup"));
	tell(v, "migrate_cancel");
	wait_for(v, "cancelled");
	assert_true(status_is(v, "query-status", "running"));
	/* And once more: nothing is left of the first one. */
	migrate(v);
	assert_true(status_is(v, "query-migrate", "setup"));
	tell(v, "migrate_cancel");
	wait_for(v, "cancelled");
	vmm_end(v);
}

static void test_ended_while_connecting(void **state)
{
	struct vmm *v = vmm_start();

	fill_backlog(v);
	migrate(v);
	assert_true(status_is(v, "query-migrate", "setup"));
	vmm_end(v);
}

static struct target *target_accept(struct vmm *v)
{
	struct target *t = calloc(1, sizeof(*t));
	int fd;

	assert_non_null(t);
	t->peer.name = "source";
	t->peer.during = "test";
	t->peer.err = &t->err;
	assert_int_equal(address_accept(v->listen_fd, PATIENCE_MS, &fd, NULL),
			 0);
	assert_int_equal(channel_from_fd(fd, &t->peer.ch), 0);
	return t;
}

static void target_close(struct target *t)
{
	channel_close(t->peer.ch);
	free(t);
}

static void answer(struct target *t, const struct wire_header *h)
{
	struct wire_round round;

	if (h->type == WIRE_HELLO) {
		peer_send_u64(&t->peer, WIRE_ACCEPT, 0);
	} else if (h->type == WIRE_ROUND_END) {
		assert_int_equal(wire_parse_round(t->peer.table, h->table_bytes,
						  &round, NULL),
				 0);
		if (!(round.flags & WIRE_ROUND_FINAL))
			peer_send_round(&t->peer, WIRE_ROUND_ACK, &round);
	}
}

/* Hears and answers all up to the first record of @type. */
static void hear(struct target *t, enum wire_type type)
{
	struct wire_header h;

	do {
		if (peer_receive(&t->peer, &h))
			fail_msg("%s", t->err.text);
		assert_true(h.payload_bytes <= sizeof(t->payload));
		assert_int_equal(channel_read_all(t->peer.ch, t->payload,
						  h.payload_bytes),
				 0);
		answer(t, &h);
	} while (h.type != type);
}

/* The machine is stopped by the engine, and then the target goes away. */
static void fail_at_state(struct vmm *v, bool stop)
{
	struct target *t;

	migrate(v);
	t = target_accept(v);
	hear(t, WIRE_STATE);
	assert_true(status_is(v, "query-status", "finish-migrate"));
	if (stop)
		tell(v, "stop");
	target_close(t);
	wait_for(v, "failed");
}

static void test_stop_is_remembered(void **state)
{
	struct vmm *v = vmm_start();

	fail_at_state(v, false);
	assert_true(status_is(v, "query-status", "running"));
	fail_at_state(v, true);
	assert_true(status_is(v, "query-status", "paused"));
	tell(v, "cont");
	assert_true(status_is(v, "query-status", "running"));
	/* The wish was for that one time. */
	fail_at_state(v, false);
	assert_true(status_is(v, "query-status", "running"));
	vmm_end(v);
}

static bool is_confirmed(struct vmm *v)
{
	json_t *reply = ask(v, "query-migrate");
	int confirmed = -1;

	assert_int_equal(json_unpack(reply, "{s:{s:b}}", "x-vmferry",
				     "running-confirmed", &confirmed),
			 0);
	json_decref(reply);
	return confirmed;
}

static void test_confirmed_or_not(void **state)
{
	int confirms;

	for (confirms = 0; confirms < 2; confirms++) {
		struct vmm *v = vmm_start();
		struct target *t;

		migrate(v);
		t = target_accept(v);
		hear(t, WIRE_STATE);
		assert_false(is_confirmed(v));
		peer_send_u64(&t->peer, WIRE_READY, 0);
		hear(t, WIRE_GO);
		if (confirms)
			peer_send_u64(&t->peer, WIRE_RUNNING, WIRE_RUNNING_YES);
		wait_for(v, "completed");
		assert_int_equal(is_confirmed(v), confirms);
		assert_true(status_is(v, "query-status", "postmigrate"));
		target_close(t);
		vmm_end(v);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cancelled_while_connecting),
		cmocka_unit_test(test_ended_while_connecting),
		cmocka_unit_test(test_stop_is_remembered),
		cmocka_unit_test(test_confirmed_or_not),
	};
	int rc;

	if (machine_skip(&rc))
		return rc;
	return cmocka_run_group_tests_name("kvm-peer", tests, NULL, NULL);
}
