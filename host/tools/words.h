/* SPDX-License-Identifier: MIT */
/* Command lines as text: split into words and lists, and quoted back. Pure. */
#ifndef VMFERRY_TOOLS_WORDS_H
#define VMFERRY_TOOLS_WORDS_H

#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

/**
 * words_split() - split as a shell would, without its expansions.
 * @text: words separated by blanks; '...', "..." and \x quote.
 * @ret_words: NULL-terminated; words_free() it.
 * @ret_nr: may be NULL.
 *
 * Return: 0, -EINVAL for a quote that does not end, -ENOMEM.
 */
int words_split(const char *text, char ***ret_words, int *ret_nr,
		struct error *err);
/* NULL is fine. */
void words_free(char **words);

/* One word for a shell, quoted where it must be. */
void words_quote(const char *word, FILE *f);

/* A value of a list. Return: 0, or anything else: it is none. */
typedef int (*words_value)(const char *word, uint64_t *ret_value);

/**
 * words_list() - the values of an option, joined by commas.
 * @expected: what it takes, for the sentence: "--OPTION takes EXPECTED, not".
 * @ret_values: with room for @room.
 *
 * Return: 0, at least one value; -EINVAL with a sentence.
 */
int words_list(const char *option, const char *expected, const char *text,
	       words_value read, uint64_t *ret_values, unsigned int room,
	       unsigned int *ret_nr, struct error *err);

#endif
