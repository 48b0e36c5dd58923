/* SPDX-License-Identifier: MIT */
/* Order and tempo of a workload: patterns, rates, bursts, phases. */
#include "drive/workload_phase.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/units.h"

#define MAX_STRIDE_BYTES (1ull << 40)
/* The guest's limit; far above any memory. */
#define MAX_RATE_BYTES_PER_S (1ull << 44)
#define MAX_NS (3600 * NSEC_PER_SEC)
#define MIN_PHASE_NS (10 * NSEC_PER_MSEC)

void workload_phase_init(struct workload_phase *p)
{
	*p = (struct workload_phase){
		.pattern = "random",
		.stride_bytes = 64u << 10,
		.hot_pages_pct = 10,
		.hot_steps_pct = 90,
		.burst_on_ms = 200,
		.burst_off_ms = 800,
		.nr_rates = 1,
	};
}

void workload_phase_finish(struct workload_phase *p)
{
	if (strcmp(p->pattern, "strided"))
		p->stride_bytes = 0;
	if (strcmp(p->pattern, "hotcold"))
		p->hot_pages_pct = p->hot_steps_pct = 0;
	if (strcmp(p->pattern, "burst"))
		p->burst_on_ms = p->burst_off_ms = 0;
}

static int set_pattern(struct workload_phase *p, char *v, struct error *err)
{
	static const char *const names[] = { "sequential", "random", "strided",
					     "hotcold",	   "burst",  NULL };
	int i;

	for (i = 0; names[i]; i++) {
		if (strcmp(names[i], v))
			continue;
		snprintf(p->pattern, sizeof(p->pattern), "%s", v);
		return 0;
	}
	return error_set(err, -EINVAL,
			 "workload: pattern takes one of sequential, random, "
			 "strided, hotcold, burst, not '%s'",
			 v);
}

static int set_stride(struct workload_phase *p, char *v, struct error *err)
{
	if (units_parse_size(v, &p->stride_bytes) || !p->stride_bytes ||
	    p->stride_bytes % ABI_PAGE_BYTES ||
	    p->stride_bytes > MAX_STRIDE_BYTES)
		return error_set(err, -EINVAL,
				 "workload: stride takes a size in whole 4 KiB "
				 "pages such as 64K, not '%s'",
				 v);
	return 0;
}

static bool parse_percent(char *v, uint32_t *ret)
{
	size_t n = strlen(v);
	uint64_t pct;

	if (!n || v[n - 1] != '%')
		return false;
	v[n - 1] = '\0';
	n = units_parse_u64(v, 1, 99, &pct) || v[0] == '0';
	*ret = (uint32_t)pct;
	return !n;
}

static int set_hot(struct workload_phase *p, char *v, struct error *err)
{
	char said[64];
	char *slash = strchr(v, '/');

	snprintf(said, sizeof(said), "%s", v);
	if (slash)
		*slash = '\0';
	if (!slash || !parse_percent(v, &p->hot_pages_pct) ||
	    !parse_percent(slash + 1, &p->hot_steps_pct))
		return error_set(
			err, -EINVAL,
			"workload: hot takes PAGES%%/STEPS%%, each 1%% "
			"to 99%%, such as 10%%/90%%, not '%s'",
			said);
	return 0;
}

/* Whole milliseconds, an hour at most. */
static bool parse_ms(const char *v, uint64_t min_ns, uint32_t *ret_ms)
{
	uint64_t ns;

	if (units_parse_time(v, &ns) || ns < min_ns || ns > MAX_NS ||
	    ns % NSEC_PER_MSEC)
		return false;
	*ret_ms = (uint32_t)(ns / NSEC_PER_MSEC);
	return true;
}

static int set_burst(struct workload_phase *p, char *v, struct error *err)
{
	char *slash = strchr(v, '/');

	if (slash)
		*slash = '\0';
	if (slash && parse_ms(v, NSEC_PER_MSEC, &p->burst_on_ms) &&
	    parse_ms(slash + 1, NSEC_PER_MSEC, &p->burst_off_ms))
		return 0;
	return error_set(
		err, -EINVAL,
		"workload: burst takes ON/OFF, each 1ms to 1h, such as "
		"200ms/800ms, not '%s%s%s'",
		v, slash ? "/" : "", slash ? slash + 1 : "");
}

/* "100M" of all, or "100M+2000p": of vCPU 0, of vCPU 1, and again. */
static int set_rate(struct workload_phase *p, char *v, struct error *err)
{
	uint32_t nr = 0;
	char *part;

	while ((part = strsep(&v, "+"))) {
		if (nr == ABI_MAX_RATES)
			return error_set(
				err, -EINVAL,
				"workload: rate takes a rate, or up to "
				"%u of them joined by +",
				ABI_MAX_RATES);
		if (units_parse_rate(part, &p->rate_bytes_per_s[nr]) ||
		    p->rate_bytes_per_s[nr] > MAX_RATE_BYTES_PER_S)
			return error_set(
				err, -EINVAL,
				"workload: rate takes bytes/s such as "
				"100M, pages/s such as 2000p, or 0, up "
				"to 16T, not '%s'",
				part);
		nr++;
	}
	p->nr_rates = nr;
	return 0;
}

