/* SPDX-License-Identifier: MIT */
/* How clients come and go: versions, and leaving at any point. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vfio/check_priv.h"

#define OWN (CHECK_NEEDS_USER | CHECK_OWN_WIRE)
#define OWN_YES (OWN | CHECK_DESTRUCTIVE)
#define STATES (CHECK_NEEDS_USER | CHECK_NEEDS_MIGRATION | CHECK_DESTRUCTIVE)

/* VERSION with these words; what came of it, and the reply. */
static enum check_answer propose(struct check_run *r, struct user_wire *w,
				 uint16_t major, uint16_t minor,
				 const char *json, struct user_message *ret)
{
	const struct user_version v = { major, minor };
	const struct iovec iov[2] = { { (void *)&v, sizeof(v) },
				      { (void *)json,
					json ? strlen(json) + 1 : 0 } };
	const struct user_payload p = { .iov = iov, .nr_iov = 2 };
	struct user_header h = { .id = 1, .command = USER_VERSION };

	memset(ret, 0, sizeof(*ret));
	if (user_wire_send(w, &h, &p))
		return CHECK_ANSWER_CLOSED;
	return check_raw_answer(r, w, ret, check_time_left_ms(r));
}

/* The version that a proposal is answered with. False: decided. */
static bool negotiate(struct check_run *r, uint16_t minor, const char *json,
		      struct user_version *ret, struct user_caps *ret_caps)
{
	struct user_message m;
	struct user_wire w;
	enum check_answer a;
	bool ok = false;

	if (!check_raw_open(r, &w))
		goto exit;
	a = propose(r, &w, USER_MAJOR, minor, json, &m);
	ok = check_that(r, a == CHECK_ANSWER_OK, "VERSION was %s",
			check_answer_name(a)) &&
	     check_that(r,
			!user_version_parse(m.payload, m.payload_bytes, ret,
					    ret_caps),
			"the reply is not well formed");
exit:
	user_wire_exit(&w);
	return ok;
}

static void run_version(struct check_run *r, const struct check_case *c)
{
	struct user_version v;
	struct user_caps caps;

	if (negotiate(r, USER_MINOR, "{\"capabilities\":{\"max_msg_fds\":8}}",
		      &v, &caps))
		check_that(r, v.major == USER_MAJOR && v.minor <= USER_MINOR,
			   "version %u.%u to one of 0.%u", v.major, v.minor,
			   USER_MINOR);
}

static void run_no_json(struct check_run *r, const struct check_case *c)
{
	struct user_version v;
	struct user_caps caps;

	negotiate(r, USER_MINOR, NULL, &v, &caps);
}

static void run_unknown_caps(struct check_run *r, const struct check_case *c)
{
	struct user_version v;
	struct user_caps caps;

	negotiate(r, USER_MINOR,
		  "{\"capabilities\":{\"of_tomorrow\":{\"a\":[1,2]}},\"x\":1}",
		  &v, &caps);
}

static void run_minor(struct check_run *r, const struct check_case *c)
{
	static const uint16_t minors[] = { 0, 99 };
	struct user_version v;
	struct user_caps caps;
	size_t i;

	for (i = 0; i < 2; i++)
		if (!negotiate(r, minors[i], "{}", &v, &caps) ||
		    !check_that(r, v.minor <= minors[i],
				"minor %u to one of %u", v.minor, minors[i]))
			return;
}

static void run_major(struct check_run *r, const struct check_case *c)
{
	struct user_message m;
	struct user_wire w;
	enum check_answer a;

	if (check_raw_open(r, &w)) {
		a = propose(r, &w, 99, 0, "{}", &m);
		check_that(r,
			   a == CHECK_ANSWER_CLOSED ||
				   a == CHECK_ANSWER_REFUSED,
			   "major version 99 was %s", check_answer_name(a));
	}
	user_wire_exit(&w);
}

static void run_first(struct check_run *r, const struct check_case *c)
{
	const struct user_device_info info = { .argsz = sizeof(info) };
	struct user_wire w;

	if (check_raw_open(r, &w))
		check_that(r,
			   check_raw_call(r, &w, USER_GET_INFO, &info,
					  sizeof(info), NULL,
					  0) != CHECK_ANSWER_OK,
			   "GET_INFO before VERSION was accepted");
	user_wire_exit(&w);
}

