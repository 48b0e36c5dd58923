/* SPDX-License-Identifier: MIT */
/* How far an attached machine's clock is from ours. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "drive/attach_internal.h"
#include "drive/vm_kind.h"
#include "qmp/client.h"

/* The more, the shorter the shortest; but a far host shall not hold us up. */
#define NR_EXCHANGES 64u
#define NR_LEAST 4u
#define LOOK_NS (400 * NSEC_PER_MSEC)
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

/* Takes in the news of our job that come, until its state is @status. All of
 * them were caused after @sent: the quickest to arrive tells most. */
static bool see_job(struct drive_vm *vm, const char *status, uint64_t sent,
		    struct clock_offset *offset)
{
	uint64_t deadline = clock_now_ns() + EVENT_TIMEOUT_NS;
	struct qmp_event event;
	bool done = false;

	while (!done && !qmp_client_wait_event(vm->qmp, "JOB_STATUS_CHANGE",
					       deadline, &event)) {
		const char *got = json_string_value(
			json_object_get(event.data, "status"));
		const char *id =
			json_string_value(json_object_get(event.data, "id"));

		if (got && id && !strcmp(id, JOB)) {
			clock_offset_see(offset, sent, event.sent_us,
					 event.arrived_ns);
			done = !strcmp(got, status);
		}
		qmp_event_exit(&event);
	}
	return done;
}

/*
 * QEMU tells no time, but stamps its events. One that we cause and that costs
 * the guest nothing: a job that is created to format an image on a node that
 * does not exist. It fails at once, and is dismissed.
 */
static bool ask_qemu(struct drive_vm *vm, struct clock_offset *offset)
{
	uint64_t sent = clock_now_ns();
	bool good;

	if (drive_vm_execute(vm, "blockdev-create",
			     json_pack("{s:s, s:{s:s, s:s, s:i}}", "job-id",
				       JOB, "options", "driver", "qcow2",
				       "file", JOB "-none", "size", 0),
			     NULL, NULL))
		return false;
	good = see_job(vm, "concluded", sent, offset);
	sent = clock_now_ns();
	if (drive_vm_execute(vm, "job-dismiss", json_pack("{s:s}", "id", JOB),
			     NULL, NULL))
		return false;
	return see_job(vm, "null", sent, offset) && good;
}

void attach_clock(struct drive_vm *vm, struct clock_offset *offset)
{
	struct clock_offset now = { .known = false };
	uint64_t end = clock_now_ns() + LOOK_NS;
	unsigned int i;
	bool good = true;

	for (i = 0; good && i < NR_EXCHANGES; i++) {
		if (i >= NR_LEAST && clock_now_ns() > end)
			break;
		if (!vm->blind)
			see_ours(&now);
		else if (vm->kind == &drive_mini)
			good = ask_mini(vm, &now);
		else
			good = ask_qemu(vm, &now);
	}
	clock_offset_join(offset, &now);
}