static const struct {
	const char *key;
	int (*set)(struct workload_phase *p, char *value, struct error *err);
} keys[] = {
	{ "pattern", set_pattern }, { "stride", set_stride },
	{ "hot", set_hot },	    { "burst", set_burst },
	{ "rate", set_rate },
};

int workload_phase_set(struct workload_phase *p, const char *key,
		       const char *value, struct error *err)
{
	char *copy;
	size_t i;
	int rc;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(keys[i].key, key))
			continue;
		copy = strdup(value);
		rc = copy ? keys[i].set(p, copy, err)
			  : error_set(err, -ENOMEM, "no memory");
		free(copy);
		return rc;
	}
	return -ENOENT;
}

static int set_phase_word(struct workload_phase *p, char *word,
			  struct error *err)
{
	char *colon = strchr(word, ':');
	int rc;

	if (!colon)
		return error_set(err, -EINVAL,
				 "workload: '%s' in phases is not KEY:VALUE",
				 word);
	*colon = '\0';
	rc = workload_phase_set(p, word, colon + 1, err);
	if (rc != -ENOENT)
		return rc;
	return error_set(err, -EINVAL,
			 "workload: a phase can change pattern, stride, hot, "
			 "burst and rate, not '%s'",
			 word);
}

static int set_phase(struct workload_phase *p, char *text, struct error *err)
{
	char *slash = strrchr(text, '/'), *word;
	int rc = 0;

	if (!slash || !parse_ms(slash + 1, MIN_PHASE_NS, &p->duration_ms))
		return error_set(
			err, -EINVAL,
			"workload: a phase ends in /TIME, 10ms to 1h, "
			"such as pattern:random&rate:100M/5s, not '%s'",
			text);
	*slash = '\0';
	while (!rc && (word = strsep(&text, "&")))
		rc = set_phase_word(p, word, err);
	if (!rc)
		workload_phase_finish(p);
	return rc;
}

int workload_phases_set(struct workload *w, char *text, struct error *err)
{
	char *part;
	int rc = 0;

	w->nr_phases = 0;
	while (!rc && (part = strsep(&text, ";"))) {
		if (w->nr_phases == ORACLE_MAX_ORDERS)
			return error_set(
				err, -EINVAL,
				"workload: there are at most %u phases",
				ORACLE_MAX_ORDERS);
		w->phase[w->nr_phases] = w->base;
		rc = set_phase(&w->phase[w->nr_phases++], part, err);
	}
	return rc;
}

const char *workload_hot(const struct workload_phase *p, char *text)
{
	text[0] = '\0';
	if (p->hot_pages_pct)
		snprintf(text, 24, "%u%%/%u%%", p->hot_pages_pct,
			 p->hot_steps_pct);
	return text;
}

const char *workload_burst(const struct workload_phase *p, char *text)
{
	text[0] = '\0';
	if (p->burst_on_ms)
		snprintf(text, 24, "%ums/%ums", p->burst_on_ms,
			 p->burst_off_ms);
	return text;
}

int workload_phase_words(const struct workload_phase *p, char equals,
			 char divider, char *text, size_t bytes)
{
	char own[48] = "", value[24], rates[ABI_MAX_RATES * 16] = "";
	uint32_t i;
	int n = 0;

	if (p->stride_bytes)
		snprintf(own, sizeof(own), "%cstride%c%" PRIu64, divider,
			 equals, p->stride_bytes);
	else if (*workload_hot(p, value))
		snprintf(own, sizeof(own), "%chot%c%s", divider, equals, value);
	else if (*workload_burst(p, value))
		snprintf(own, sizeof(own), "%cburst%c%s", divider, equals,
			 value);
	for (i = 0; i < p->nr_rates; i++)
		n += snprintf(rates + n, sizeof(rates) - (size_t)n,
			      "%s%" PRIu64, i ? "+" : "",
			      p->rate_bytes_per_s[i]);
	return snprintf(text, bytes, "pattern%c%s%s%crate%c%s", equals,
			p->pattern, own, divider, equals, rates);
}

double workload_phase_target(const struct workload_phase *p,
			     unsigned int nr_vcpus)
{
	double sum = 0, on = p->burst_on_ms;
	unsigned int i, nr = p->nr_rates > 1 ? nr_vcpus : 1;

	for (i = 0; i < nr; i++) {
		if (!p->rate_bytes_per_s[i % p->nr_rates])
			return 0;
		sum += (double)p->rate_bytes_per_s[i % p->nr_rates];
	}
	return p->burst_on_ms ? sum * on / (on + p->burst_off_ms) : sum;
}