static void run_again(struct check_run *r, const struct check_case *c)
{
	struct user_message m;
	struct user_wire w;

	if (check_raw_greet(r, &w))
		check_that(r,
			   propose(r, &w, USER_MAJOR, USER_MINOR, "{}", &m) !=
				   CHECK_ANSWER_OK,
			   "a second VERSION was accepted");
	user_wire_exit(&w);
}

/* ---- leaving ----------------------------------------------------------- */

/* The first @bytes of a message, and nothing more; greeted before or not. */
static bool leave_after(struct check_run *r, bool greeted, size_t bytes)
{
	struct {
		struct user_header h;
		struct user_region_access a;
		uint8_t data[64];
	} m = { { 1, USER_REGION_WRITE, sizeof(m), 0, 0 },
		{ 0, VFIO_PCI_CONFIG_REGION_INDEX, sizeof(m.data) },
		{ 0 } };
	struct user_wire w;
	bool ok;

	ok = greeted ? check_raw_greet(r, &w) : check_raw_open(r, &w);
	if (ok)
		check_raw_send(r, &w, &m, bytes);
	user_wire_exit(&w);
	return ok && check_raw_alive(r, "a client that left inside a message");
}

static void run_at_once(struct check_run *r, const struct check_case *c)
{
	unsigned int i;

	for (i = 0; i < 20; i++)
		if (!leave_after(r, false, 0))
			return;
}

static void run_inside(struct check_run *r, const struct check_case *c)
{
	static const size_t cuts[] = { 1,  2,  4,  8,  12, 15,
				       16, 17, 24, 32, 40, 95 };
	size_t i;

	for (i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++)
		if (!leave_after(r, false, cuts[i]) ||
		    !leave_after(r, true, cuts[i]))
			return;
}

/* Requests whose replies nobody takes. */
static void run_unread(struct check_run *r, const struct check_case *c)
{
	const struct {
		struct user_header h;
		struct user_device_info info;
	} m = { { 1, USER_GET_INFO, sizeof(m), 0, 0 },
		{ .argsz = sizeof(m.info) } };
	struct user_wire w;
	unsigned int i;
	bool ok = check_raw_greet(r, &w);

	/* Until its replies fill the socket, and it waits for us. */
	for (i = 0; ok && i < 2000; i++)
		if (send(w.fd, &m, sizeof(m), MSG_NOSIGNAL | MSG_DONTWAIT) !=
		    sizeof(m))
			poll(NULL, 0, i % 100 ? 0 : 1);
	user_wire_exit(&w);
	if (ok)
		check_raw_alive(r, "a client that took no replies");
}

static bool reconnect(struct check_run *r)
{
	int rc;

	r->port->close(r);
	rc = r->port->open(r);
	return check_that(r, !rc, "no connection again: %s",
			  r->broken[0] ? r->broken : strerror(-rc));
}

/* In each state there is, but where a load would be lost. */
static void run_keeps(struct check_run *r, const struct check_case *c)
{
	uint32_t state, before, after;

	for (state = 1; state < MIG_NR_STATES; state++) {
		if (!check_state_exists(r, state))
			continue;
		if (!check_enter(r, state) ||
		    !check_ok(r, r->port->get_state(r, &before), "GET") ||
		    !reconnect(r) ||
		    !check_ok(r, r->port->get_state(r, &after), "GET") ||
		    !check_that(r, before == after, "left in %s, found in %s",
				check_mig_state_name(before),
				check_mig_state_name(after)) ||
		    !check_recover(r))
			return;
	}
}

