/* SPDX-License-Identifier: MIT */
/* A number out of one of the guest's lines. */
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "drive/console.h"

/* The value of KEY=VALUE as a string of its own. */
static bool find(const struct console_line *line, const char *key,
		 char value[32])
{
	size_t n = strlen(key);
	const char *at = line->text;
	size_t len;

	while ((at = strstr(at, key))) {
		if ((at == line->text || at[-1] == ' ') && at[n] == '=')
			break;
		at += n;
	}
	if (!at)
		return false;
	at += n + 1;
	len = strcspn(at, " ");
	if (!len || len >= 32)
		return false;
	memcpy(value, at, len);
	value[len] = '\0';
	return true;
}

bool console_number(const struct console_line *line, const char *key,
		    uint64_t *ret)
{
	char number[32];

	return find(line, key, number) &&
	       !units_parse_u64(number, 0, UINT64_MAX, ret);
}

bool console_real(const struct console_line *line, const char *key, double *ret)
{
	char number[32], *end;
	double value;

	/* Digits and a point, whatever strtod() would take besides. */
	if (!find(line, key, number) || number[strspn(number, "0123456789.")] ||
	    number[0] == '.')
		return false;
	value = strtod(number, &end);
	if (*end || value > 1e15)
		return false;
	*ret = value;
	return true;
}
