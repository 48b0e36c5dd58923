/* SPDX-License-Identifier: MIT */
/* A number out of one of the guest's lines. */
#include <string.h>

#include "base/units.h"
#include "drive/console.h"

bool console_number(const struct console_line *line, const char *key,
		    uint64_t *ret)
{
	size_t n = strlen(key);
	const char *at = line->text;
	char number[32];
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
	if (!len || len >= sizeof(number))
		return false;
	memcpy(number, at, len);
	number[len] = '\0';
	return !units_parse_u64(number, 0, UINT64_MAX, ret);
}
