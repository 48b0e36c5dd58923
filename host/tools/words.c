/* SPDX-License-Identifier: MIT */
/* Splitting and quoting of command lines. */
#include "tools/words.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\n"
#define PLAIN                                                                  \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"       \
	"-_=+./:,@%"

/* Takes one word off @text. Return: the rest, or NULL: a quote is open. */
static const char *take_word(const char *text, char *word)
{
	char quote = 0;

	for (; *text && (quote || !strchr(BLANKS, *text)); text++) {
		if (!quote && (*text == '\'' || *text == '"'))
			quote = *text;
		else if (quote && *text == quote)
			quote = 0;
		else if (*text == '\\' && quote != '\'' && text[1])
			*word++ = *++text;
		else
			*word++ = *text;
	}
	*word = '\0';
	return quote ? NULL : text;
}

int words_split(const char *text, char ***ret_words, int *ret_nr,
		struct error *err)
{
	/* No more words than every second character, and their end. */
	size_t room = strlen(text) / 2 + 2;
	char **words = calloc(room, sizeof(*words));
	char *word = malloc(strlen(text) + 1);
	int nr = 0, rc = 0;

	while (words && word && !rc) {
		text += strspn(text, BLANKS);
		if (!*text)
			break;
		text = take_word(text, word);
		if (!text) {
			error_set(err, -EINVAL, "a quote is not closed");
			rc = -EINVAL;
			break;
		}
		words[nr] = strdup(word);
		if (!words[nr++])
			rc = -ENOMEM;
	}
	if (!words || !word)
		rc = -ENOMEM;
	free(word);
	if (rc) {
		words_free(words);
		return rc == -ENOMEM ? error_set(err, rc, "no memory") : rc;
	}
	*ret_words = words;
	if (ret_nr)
		*ret_nr = nr;
	return 0;
}

void words_free(char **words)
{
	int i;

	for (i = 0; words && words[i]; i++)
		free(words[i]);
	free(words);
}

void words_quote(const char *word, FILE *f)
{
	if (*word && !word[strspn(word, PLAIN)]) {
		fputs(word, f);
		return;
	}
	fputc('\'', f);
	for (; *word; word++) {
		if (*word == '\'')
			fputs("'\\''", f);
		else
			fputc(*word, f);
	}
	fputc('\'', f);
}

int words_list(const char *option, const char *expected, const char *text,
	       words_value read, uint64_t *ret_values, unsigned int room,
	       unsigned int *ret_nr, struct error *err)
{
	char word[32];
	size_t bytes;

	*ret_nr = 0;
	do {
		uint64_t value;

		bytes = strcspn(text, ",");
		snprintf(word, sizeof(word), "%.*s", (int)bytes, text);
		if (bytes >= sizeof(word) || read(word, &value))
			return error_set(err, -EINVAL,
					 "--%s takes %s, not '%.*s'", option,
					 expected, (int)bytes, text);
		if (*ret_nr == room)
			return error_set(err, -EINVAL,
					 "--%s takes at most %u values", option,
					 room);
		ret_values[(*ret_nr)++] = value;
		text += bytes;
	} while (*text++);
	return 0;
}
