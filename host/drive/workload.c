/* SPDX-License-Identifier: MIT */
/* The workload's words, checked on the host. */
#include "drive/workload.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "drive/workload_phase.h"
#include "oracle.h"

/* Memory that the guest itself needs beside its working set. */
#define GUEST_OWN_BYTES (8ull << 20)

/* A line of the guest's console, with room for "start ". */
#define LINE_LIMIT 1000u

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

static int set_write(struct workload *w, const char *v, struct error *err)
{
	static const char *const names[] = { "stamp", "line", "page", NULL };

	return take_name("write", v, names, w->write, err);
}

static int set_content(struct workload *w, const char *v, struct error *err)
{
	static const char *const names[] = { "zero",   "constant", "text",
					     "random", "r:N",	   NULL };
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

static int set_delta(struct workload *w, const char *v, struct error *err)
{
	if (units_parse_size(v, &w->delta_bytes) || !w->delta_bytes ||
	    w->delta_bytes % ORACLE_LINE_BYTES ||
	    w->delta_bytes > ABI_PAGE_BYTES)
		return error_set(
			err, -EINVAL,
			"workload: delta takes whole lines of 64 bytes "
			"such as 256, a page at most, not '%s'",
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

static int set_dma(struct workload *w, const char *v, struct error *err)
{
	/* The guest's own limit, as for the vCPUs' rate. */
	if (units_parse_rate(v, &w->dma_bytes_per_s) ||
	    w->dma_bytes_per_s > 1ull << 44)
		return error_set(err, -EINVAL,
				 "workload: dma takes a rate such as 50M or "
				 "2000p (pages), 0 = as fast as possible, not "
				 "'%s'",
				 v);
	w->dma = true;
	return 0;
}

static int set_l2(struct workload *w, const char *v, struct error *err)
{
	size_t bytes = strlen(v) + 1;

	if (bytes <= sizeof(w->l2))
		memcpy(w->l2, v, bytes);
	if (bytes <= sizeof(w->l2) && workload_l2_mode(w) &&
	    v[strcspn(v, " \t\n=")] == '\0')
		return 0;
	return error_set(
		err, -EINVAL,
		"workload: l2 takes one of cpuid, dirty, loaded, bare, "
		"each with :VARIANT behind it if you like, not '%s'",
		v);
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
	{ "write", set_write }, { "content", set_content },
	{ "delta", set_delta }, { "wss", set_wss },
	{ "seed", set_seed },	{ "dma", set_dma },
	{ "l2", set_l2 },	{ "check", set_check },
};

/* What stands between the words of a line, and is looked at in the end. */
struct said {
	char *phases; /* the value; NULL = not said */
	bool stride, hot, burst;
};

static int set_key(struct workload *w, struct said *said, const char *key,
		   char *value, struct error *err)
{
	size_t i;
	int rc;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!strcmp(keys[i].key, key))
			return keys[i].set(w, value, err);
	said->stride |= !strcmp(key, "stride");
	said->hot |= !strcmp(key, "hot");
	said->burst |= !strcmp(key, "burst");
	if (!strcmp(key, "phases")) {
		said->phases = value;
		return 0;
	}
	rc = workload_phase_set(&w->base, key, value, err);
	if (rc != -ENOENT)
		return rc;
	return error_set(
		err, -EINVAL,
		"workload: unknown key '%s'; there are pattern, "
		"stride, hot, burst, rate, write, delta, content, wss, "
		"seed, dma, l2, check, phases",
		key);
}

static int set_word(struct workload *w, struct said *said, char *word,
		    struct error *err)
{
	char *equals = strchr(word, '=');

	if (!equals)
		return error_set(err, -EINVAL,
				 "workload: '%s' is not KEY=VALUE", word);
	*equals = '\0';
	return set_key(w, said, word, equals + 1, err);
}

/* A key that no pattern of this workload has was meant for another one. */
static int check_said(const struct workload *w, const struct said *said,
		      struct error *err)
{
	if (w->delta_bytes && strcmp(w->write, "page"))
		return error_set(
			err, -EINVAL,
			"workload: delta is for write=page, which then "
			"changes so many bytes of the page");
	if (said->phases)
		return 0;
	if (said->stride && !w->base.stride_bytes)
		return error_set(err, -EINVAL,
				 "workload: stride is for pattern=strided");
	if (said->hot && !w->base.hot_pages_pct)
		return error_set(err, -EINVAL,
				 "workload: hot is for pattern=hotcold");
	if (said->burst && !w->base.burst_on_ms)
		return error_set(err, -EINVAL,
				 "workload: burst is for pattern=burst");
	return 0;
}

static int check_wss(const struct workload *w, uint64_t ram_bytes,
		     struct error *err)
{
	char size[UNITS_TEXT_BYTES], ram[UNITS_TEXT_BYTES];

	if (ram_bytes >= GUEST_OWN_BYTES &&
	    w->wss_bytes <= ram_bytes - GUEST_OWN_BYTES)
		return 0;
	return error_set(err, -EINVAL,
			 "workload: wss=%s does not fit: of %s of RAM the "
			 "guest needs 8 MiB for itself",
			 units_format_size(size, w->wss_bytes),
			 units_format_size(ram, ram_bytes));
}

const char *const workload_l2_names[WORKLOAD_NR_L2] = {
	[ABI_L2_OFF] = "off",	  [ABI_L2_CPUID] = "cpuid",
	[ABI_L2_DIRTY] = "dirty", [ABI_L2_LOADED] = "loaded",
	[ABI_L2_BARE] = "bare",
};

unsigned int workload_l2_mode(const struct workload *w)
{
	size_t n = strcspn(w->l2, ":");
	unsigned int i;

	for (i = ABI_L2_CPUID; i < WORKLOAD_NR_L2; i++)
		if (strlen(workload_l2_names[i]) == n &&
		    !memcmp(workload_l2_names[i], w->l2, n))
			return i;
	return ABI_L2_OFF;
}

static int parse(struct workload *w, char *text, struct error *err)
{
	struct said said = { 0 };
	char *word;
	int rc = 0;

	while (!rc && (word = strsep(&text, ",")))
		if (*word || text)
			rc = set_word(w, &said, word, err);
	if (!rc && said.phases)
		rc = workload_phases_set(w, said.phases, err);
	if (rc)
		return rc;
	workload_phase_finish(&w->base);
	return check_said(w, &said, err);
}

int workload_parse(const char *text, uint64_t ram_bytes,
		   struct workload *ret_workload, struct error *err)
{
	struct workload w = {
		.write = "stamp",
		.content = "random",
		.seed = 1,
		.check = true,
	};
	char *copy = strdup(text ? text : ""), line[WORKLOAD_LINE_BYTES];
	int rc;

	if (!copy)
		return error_set(err, -ENOMEM, "no memory");
	workload_phase_init(&w.base);
	rc = parse(&w, copy, err);
	free(copy);
	if (!rc)
		rc = check_wss(&w, ram_bytes, err);
	if (!rc && strlen(workload_words(&w, line)) > LINE_LIMIT)
		rc = error_set(err, -EINVAL,
			       "workload: too much for one line of the guest's "
			       "console; fewer phases or rates");
	if (!rc)
		*ret_workload = w;
	return rc;
}

/* Cut where @bytes end. */
static void phases_text(const struct workload *w, char *text, size_t bytes)
{
	size_t n = 0;
	uint32_t i;

	text[0] = '\0';
	for (i = 0; i < w->nr_phases; i++) {
		if (i && n + 1 < bytes)
			text[n++] = ';';
		n += (size_t)workload_phase_words(&w->phase[i], ':', '&',
						  text + n, bytes - n);
		if (n >= bytes)
			return;
		n += (size_t)snprintf(text + n, bytes - n, "/%ums",
				      w->phase[i].duration_ms);
		if (n >= bytes)
			return;
	}
}

const char *workload_phases(const struct workload *w, char *line)
{
	phases_text(w, line, WORKLOAD_LINE_BYTES);
	return line;
}

const char *workload_words(const struct workload *w, char *line)
{
	char base[256], delta[32] = "", wss[32] = "", dma[32] = "";
	size_t n;

	workload_phase_words(&w->base, '=', ' ', base, sizeof(base));
	if (w->delta_bytes)
		snprintf(delta, sizeof(delta), " delta=%" PRIu64,
			 w->delta_bytes);
	if (w->wss_bytes)
		snprintf(wss, sizeof(wss), " wss=%" PRIu64, w->wss_bytes);
	if (w->dma)
		snprintf(dma, sizeof(dma), " dma=%" PRIu64, w->dma_bytes_per_s);
	n = (size_t)snprintf(
		line, WORKLOAD_LINE_BYTES,
		"write=%s%s content=%s seed=%" PRIu64 " check=%s%s%s%s%s %s%s",
		w->write, delta, w->content, w->seed, w->check ? "on" : "off",
		wss, dma, w->l2[0] ? " l2=" : "", w->l2, base,
		w->nr_phases ? " phases=" : "");
	if (w->nr_phases)
		phases_text(w, line + n, WORKLOAD_LINE_BYTES - n);
	return line;
}

uint64_t workload_target_bytes_per_s(const struct workload *w,
				     unsigned int nr_vcpus)
{
	double sum = 0, total_ms = 0, rate;
	uint32_t i;

	if (!w->nr_phases)
		return (uint64_t)(workload_phase_target(&w->base, nr_vcpus) +
				  0.5);
	for (i = 0; i < w->nr_phases; i++) {
		rate = workload_phase_target(&w->phase[i], nr_vcpus);
		if (!(rate > 0))
			return 0;
		sum += rate * w->phase[i].duration_ms;
		total_ms += w->phase[i].duration_ms;
	}
	return total_ms > 0 ? (uint64_t)(sum / total_ms + 0.5) : 0;
}
