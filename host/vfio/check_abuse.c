/* SPDX-License-Identifier: MIT */
/* Messages that no client should send: refused, and the server lives on. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vfio/check_priv.h"

#define OWN (CHECK_NEEDS_USER | CHECK_OWN_WIRE | CHECK_DESTRUCTIVE)

/* A connection that is there again after each refusal by hanging up. */
struct line {
	struct user_wire wire;
	bool open;
};

static void hang_up(struct line *l)
{
	if (l->open)
		user_wire_exit(&l->wire);
	l->open = false;
}

static bool connected(struct check_run *r, struct line *l)
{
	if (!l->open && !check_raw_greet(r, &l->wire)) {
		user_wire_exit(&l->wire);
		return false;
	}
	l->open = true;
	return true;
}

/* A command that must not be accepted. */
static bool refuses(struct check_run *r, struct line *l, uint16_t command,
		    const void *payload, size_t bytes, const char *what)
{
	enum check_answer a;

	if (!connected(r, l))
		return false;
	a = check_raw_call(r, &l->wire, command, payload, bytes, NULL, 0);
	if (a == CHECK_ANSWER_CLOSED)
		hang_up(l);
	return check_that(r,
			  a == CHECK_ANSWER_REFUSED || a == CHECK_ANSWER_CLOSED,
			  "%s (command %u, %zu bytes) was %s", what, command,
			  bytes, check_answer_name(a));
}

static const uint8_t zeros[4096];

/* ---- VERSION ----------------------------------------------------------- */

static bool bad_json(struct check_run *r, const void *json, size_t bytes,
		     const char *what)
{
	struct check_blob b = { NULL, 0, 0 };
	const struct user_version v = { USER_MAJOR, USER_MINOR };
	enum check_answer a = CHECK_ANSWER_OK;
	struct user_wire w;

	if (check_raw_open(r, &w) && !check_blob_add(&b, &v, sizeof(v)) &&
	    !check_blob_add(&b, json, bytes)) {
		a = check_raw_call(r, &w, USER_VERSION, b.data, b.bytes, NULL,
				   0);
		check_that(r,
			   a == CHECK_ANSWER_REFUSED ||
				   a == CHECK_ANSWER_CLOSED,
			   "%s was %s", what, check_answer_name(a));
	}
	user_wire_exit(&w);
	check_blob_free(&b);
	return !r->decided && check_raw_alive(r, what);
}

#define JSON(text)                                                             \
	{                                                                      \
		text, sizeof(text), text                                       \
	}

static void run_json(struct check_run *r, const struct check_case *c)
{
	static const struct {
		const char *text;
		size_t bytes;
		const char *what;
	} bad[] = {
		JSON("{"),
		JSON("not JSON"),
		JSON("{\"capabilities\":7}"),
		JSON("{\"capabilities\":{\"max_msg_fds\":\"many\"}}"),
		JSON("{\"capabilities\":{\"max_msg_fds\":-1}}"),
		JSON("{\"capabilities\":{\"max_data_xfer_size\":1e99}}"),
		JSON("{\"capabilities\":{\"max_data_xfer_size\":{}}}"),
		{ "{}", 2, "JSON without NUL at its end" },
		{ "\xff\xfe\xfd", 4, "JSON that is not UTF-8" },
	};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!bad_json(r, bad[i].text, bad[i].bytes, bad[i].what))
			return;
}

static void run_deep_json(struct check_run *r, const struct check_case *c)
{
	size_t bytes = 60000;
	char *text = malloc(bytes);

	if (!text)
		return check_skip(r, "no memory");
	memset(text, '[', bytes - 1);
	text[bytes - 1] = 0;
	bad_json(r, text, bytes, "JSON that is 60000 deep");
	free(text);
}

/* ---- headers ----------------------------------------------------------- */

/* A header whose size is not that of a message; @answer: there must be one. */
static bool bad_size(struct check_run *r, bool greeted, uint32_t bytes)
{
	const struct user_header h = { 9, USER_GET_INFO, bytes, 0, 0 };
	struct user_message m;
	struct user_wire w;
	enum check_answer a = CHECK_ANSWER_CLOSED;

	if ((greeted ? check_raw_greet(r, &w) : check_raw_open(r, &w)) &&
	    !check_raw_send(r, &w, &h, sizeof(h))) {
		a = check_raw_answer(r, &w, &m, 200);
		check_that(r, a != CHECK_ANSWER_OK,
			   "a message of %u bytes was accepted", bytes);
	}
	user_wire_exit(&w);
	return !r->decided && check_raw_alive(r, "a message of a wrong size");
}