/* With half of it read, or written. */
static void run_in_save(struct check_run *r, const struct check_case *c)
{
	struct check_blob b = { NULL, 0, 0 };
	bool ok;

	ok = check_enter(r, MIG_STATE_STOP_COPY) &&
	     check_ok(r,
		      check_read_stream(r, &b, 512, r->golden.bytes / 2 + 1,
					NULL),
		      "reading half of the stream") &&
	     reconnect(r) &&
	     check_that(r, check_recover(r),
			"the device does not come to RUNNING any more");
	check_blob_free(&b);
	if (ok && r->device.stream_loads && check_save(r, &b))
		check_loads(r, &b, "a stream that was read afterwards");
	check_blob_free(&b);
}

static void run_in_load(struct check_run *r, const struct check_case *c)
{
	const struct check_blob *g = &r->golden;

	if (check_enter(r, MIG_STATE_RESUMING) &&
	    check_ok(r,
		     check_write_stream(r, g->data, g->bytes / 2, CHECK_CHUNK),
		     "writing half of the stream") &&
	    reconnect(r)) {
		r->port->reset(r);
		if (r->port->set_state(r, MIG_STATE_RUNNING))
			return check_skip(r, "a reset does not bring it to "
					     "RUNNING, see reset");
		check_loads(r, g, "the stream, by the next client");
	}
}

/* A client's memory goes with it: the next may map the same. */
static void run_maps(struct check_run *r, const struct check_case *c)
{
	const uint32_t flags = USER_DMA_READABLE | USER_DMA_WRITEABLE;
	unsigned int i;

	for (i = 0; i < 2; i++)
		if (!check_ok(r,
			      r->port->map(r, ENGINE_BASE, 1 << 20, flags, -1,
					   NULL),
			      i ? "mapping the same, by the next client"
				: "DMA_MAP") ||
		    (!i && !reconnect(r)))
			return;
}

#define VERSIONS "vfio-user, VERSION: "
#define LEAVING "vfio-user, client disconnection: "

const struct check_case check_connect_cases[] = {
	CHECK_CASE("connect.version",
		   VERSIONS
		   "the reply has a version that both know, and capabilities",
		   CHECK_MUST, OWN, run_version),
	CHECK_CASE("connect.no-json",
		   VERSIONS "without capabilities, all have their defaults",
		   CHECK_SHOULD, OWN, run_no_json),
	CHECK_CASE("connect.unknown-capabilities",
		   VERSIONS "capabilities that are not known are passed over",
		   CHECK_MUST, OWN, run_unknown_caps),
	CHECK_CASE("connect.minor",
		   VERSIONS
		   "the minor version of the reply is not above that of the "
		   "request",
		   CHECK_MUST, OWN, run_minor),
	CHECK_CASE("connect.major",
		   VERSIONS "another major version is not agreed to",
		   CHECK_MUST, OWN, run_major),
	CHECK_CASE("connect.version-first",
		   VERSIONS "comes before everything else", CHECK_SHOULD, OWN,
		   run_first),
	CHECK_CASE("connect.version-once", VERSIONS "is agreed on once",
		   CHECK_DIFFERS, OWN, run_again),
	CHECK_CASE("connect.leave-at-once",
		   LEAVING "the server is there for the next", CHECK_MUST,
		   OWN_YES, run_at_once),
	CHECK_CASE("connect.leave-inside-message",
		   LEAVING "the server is there for the next", CHECK_MUST,
		   OWN_YES, run_inside),
	CHECK_CASE("connect.leave-unread",
		   LEAVING "the server is there for the next", CHECK_MUST,
		   OWN_YES, run_unread),
	CHECK_CASE("connect.keeps-state",
		   LEAVING "the device state is retained", CHECK_MUST, STATES,
		   run_keeps),
	CHECK_CASE("connect.leave-saving",
		   LEAVING "the device can be had again", CHECK_MUST, STATES,
		   run_in_save),
	CHECK_CASE("connect.leave-loading",
		   LEAVING "the device can be had again", CHECK_MUST,
		   STATES | CHECK_NEEDS_STREAM, run_in_load),
	CHECK_CASE("connect.maps-go", LEAVING "client memory is unmapped",
		   CHECK_MUST, CHECK_NEEDS_USER | CHECK_DESTRUCTIVE, run_maps),
};
const size_t check_connect_nr =
	sizeof(check_connect_cases) / sizeof(check_connect_cases[0]);
