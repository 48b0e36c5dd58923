/* SPDX-License-Identifier: MIT */
/* The only place where units are converted. */
#include "base/units.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit size_units[] = {
	{ "", 1 },
	{ "B", 1 },
	{ "K", 1ull << 10 },
	{ "M", 1ull << 20 },
	{ "G", 1ull << 30 },
	{ "T", 1ull << 40 },
	{ "KiB", 1ull << 10 },
	{ "MiB", 1ull << 20 },
	{ "GiB", 1ull << 30 },
	{ "TiB", 1ull << 40 },
	{ "KB", 1000ull },
	{ "MB", 1000000ull },
	{ "GB", 1000000000ull },
	{ "TB", 1000000000000ull },
	{ NULL, 0 },
};

static const struct unit time_units[] = {
	{ "ns", 1 },
	{ "us", NSEC_PER_USEC },
	{ "ms", NSEC_PER_MSEC },
	{ "s", NSEC_PER_SEC },
	{ "m", 60 * NSEC_PER_SEC },
	{ "h", 3600 * NSEC_PER_SEC },
	{ NULL, 0 },
};

/* Digits and at most one point; in the end value / scale is the number. */
static int parse_number(const char **text, uint64_t *ret_value,
			uint64_t *ret_scale)
{
	const char *s = *text;
	uint64_t value = 0, scale = 1;
	bool point = false, digit = false;

	for (; isdigit((unsigned char)*s) || (*s == '.' && !point); s++) {
		if (*s == '.') {
			point = true;
			continue;
		}
		digit = true;
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, *s - '0', &value) ||
		    __builtin_mul_overflow(scale, point ? 10 : 1, &scale))
			return -ERANGE;
	}
	if (!digit || (point && scale == 1))
		return -EINVAL;
	*text = s;
	*ret_value = value;
	*ret_scale = scale;
	return 0;
}

static int parse(const char *text, const struct unit *units, uint64_t *ret)
{
	uint64_t value, scale;
	unsigned __int128 product;
	int err = parse_number(&text, &value, &scale);

	if (err)
		return err;
	for (; units->name; units++) {
		if (strcmp(text, units->name))
			continue;
		product = (unsigned __int128)value * units->factor;
		if (product % scale)
			return -EINVAL;
		if (product / scale > UINT64_MAX)
			return -ERANGE;
		*ret = (uint64_t)(product / scale);
		return 0;
	}
	return -EINVAL;
}

int units_parse_size(const char *text, uint64_t *ret_bytes)
{
	return parse(text, size_units, ret_bytes);
}

int units_parse_rate(const char *text, uint64_t *ret_bytes_per_s)
{
	char copy[UNITS_TEXT_BYTES];
	size_t len = strlen(text);
	uint64_t pages;
	int err;

	if (len >= sizeof(copy) || !len)
		return -EINVAL;
	memcpy(copy, text, len + 1);
	if (len > 2 && !strcmp(copy + len - 2, "/s"))
		copy[len -= 2] = '\0';
	if (copy[len - 1] != 'p')
		return units_parse_size(copy, ret_bytes_per_s);
	copy[len - 1] = '\0';
	err = units_parse_u64(copy, 0, UINT64_MAX / 4096, &pages);
	if (!err)
		*ret_bytes_per_s = pages * 4096;
	return err;
}

int units_parse_time(const char *text, uint64_t *ret_ns)
{
	if (!strcmp(text, "0")) {
		*ret_ns = 0;
		return 0;
	}
	return parse(text, time_units, ret_ns);
}

int units_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	uint64_t value;
	char *end;

	if (!isxdigit((unsigned char)text[hex ? 2 : 0]))
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, hex ? 16 : 10);
	if (*end)
		return -EINVAL;
	if (errno || value < min || value > max)
		return -ERANGE;
	*ret = value;
	return 0;
}

const char *units_format_size(char *text, uint64_t bytes)
{
	static const char *const name[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double value = (double)bytes;
	unsigned int i = 0;

	/* What would round to 1024.0 belongs to the next unit. */
	while (value >= 1023.95 && i < 4) {
		value /= 1024;
		i++;
	}
	snprintf(text, UNITS_TEXT_BYTES,
		 value == (double)(uint64_t)value ? "%.0f %s" : "%.1f %s",
		 value, name[i]);
	return text;
}

const char *units_format_rate(char *text, double bytes_per_s)
{
	char size[UNITS_TEXT_BYTES];
	uint64_t bytes = 0;

	if (bytes_per_s >= 0x1p64)
		bytes = UINT64_MAX;
	else if (bytes_per_s > 0)
		bytes = (uint64_t)bytes_per_s;
	units_format_size(size, bytes);
	snprintf(text, UNITS_TEXT_BYTES, "%.*s/s", UNITS_TEXT_BYTES - 3, size);
	return text;
}

const char *units_format_time(char *text, double ns)
{
	if (ns < 999.5)
		snprintf(text, UNITS_TEXT_BYTES, "%.0f ns", ns);
	else if (ns < 999.95e3)
		snprintf(text, UNITS_TEXT_BYTES, "%.1f us", ns / 1e3);
	else if (ns < 999.95e6)
		snprintf(text, UNITS_TEXT_BYTES, "%.1f ms", ns / 1e6);
	else
		snprintf(text, UNITS_TEXT_BYTES, "%.2f s", ns / 1e9);
	return text;
}
