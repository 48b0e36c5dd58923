/* SPDX-License-Identifier: MIT */
/* Command lines as text: split into words, and quoted back. Pure. */
#ifndef VMFERRY_TOOLS_WORDS_H
#define VMFERRY_TOOLS_WORDS_H

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

#endif
