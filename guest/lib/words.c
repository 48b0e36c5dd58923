/* SPDX-License-Identifier: MIT */
/* Words, and strict numbers. */
#include "lib/words.h"

#include "abi.h"
#include "lib/string.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

char *words_next(char **line)
{
	char *word = *line, *end;

	while (is_blank(*word))
		word++;
	if (!*word) {
		*line = word;
		return NULL;
	}
	for (end = word; *end && !is_blank(*end); end++)
		;
	*line = end;
	if (*end) {
		*end = 0;
		*line = end + 1;
	}
	return word;
}

char *words_value(char *word)
{
	while (*word && *word != '=')
		word++;
	if (!*word)
		return NULL;
	*word = 0;
	return word + 1;
}

bool words_find(const char *text, const char *key, char *value, size_t bytes)
{
	while (*text) {
		const char *k = key;
		size_t n = 0;

		while (is_blank(*text))
			text++;
		while (*k && *text == *k) {
			text++;
			k++;
		}
		if (!*k && *text == '=') {
			for (text++; *text && !is_blank(*text); text++)
				if (n + 1 < bytes)
					value[n++] = *text;
			value[n] = 0;
			return true;
		}
		while (*text && !is_blank(*text))
			text++;
	}
	return false;
}

/* Digits at the start of @text. Return: what follows them; NULL if there are
 * none, or too many. */
static const char *parse_digits(const char *text, uint64_t *ret)
{
	const char *at = text;
	uint64_t value = 0;

	for (; *at >= '0' && *at <= '9'; at++) {
		uint64_t digit = (uint64_t)(*at - '0');

		if (value > (UINT64_MAX - digit) / 10)
			return NULL;
		value = value * 10 + digit;
	}
	if (at == text)
		return NULL;
	*ret = value;
	return at;
}

bool words_number(const char *text, uint64_t *ret)
{
	uint64_t value;
	const char *end = parse_digits(text, &value);

	if (!end || *end)
		return false;
	*ret = value;
	return true;
}

/* Factor of a suffix: "", "K", "KiB", "KB", ... ; 0 if it is none. */
static uint64_t unit_factor(const char *suffix)
{
	static const char letters[] = "KMGT";
	uint64_t base, factor = 1;
	uint32_t i = 0, turn;

	if (!*suffix)
		return 1;
	while (letters[i] && letters[i] != *suffix)
		i++;
	if (!letters[i])
		return 0;
	suffix++;
	if (!*suffix || string_equal(suffix, "iB"))
		base = 1024;
	else if (string_equal(suffix, "B"))
		base = 1000;
	else
		return 0;
	for (turn = 0; turn <= i; turn++)
		factor *= base;
	return factor;
}

static bool scale(uint64_t value, uint64_t factor, uint64_t *ret)
{
	if (!factor || value > UINT64_MAX / factor)
		return false;
	*ret = value * factor;
	return true;
}

bool words_size(const char *text, uint64_t *ret_bytes)
{
	uint64_t value;
	const char *end = parse_digits(text, &value);

	return end && scale(value, unit_factor(end), ret_bytes);
}

bool words_rate(const char *text, uint64_t *ret_bytes_per_s)
{
	uint64_t value;
	const char *end = parse_digits(text, &value);

	if (!end)
		return false;
	if (string_equal(end, "p"))
		return scale(value, ABI_PAGE_BYTES, ret_bytes_per_s);
	return scale(value, unit_factor(end), ret_bytes_per_s);
}

bool words_time(const char *text, uint64_t *ret_ms)
{
	uint64_t value;
	const char *end = parse_digits(text, &value);

	if (!end)
		return false;
	if (string_equal(end, "ms"))
		return scale(value, 1, ret_ms);
	return string_equal(end, "s") && scale(value, 1000, ret_ms);
}
