/* SPDX-License-Identifier: MIT */
/* Phases of the workload: order and tempo, as they are written. */
#include <stddef.h>

#include "lib/options.h"
#include "lib/string.h"
#include "lib/words.h"

/* The longest text of a phase, and of a key or value in it. */
#define PHASE_BYTES 224u
#define PART_BYTES 192u

#define MAX_MS (3600u * 1000)
#define MIN_PHASE_MS 10u

/*
 * Cuts the text before the next @divider off @text.
 * Return: false if there is none left, or it has no room in @part.
 */
static bool next_part(const char **text, char divider, char *part, size_t bytes)
{
	const char *at = *text;
	size_t n = 0;

	if (!at || !*at)
		return false;
	for (; *at && *at != divider; at++) {
		if (n + 1 >= bytes)
			return false;
		part[n++] = *at;
	}
	part[n] = 0;
	/* With nothing behind it, a divider divides nothing. */
	if (*at && !at[1])
		return false;
	*text = *at ? at + 1 : at;
	return true;
}

static bool parse_ms(const char *text, uint32_t min, uint32_t *ret_ms)
{
	uint64_t ms;

	if (!words_time(text, &ms) || ms < min || ms > MAX_MS)
		return false;
	*ret_ms = (uint32_t)ms;
	return true;
}

/* "A/B", each by itself. */
static bool parse_pair(const char *text,
		       bool (*parse)(const char *, uint32_t *), uint32_t *a,
		       uint32_t *b)
{
	char part[16];
	uint32_t first, second;

	if (!next_part(&text, '/', part, sizeof(part)) ||
	    !parse(part, &first) || !parse(text, &second))
		return false;
	*a = first;
	*b = second;
	return true;
}

static bool parse_percent(const char *text, uint32_t *ret)
{
	char digits[4];
	uint64_t value;
	size_t n = 0;

	while (text[n] && n < sizeof(digits)) {
		digits[n] = text[n];
		n++;
	}
	if (n < 2 || n == sizeof(digits) || digits[n - 1] != '%')
		return false;
	digits[n - 1] = 0;
	if (!words_number(digits, &value) || !value || value > 99)
		return false;
	*ret = (uint32_t)value;
	return true;
}

static bool parse_span(const char *text, uint32_t *ret_ms)
{
	return parse_ms(text, 1, ret_ms);
}

static bool set_pattern(struct work_phase *p, const char *value)
{
	static const char *const names[] = {
		"sequential", "random", "strided", "hotcold", "burst",
	};
	uint32_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!string_equal(names[i], value))
			continue;
		p->pattern = ORACLE_SEQUENTIAL + i;
		return true;
	}
	return false;
}

static bool set_stride(struct work_phase *p, const char *value)
{
	uint64_t bytes;

	if (!words_size(value, &bytes) || !bytes || bytes % ABI_PAGE_BYTES ||
	    bytes > 1ull << 40)
		return false;
	p->stride_pages = (uint32_t)(bytes / ABI_PAGE_BYTES);
	return true;
}

static bool set_hot(struct work_phase *p, const char *value)
{
	return parse_pair(value, parse_percent, &p->hot_pages_pct,
			  &p->hot_steps_pct);
}

static bool set_burst(struct work_phase *p, const char *value)
{
	return parse_pair(value, parse_span, &p->burst_on_ms, &p->burst_off_ms);
}

/* "100M" of all, or "100M+2000p": of vCPU 0, of vCPU 1, and again. */
static bool set_rate(struct work_phase *p, const char *value)
{
	uint64_t rate[ABI_MAX_RATES];
	char part[32];
	uint32_t nr = 0, i;

	do {
		/* Far above any memory; keeps the pacing's arithmetic in range. */
		if (nr == ABI_MAX_RATES ||
		    !next_part(&value, '+', part, sizeof(part)) ||
		    !words_rate(part, &rate[nr]) || rate[nr] > 1ull << 44)
			return false;
		nr++;
	} while (*value);
	for (i = 0; i < nr; i++)
		p->rate_bytes_per_s[i] = rate[i];
	p->nr_rates = nr;
	return true;
}

static const struct {
	const char *key;
	bool (*set)(struct work_phase *p, const char *value);
} keys[] = {
	{ "burst", set_burst },	    { "hot", set_hot },
	{ "pattern", set_pattern }, { "rate", set_rate },
	{ "stride", set_stride },
};

enum options_result phase_set(struct work_phase *phase, const char *key,
			      const char *value)
{
	uint32_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (string_equal(keys[i].key, key))
			return keys[i].set(phase, value) ? OPTIONS_OK
							 : OPTIONS_BAD_VALUE;
	return OPTIONS_UNKNOWN_KEY;
}

/* "KEY:VALUE[&KEY:VALUE...]/TIME": the time stands behind the last slash. */
static bool parse_phase(struct work_phase *phase, char *text)
{
	char part[PART_BYTES], *slash = NULL, *at;
	const char *rest = text;

	for (at = text; *at; at++)
		if (*at == '/')
			slash = at;
	if (!slash || !parse_ms(slash + 1, MIN_PHASE_MS, &phase->duration_ms))
		return false;
	*slash = 0;
	do {
		if (!next_part(&rest, '&', part, sizeof(part)))
			return false;
		for (at = part; *at && *at != ':'; at++)
			;
		if (!*at)
			return false;
		*at = 0;
		if (phase_set(phase, part, at + 1) != OPTIONS_OK)
			return false;
	} while (*rest);
	return true;
}

enum options_result phases_set(struct work_options *options, const char *value)
{
	static struct work_phase phase[ORACLE_MAX_ORDERS];
	char text[PHASE_BYTES];
	uint32_t nr = 0, i;

	if (options->nr_phases)
		return OPTIONS_BAD_VALUE;
	do {
		if (nr == ORACLE_MAX_ORDERS ||
		    !next_part(&value, ';', text, sizeof(text)))
			return OPTIONS_BAD_VALUE;
		phase[nr] = options->phase[0];
		if (!parse_phase(&phase[nr++], text))
			return OPTIONS_BAD_VALUE;
	} while (*value);
	for (i = 0; i < nr; i++)
		options->phase[i] = phase[i];
	options->nr_phases = nr;
	return OPTIONS_OK;
}

struct oracle_order phase_order(const struct work_phase *phase)
{
	struct oracle_order order = { .pattern = phase->pattern };

	if (phase->pattern == ORACLE_STRIDED)
		order.stride_pages = phase->stride_pages;
	if (phase->pattern == ORACLE_HOTCOLD) {
		order.hot_pages_pct = phase->hot_pages_pct;
		order.hot_steps_pct = phase->hot_steps_pct;
	}
	return order;
}
