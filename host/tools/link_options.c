/* SPDX-License-Identifier: MIT */
/* The options of the link. */
#include "tools/link_options.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/units.h"
#include "report/result.h"
#include "tools/common.h"

enum { RELAY_AUTO, RELAY_ON, RELAY_OFF };

static const char *const relays[] = { "auto", "on", "off", NULL };

#define AT(field) offsetof(struct common_settings, link.field)

const struct option_spec link_options[] = {
	{ "relay", OPTION_CHOICE, AT(relay), "WHEN",
	  "count the link's bytes in a relay: auto (QEMU), on, off\n"
	  "(the kernel counts QEMU's, over TCP)",
	  0, 0, relays },
	{ "link-rate", OPTION_RATE, AT(rate_bytes_per_s), "RATE",
	  "let the relay limit the link, bytes/s", 0, 64ull << 30, NULL },
	{ "link-delay", OPTION_TIME, AT(delay_ns), "TIME",
	  "deliver each byte that much later, both ways", 0, NSEC_PER_SEC,
	  NULL },
	{ "link-cut", OPTION_SIZE, AT(cut_bytes), "SIZE",
	  "cut the link after exactly that many bytes", 0, 0, NULL },
	{ "link-cut-round", OPTION_NUMBER, AT(cut_round), "N",
	  "cut the link when round N begins", 1, 1000000, NULL },
	{ "link-stall", OPTION_STRING, AT(stall_text), "TIME@round:N",
	  "let nothing pass for that long from round N on", 0, 0, NULL },
	{ .name = NULL },
};

static int parse_stall(struct link_choice *c, struct error *err)
{
	const char *at = strstr(c->stall_text, "@round:");
	char time[32];
	size_t len = at ? (size_t)(at - c->stall_text) : 0;

	if (at && len < sizeof(time)) {
		memcpy(time, c->stall_text, len);
		time[len] = '\0';
		if (!units_parse_time(time, &c->stall_ns) && c->stall_ns &&
		    !units_parse_u64(at + 7, 1, 1000000, &c->stall_round))
			return 0;
	}
	return error_set(err, -EINVAL,
			 "--link-stall takes TIME@round:N such as "
			 "500ms@round:2, not '%s'",
			 c->stall_text);
}

int link_resolve(struct link_choice *c, struct run_settings *run,
		 struct error *err)
{
	bool impaired = c->rate_bytes_per_s || c->delay_ns || c->cut_bytes ||
			c->cut_round || c->stall_text;
	int rc = c->stall_text ? parse_stall(c, err) : 0;

	if (rc)
		return rc;
	if (impaired && c->relay == RELAY_OFF)
		return error_set(
			err, -EINVAL,
			"--relay off leaves nothing that could "
			"impair the link: drop the --link-... options");
	run->relay = c->relay == RELAY_ON || impaired ||
		     (c->relay == RELAY_AUTO && run->kind == DRIVE_QEMU);
	run->relay_auto = c->relay == RELAY_AUTO && !impaired;
	run->relay_needed = impaired;
	run->relay_params = (struct relay_params){
		.rate_bytes_per_s = c->rate_bytes_per_s,
		.delay_ns = c->delay_ns,
		.cut_after_bytes = c->cut_bytes,
	};
	run->cut_round = (unsigned int)c->cut_round;
	run->stall_round = (unsigned int)c->stall_round;
	run->stall_ns = c->stall_ns;
	return 0;
}

void link_params(const struct link_choice *c, const struct run_settings *run,
		 json_t *params)
{
	json_object_set_new(params, "link",
			    json_pack("{s:b, s:I, s:f, s:I, s:I, s:o}", "relay",
				      run->relay, "rate_bytes_per_s",
				      (json_int_t)c->rate_bytes_per_s,
				      "delay_ms", (double)c->delay_ns / 1e6,
				      "cut_bytes", (json_int_t)c->cut_bytes,
				      "cut_round", (json_int_t)c->cut_round,
				      "stall", result_string(c->stall_text)));
}
