/* SPDX-License-Identifier: MIT */
/* Checking and cleaning of UTF-8. */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

static bool is_tail(uint8_t byte)
{
	return (byte & 0xc0) == 0x80;
}

static size_t bytes_of_lead(uint8_t lead)
{
	if (lead < 0x80)
		return 1;
	if (lead >= 0xc2 && lead <= 0xdf)
		return 2;
	if ((lead & 0xf0) == 0xe0)
		return 3;
	return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

/* Overlong forms, surrogates and what lies past U+10FFFF. */
static bool is_forbidden(uint8_t lead, uint8_t second)
{
	return (lead == 0xe0 && second < 0xa0) ||
	       (lead == 0xed && second > 0x9f) ||
	       (lead == 0xf0 && second < 0x90) ||
	       (lead == 0xf4 && second > 0x8f);
}

size_t utf8_char_bytes(const char *text, size_t left)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t bytes = bytes_of_lead(p[0]), i;

	if (bytes > left)
		return 0;
	for (i = 1; i < bytes; i++)
		if (!is_tail(p[i]))
			return 0;
	return bytes > 1 && is_forbidden(p[0], p[1]) ? 0 : bytes;
}

/* C0, DEL, and C1 (two bytes, U+0080..U+009F). */
static bool is_control(const uint8_t *p, size_t bytes)
{
	return (bytes == 1 && (p[0] < 0x20 || p[0] == 0x7f)) ||
	       (bytes == 2 && p[0] == 0xc2 && p[1] < 0xa0);
}

void utf8_clean(char *text, bool keep_controls)
{
	size_t left = strlen(text), bytes;

	for (; left; text += bytes, left -= bytes) {
		bytes = utf8_char_bytes(text, left);
		if (!bytes) {
			bytes = 1;
			*text = '?';
		} else if (!keep_controls &&
			   is_control((const uint8_t *)text, bytes)) {
			memset(text, '?', bytes);
		}
	}
}

size_t utf8_count(const char *text)
{
	size_t left = strlen(text), nr = 0, bytes;

	for (; left; text += bytes, left -= bytes, nr++) {
		bytes = utf8_char_bytes(text, left);
		if (!bytes)
			bytes = 1;
	}
	return nr;
}