static void run_sizes(struct check_run *r, const struct check_case *c)
{
	static const uint32_t sizes[] = { 0,	      1,	  8,
					  15,	      0x7fffffff, 0x80000000u,
					  0xffffffffu };
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (!bad_size(r, false, sizes[i]) ||
		    !bad_size(r, true, sizes[i]))
			return;
}

/* Payloads too short for what their command has at least. */
static void run_short(struct check_run *r, const struct check_case *c)
{
	static const struct {
		uint16_t command;
		uint16_t bytes;
	} least[] = {
		{ USER_DMA_MAP, sizeof(struct user_dma_map) },
		{ USER_DMA_UNMAP, sizeof(struct user_dma_unmap) },
		{ USER_GET_INFO, sizeof(struct user_device_info) },
		{ USER_GET_REGION_INFO, sizeof(struct vfio_region_info) },
		{ USER_GET_IRQ_INFO, sizeof(struct vfio_irq_info) },
		{ USER_SET_IRQS, sizeof(struct user_irq_set) },
		{ USER_REGION_READ, sizeof(struct user_region_access) },
		{ USER_REGION_WRITE, sizeof(struct user_region_access) },
		{ USER_FEATURE, sizeof(struct user_feature) },
		{ USER_MIG_DATA_READ, sizeof(struct user_mig_data) },
		{ USER_MIG_DATA_WRITE, sizeof(struct user_mig_data) },
	};
	struct line l = { .open = false };
	size_t i;

	for (i = 0; i < sizeof(least) / sizeof(least[0]); i++)
		if (!refuses(r, &l, least[i].command, zeros, 0, "no payload") ||
		    !refuses(r, &l, least[i].command, zeros,
			     least[i].bytes / 2u, "half of a payload") ||
		    !refuses(r, &l, least[i].command, zeros,
			     least[i].bytes - 1u, "a payload cut short"))
			break;
	hang_up(&l);
	check_raw_alive(r, "payloads that are too short");
}

static void run_commands(struct check_run *r, const struct check_case *c)
{
	static const uint16_t unknown[] = { 0, 19, 20, 100, 255, 256, 65535 };
	struct line l = { .open = false };
	size_t i;

	for (i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		if (!refuses(r, &l, unknown[i], zeros, 32,
			     "an unknown command"))
			break;
	hang_up(&l);
	check_raw_alive(r, "unknown commands");
}

static void run_replies(struct check_run *r, const struct check_case *c)
{
	static const uint32_t flags[] = { USER_TYPE_REPLY,
					  USER_TYPE_REPLY | USER_FLAG_ERROR, 2,
					  0xf, 0xffffffffu };
	struct user_header h = { 77, USER_GET_INFO, 16 + 16, 0, 5 };
	uint8_t m[32] = { 0 };
	struct user_message reply;
	struct user_wire w;
	size_t i;

	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		h.flags = flags[i];
		memcpy(m, &h, sizeof(h));
		if (check_raw_greet(r, &w)) {
			check_raw_send(r, &w, m, sizeof(m));
			check_raw_answer(r, &w, &reply, 50);
		}
		user_wire_exit(&w);
		if (r->decided ||
		    !check_raw_alive(r, "a reply that nobody asked for"))
			return;
	}
}

/* ---- the ways of messages ---------------------------------------------- */

struct question {
	struct user_header h;
	struct user_device_info info;
};

static struct question question(uint16_t id, uint32_t flags)
{
	return (struct question){
		{ id, USER_GET_INFO, sizeof(struct question), flags, 0 },
		{ .argsz = sizeof(struct user_device_info) }
	};
}

/* The next message is the answer to @id. */
static bool answered(struct check_run *r, struct user_wire *w, uint16_t id)
{
	struct user_message m;
	enum check_answer a = check_raw_answer(r, w, &m, 3000);

	return check_that(r, a == CHECK_ANSWER_OK, "message %u was %s", id,
			  check_answer_name(a)) &&
	       check_that(r, m.header.id == id,
			  "the answer to %u where that to %u was due",
			  m.header.id, id) &&
	       check_that(r,
			  (m.header.flags & USER_TYPE_MASK) == USER_TYPE_REPLY,
			  "an answer that is none: flags 0x%x", m.header.flags);
}

