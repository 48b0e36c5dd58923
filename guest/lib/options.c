/* SPDX-License-Identifier: MIT */
/* Keys of the workload, as a table of small parsers. */
#include "lib/options.h"

#include <stddef.h>

#include "lib/string.h"
#include "lib/words.h"
#include "oracle.h"

struct choice {
	const char *name;
	uint32_t value;
};

static bool choose(const struct choice *choices, const char *text,
		   uint32_t *ret)
{
	for (; choices->name; choices++) {
		if (string_equal(choices->name, text)) {
			*ret = choices->value;
			return true;
		}
	}
	return false;
}

static bool set_write(struct work_options *o, const char *value)
{
	static const struct choice choices[] = {
		{ "stamp", ORACLE_WRITE_STAMP },
		{ "line", ORACLE_WRITE_LINE },
		{ "page", ORACLE_WRITE_PAGE },
		{ NULL, 0 },
	};

	return choose(choices, value, &o->write);
}

static bool set_content(struct work_options *o, const char *value)
{
	static const struct choice choices[] = {
		{ "zero", ORACLE_CONTENT_ZERO },
		{ "constant", ORACLE_CONTENT_CONSTANT },
		{ "text", ORACLE_CONTENT_TEXT },
		{ "random", ORACLE_CONTENT_RANDOM },
		{ NULL, 0 },
	};
	uint64_t ratio;

	if (value[0] == 'r' && value[1] == ':') {
		if (!words_number(value + 2, &ratio) || !ratio ||
		    ratio > ORACLE_MAX_RATIO)
			return false;
		o->content = ORACLE_CONTENT_RATIO;
		o->ratio = (uint32_t)ratio;
		return true;
	}
	return choose(choices, value, &o->content);
}

/* Whole lines of 64 bytes; less than a page, or it would say nothing. */
static bool set_delta(struct work_options *o, const char *value)
{
	uint64_t bytes;

	if (!words_size(value, &bytes) || !bytes || bytes % ORACLE_LINE_BYTES ||
	    bytes > ABI_PAGE_BYTES)
		return false;
	o->delta_bytes = (uint32_t)bytes;
	return true;
}

static bool set_wss(struct work_options *o, const char *value)
{
	uint64_t bytes;

	if (!words_size(value, &bytes) || bytes < ABI_PAGE_BYTES)
		return false;
	o->wss_bytes = bytes;
	return true;
}

static bool set_seed(struct work_options *o, const char *value)
{
	return words_number(value, &o->seed);
}

static bool set_dma(struct work_options *o, const char *value)
{
	uint64_t rate;

	if (!words_rate(value, &rate) || rate > 1ull << 44)
		return false;
	o->dma = true;
	o->dma_bytes_per_s = rate;
	return true;
}

/* MODE or MODE:VARIANT. */
static bool set_l2(struct work_options *o, const char *value)
{
	static const struct choice choices[] = {
		{ "off", ABI_L2_OFF },	   { "cpuid", ABI_L2_CPUID },
		{ "dirty", ABI_L2_DIRTY }, { "loaded", ABI_L2_LOADED },
		{ "bare", ABI_L2_BARE },   { NULL, 0 },
	};
	char text[16 + sizeof(o->l2_variant)];
	char *at = text;
	size_t n = string_length(value);

	if (n >= sizeof(text))
		return false;
	memcpy(text, value, n + 1);
	while (*at && *at != ':')
		at++;
	if (*at)
		*at++ = 0;
	n = string_length(at);
	if (n >= sizeof(o->l2_variant))
		return false;
	memcpy(o->l2_variant, at, n + 1);
	return choose(choices, text, &o->l2);
}

static bool set_flag(bool *flag, const char *value)
{
	static const struct choice choices[] = {
		{ "on", 1 },
		{ "off", 0 },
		{ NULL, 0 },
	};
	uint32_t on;

	if (!choose(choices, value, &on))
		return false;
	*flag = on;
	return true;
}

static bool set_check(struct work_options *o, const char *value)
{
	return set_flag(&o->check, value);
}

static bool set_stop(struct work_options *o, const char *value)
{
	return set_flag(&o->stop, value);
}

static const struct {
	const char *key;
	bool (*set)(struct work_options *o, const char *value);
} keys[] = {
	{ "check", set_check }, { "content", set_content },
	{ "delta", set_delta }, { "dma", set_dma },
	{ "l2", set_l2 },	{ "seed", set_seed },
	{ "stop", set_stop },	{ "write", set_write },
	{ "wss", set_wss },
};

void options_init(struct work_options *options)
{
	*options = (struct work_options){
		.phase[0] = { .pattern = ORACLE_RANDOM,
			      .stride_pages = 16,
			      .hot_pages_pct = 10,
			      .hot_steps_pct = 90,
			      .burst_on_ms = 200,
			      .burst_off_ms = 800,
			      .nr_rates = 1 },
		.write = ORACLE_WRITE_STAMP,
		.content = ORACLE_CONTENT_RANDOM,
		.seed = 1,
		.check = true,
	};
}

enum options_result options_set(struct work_options *options, const char *key,
				const char *value)
{
	uint32_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (string_equal(keys[i].key, key))
			return keys[i].set(options, value) ? OPTIONS_OK
							   : OPTIONS_BAD_VALUE;
	if (string_equal(key, "phases"))
		return phases_set(options, value);
	/* A phase has its own already: too late. */
	return options->nr_phases ? OPTIONS_BAD_VALUE
				  : phase_set(&options->phase[0], key, value);
}
