/* SPDX-License-Identifier: MIT */
/* The workload's words, checked on the host. */
#include "drive/workload.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "oracle.h"

/* Memory that the guest itself needs beside its working set. */
#define GUEST_OWN_BYTES (8ull << 20)

static int take_name(const char *key, const char *value,
		     const char *const *names, char *to, struct error *err)
{
	char list[128] = "";
	size_t n = 0;
	int i;

	for (i = 0; names[i]; i++) {
		if (!strcmp(names[i], value)) {
			snprintf(to, 16, "%s", value);
			return 0;
		}
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s",
				      i ? ", " : "", names[i]);
	}
	return error_set(err, -EINVAL, "workload: %s takes one of %s, not '%s'",
			 key, list, value);
}

static int set_pattern(struct workload *w, const char *v, struct error *err)
{
	static const char *const names[] = { "sequential", "random", NULL };

	return take_name("pattern", v, names, w->pattern, err);
}

static int set_write(struct workload *w, const char *v, struct error *err)
{
	static const char *const names[] = { "stamp", "page", NULL };

	return take_name("write", v, names, w->write, err);
}

static int set_content(struct workload *w, const char *v, struct error *err)
{
	static const char *const names[] = { "zero", "random", "r:N", NULL };
	uint64_t ratio;

	if (!strncmp(v, "r:", 2)) {
		if (units_parse_u64(v + 2, 1, ORACLE_MAX_RATIO, &ratio))
			return error_set(err, -EINVAL,
					 "workload: the ratio in content=%s "
					 "must be 1 to %u",
					 v, ORACLE_MAX_RATIO);
		snprintf(w->content, sizeof(w->content), "r:%" PRIu64, ratio);
		return 0;
	}
	return take_name("content", v, names, w->content, err);
}

static int set_rate(struct workload *w, const char *v, struct error *err)
{
	if (units_parse_rate(v, &w->rate_bytes_per_s) ||
	    w->rate_bytes_per_s > INT64_MAX)
		return error_set(err, -EINVAL,
				 "workload: rate takes bytes/s such as 100M, "
				 "pages/s such as 2000p, or 0, not '%s'",
				 v);
	return 0;
}

static int set_wss(struct workload *w, const char *v, struct error *err)
{
	if (units_parse_size(v, &w->wss_bytes) || !w->wss_bytes ||
	    w->wss_bytes % ABI_PAGE_BYTES)
		return error_set(err, -EINVAL,
				 "workload: wss takes a size in whole 4 KiB "
				 "pages such as 512M, not '%s'",
				 v);
	return 0;
}

static int set_seed(struct workload *w, const char *v, struct error *err)
{
	/* JSON has no room for more than 63 bits. */
	if (units_parse_u64(v, 0, INT64_MAX, &w->seed))
		return error_set(err, -EINVAL,
				 "workload: seed takes a number up to 2^63 - "
				 "1, not '%s'",
				 v);
	return 0;
}

static int set_check(struct workload *w, const char *v, struct error *err)
{
	if (strcmp(v, "on") && strcmp(v, "off"))
		return error_set(err, -EINVAL,
				 "workload: check takes on or off, not '%s'",
				 v);
	w->check = !strcmp(v, "on");
	return 0;
}

static const struct {
	const char *key;
	int (*set)(struct workload *w, const char *value, struct error *err);
} keys[] = {
	{ "pattern", set_pattern }, { "write", set_write },
	{ "content", set_content }, { "rate", set_rate },
	{ "wss", set_wss },	    { "seed", set_seed },
	{ "check", set_check },
};

static int set_word(struct workload *w, char *word, struct error *err)
{
	char *equals = strchr(word, '=');
	size_t i;

	if (!equals)
		return error_set(err, -EINVAL,
				 "workload: '%s' is not KEY=VALUE", word);
	*equals = '\0';
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!strcmp(keys[i].key, word))
			return keys[i].set(w, equals + 1, err);
	return error_set(err, -EINVAL,
			 "workload: unknown key '%s'; there are pattern, "
			 "write, content, rate, wss, seed, check",
			 word);
}

int workload_parse(const char *text, uint64_t ram_bytes,
		   struct workload *ret_workload, struct error *err)
{
	struct workload w = {
		.pattern = "random",
		.write = "stamp",
		.content = "random",
		.seed = 1,
		.check = true,
	};
	char size[UNITS_TEXT_BYTES], ram[UNITS_TEXT_BYTES];
	char *copy = strdup(text ? text : ""), *rest = copy, *word;
	int rc = 0;

	if (!copy)
		return error_set(err, -ENOMEM, "no memory");
	while (!rc && (word = strsep(&rest, ",")))
		if (*word || rest)
			rc = set_word(&w, word, err);
	free(copy);
	if (!rc && (ram_bytes < GUEST_OWN_BYTES ||
		    w.wss_bytes > ram_bytes - GUEST_OWN_BYTES))
		rc = error_set(err, -EINVAL,
			       "workload: wss=%s does not fit: of %s of RAM "
			       "the guest needs 8 MiB for itself",
			       units_format_size(size, w.wss_bytes),
			       units_format_size(ram, ram_bytes));
	if (!rc)
		*ret_workload = w;
	return rc;
}

const char *workload_words(const struct workload *w, char *line)
{
	int n = snprintf(line, WORKLOAD_LINE_BYTES,
			 "pattern=%s write=%s content=%s rate=%" PRIu64
			 " seed=%" PRIu64 " check=%s",
			 w->pattern, w->write, w->content, w->rate_bytes_per_s,
			 w->seed, w->check ? "on" : "off");

	if (w->wss_bytes)
		snprintf(line + n, WORKLOAD_LINE_BYTES - (size_t)n,
			 " wss=%" PRIu64, w->wss_bytes);
	return line;
}