static void run_pieces(struct check_run *r, const struct check_case *c)
{
	const struct question q = question(5, 0);
	const uint8_t *at = (const uint8_t *)&q;
	struct user_wire w;
	size_t i;

	if (check_raw_greet(r, &w)) {
		for (i = 0; i < sizeof(q); i++) {
			check_raw_send(r, &w, at + i, 1);
			/* So that they do not come together. */
			poll(NULL, 0, 1);
		}
		answered(r, &w, 5);
	}
	user_wire_exit(&w);
}

static void run_pipeline(struct check_run *r, const struct check_case *c)
{
	struct question q[32];
	struct user_wire w;
	uint16_t i;

	for (i = 0; i < 32; i++)
		q[i] = question((uint16_t)(1000 + 7 * i), 0);
	if (check_raw_greet(r, &w) && !check_raw_send(r, &w, q, sizeof(q)))
		for (i = 0; i < 32; i++)
			if (!answered(r, &w, (uint16_t)(1000 + 7 * i)))
				break;
	user_wire_exit(&w);
}

static void run_no_reply(struct check_run *r, const struct check_case *c)
{
	const struct question q[2] = { question(3, USER_FLAG_NO_REPLY),
				       question(4, 0) };
	struct user_wire w;

	if (check_raw_greet(r, &w) && !check_raw_send(r, &w, q, sizeof(q)))
		answered(r, &w, 4);
	user_wire_exit(&w);
}

/* Descriptors that nobody wants: closed, or the server runs out of them. */
static void run_fds(struct check_run *r, const struct check_case *c)
{
	struct user_device_info info = { .argsz = sizeof(info) };
	struct pollfd p = { .events = POLLIN };
	struct line l = { .open = false };
	int pipe_fds[2], fds[8];
	unsigned int i;

	if (pipe2(pipe_fds, O_CLOEXEC))
		return check_skip(r, "no pipe");
	for (i = 0; i < 8; i++)
		fds[i] = pipe_fds[1];
	for (i = 0; i < 8 && connected(r, &l); i++)
		if (check_raw_call(r, &l.wire, USER_GET_INFO, &info,
				   sizeof(info), fds,
				   i + 1) == CHECK_ANSWER_CLOSED)
			hang_up(&l);
	close(pipe_fds[1]);
	p.fd = pipe_fds[0];
	/* The last writer gone means end of file. */
	if (!r->decided)
		check_that(r, poll(&p, 1, 1000) == 1,
			   "the server keeps descriptors that it was sent");
	close(pipe_fds[0]);
	hang_up(&l);
	check_raw_alive(r, "descriptors that nobody wants");
}

#define HOSTILE "vfio-user, security considerations: input is checked: "
#define WIRE "vfio-user, message header: "

const struct check_case check_abuse_cases[] = {
	CHECK_CASE(
		"abuse.json",
		"vfio-user, VERSION: a version that cannot be agreed on ends the "
		"connection; JSON, UTF-8, ending in NUL",
		CHECK_SHOULD, OWN, run_json),
	CHECK_CASE("abuse.deep-json",
		   HOSTILE "no depth of JSON ends the server", CHECK_MUST, OWN,
		   run_deep_json),
	CHECK_CASE("abuse.message-size", WIRE "its size is that of the message",
		   CHECK_MUST, OWN, run_sizes),
	CHECK_CASE("abuse.short-payload",
		   HOSTILE "payloads have their fixed part", CHECK_MUST, OWN,
		   run_short),
	CHECK_CASE("abuse.unknown-command",
		   WIRE
		   "commands that are not known are answered with an error",
		   CHECK_MUST, OWN, run_commands),
	CHECK_CASE("abuse.reply-unasked",
		   HOSTILE "a reply to nothing ends no server", CHECK_MUST, OWN,
		   run_replies),
	CHECK_CASE(
		"abuse.pieces",
		"unix(7), SOCK_STREAM: a message may come in pieces (deployed "
		"peers want it whole)",
		CHECK_DIFFERS, OWN, run_pieces),
	CHECK_CASE(
		"abuse.pipeline",
		"vfio-user, command concurrency: commands are answered in their "
		"order",
		CHECK_MUST, OWN, run_pipeline),
	CHECK_CASE("abuse.no-reply",
		   WIRE "No_reply: the command is not answered", CHECK_MUST,
		   OWN, run_no_reply),
	CHECK_CASE("abuse.descriptors",
		   HOSTILE "descriptors that come unasked are "
			   "closed",
		   CHECK_SHOULD, OWN, run_fds),
};
const size_t check_abuse_nr =
	sizeof(check_abuse_cases) / sizeof(check_abuse_cases[0]);
