/* SPDX-License-Identifier: MIT */
/* How the source's pages leave it. */
#include "tools/send_options.h"

#include <errno.h>
#include <string.h>

#include "report/result.h"
#include "tools/migrate_options.h"

#define AT(field) offsetof(struct migrate_settings, send.field)
#define GIB ((double)(1ull << 30))

/* What the kernel takes in one call (UIO_MAXIOV). */
#define MAX_IOVECS 1024

enum { SEND_IOVEC, SEND_COPY };

static const char *const modes[] = { "iovec", "copy", NULL };
static const char *const switches[] = { "off", "on", NULL };

const struct option_spec send_options[] = {
	{ "send", OPTION_CHOICE, AT(mode), "HOW",
	  "pages leave by address (iovec, the default), or are copied\n"
	  "into a buffer of 32 KiB first (copy)",
	  0, 0, modes },
	{ "iovecs", OPTION_NUMBER, AT(iovecs), "N",
	  "places that one write takes pages from, 1 to 1024 (default)", 1,
	  MAX_IOVECS, NULL },
	{ "zerocopy", OPTION_CHOICE, AT(zerocopy), "WHEN",
	  "on: the kernel copies no pages either (MSG_ZEROCOPY, over\n"
	  "tcp; QEMU: zero-copy-send, with --channels); default off",
	  0, 0, switches },
	{ .name = NULL },
};

bool send_wants_tcp(const struct send_choice *c)
{
	return c->zerocopy;
}

static int resolve_zerocopy(const struct send_choice *c,
			    struct run_settings *run, struct error *err)
{
	if (strcmp(run->transport, "tcp"))
		return error_set(err, -EINVAL,
				 "--zerocopy on needs --transport tcp: no "
				 "other channel can do without a copy");
	if (c->mode == SEND_COPY)
		return error_set(err, -EINVAL,
				 "--send copy and --zerocopy on contradict "
				 "each other");
	if (run->kind != DRIVE_QEMU)
		return 0;
	if (run->nr_channels < 2)
		return error_set(err, -EINVAL,
				 "QEMU's zero copy is multifd's: --zerocopy on "
				 "needs --channels 2 or more");
	json_object_set_new(run->capabilities, "zero-copy-send", json_true());
	return 0;
}

int send_resolve(const struct send_choice *c, struct run_settings *run,
		 struct error *err)
{
	bool ours = c->mode || c->iovecs;

	if (ours && run->kind == DRIVE_QEMU)
		return error_set(err, -EINVAL,
				 "--send and --iovecs are for --vmm mini: "
				 "QEMU's engine cannot be asked");
	if (ours && !strcmp(run->transport, "memfd"))
		return error_set(err, -EINVAL,
				 "with --transport memfd no pages travel: "
				 "--send and --iovecs have nothing to do");
	if (c->mode == SEND_COPY && c->iovecs)
		return error_set(err, -EINVAL,
				 "--iovecs is for --send iovec: a buffer is "
				 "one place");
	run->send = (struct run_send){
		.copy = c->mode == SEND_COPY,
		.zerocopy = c->zerocopy,
		.iovecs = c->iovecs ? (unsigned int)c->iovecs : MAX_IOVECS,
	};
	return c->zerocopy ? resolve_zerocopy(c, run, err) : 0;
}

json_t *send_params(const struct run_send *send)
{
	return json_pack("{s:s, s:I, s:b}", "mode", modes[send->copy], "iovecs",
			 (json_int_t)send->iovecs, "zerocopy", send->zerocopy);
}

static double number(json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

json_t *send_sample(const struct run_sample *s)
{
	json_t *own = json_object_get(s->vmm_reported, "x-vmferry");
	json_t *ram = json_object_get(s->vmm_reported, "ram");
	json_t *send = json_object_get(own, "send"), *o;
	double bytes = number(ram, "normal-bytes");
	static const struct {
		const char *from, *to;
	} counts[] = {
		{ "writes", "writes" },
		{ "zerocopy-writes", "zerocopy_writes" },
		{ "zerocopy-copied", "zerocopy_copied" },
	};
	size_t i;

	if (!send || bytes <= 0)
		return json_null();
	o = json_pack("{s:o, s:o, s:o}", "copied_bytes_per_gib",
		      result_number(number(send, "copied-bytes") / bytes * GIB),
		      "source_cpu_s_per_gib",
		      result_number(s->source_cpu_s / bytes * GIB),
		      "iovecs_per_page",
		      result_number(number(send, "iovecs") / bytes * 4096));
	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		json_object_set(o, counts[i].to,
				json_object_get(send, counts[i].from));
	return o;
}
