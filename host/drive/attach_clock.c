/* SPDX-License-Identifier: MIT */
/* How far an attached machine's clock is from ours. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "drive/attach_internal.h"
#include "drive/vm_kind.h"
#include "qmp/client.h"

#define NR_EXCHANGES 16u
#define EVENT_TIMEOUT_NS NSEC_PER_SEC
#define JOB "vmferry-clock"

static void see_ours(struct clock_offset *offset)
{
	uint64_t before = clock_now_ns();
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	clock_offset_see(offset, before,
			 (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000,
			 clock_now_ns());
}

static bool ask_mini(struct drive_vm *vm, struct clock_offset *offset)
{
	uint64_t sent = clock_now_ns();
	json_t *reply;

	if (drive_vm_execute(vm, "x-query-clock", NULL, &reply, NULL))
		return false;
	clock_offset_see(
		offset, sent,
		json_integer_value(json_object_get(reply, "realtime-us")),
		clock_now_ns());
	json_decref(reply);
	return true;
}

/* Waits for the news that our job's state is @status. */
static bool wait_job(struct drive_vm *vm, const char *status,
		     struct qmp_event *ret)
{
	uint64_t deadline = clock_now_ns() + EVENT_TIMEOUT_NS;
	const char *got, *id;

	while (!qmp_client_wait_event(vm->qmp, "JOB_STATUS_CHANGE", deadline,
				      ret)) {
		got = json_string_value(json_object_get(ret->data, "status"));
		id = json_string_value(json_object_get(ret->data, "id"));
		if (got && id && !strcmp(id, JOB) && !strcmp(got, status))
			return true;
		qmp_event_exit(ret);
	}
	return false;
}

/*
 * QEMU tells no time, but stamps its events. One that we cause and that costs
 * the guest nothing: a job that is created to format an image on a node that
 * does not exist. It fails at once, and is dismissed.
 */
static bool ask_qemu(struct drive_vm *vm, struct clock_offset *offset)
{
	uint64_t sent = clock_now_ns();
	struct qmp_event event;
	bool good;

	if (drive_vm_execute(vm, "blockdev-create",
			     json_pack("{s:s, s:{s:s, s:s, s:i}}", "job-id",
				       JOB, "options", "driver", "qcow2",
				       "file", JOB "-none", "size", 0),
			     NULL, NULL))
		return false;
	good = wait_job(vm, "created", &event);
	if (good) {
		clock_offset_see(offset, sent, event.sent_us, event.arrived_ns);
		qmp_event_exit(&event);
	}
	if (wait_job(vm, "concluded", &event))
		qmp_event_exit(&event);
	drive_vm_execute(vm, "job-dismiss", json_pack("{s:s}", "id", JOB), NULL,
			 NULL);
	return good;
}

void attach_clock(struct drive_vm *vm, struct clock_offset *offset)
{
	struct clock_offset now = { .known = false };
	unsigned int i;
	bool good = true;

	for (i = 0; good && i < NR_EXCHANGES; i++) {
		if (!vm->blind)
			see_ours(&now);
		else if (vm->kind == &drive_mini)
			good = ask_mini(vm, &now);
		else
			good = ask_qemu(vm, &now);
	}
	clock_offset_join(offset, &now);
}
