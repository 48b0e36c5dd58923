/* SPDX-License-Identifier: MIT */
/* Are words split as a shell does, and quoted so that it gives them back? */
#include "tools/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unit/unit.h"

static void test_refuses(void **state)
{
	static const char *const open[] = { "'", "a 'b", "\"a b", "a'b\"c",
					    "\"\\\"" };
	struct error err;
	char **words;
	size_t i;

	for (i = 0; i < ARRAY_LEN(open); i++) {
		words = (char **)&words;
		err.text[0] = '\0';
		assert_int_equal(words_split(open[i], &words, NULL, &err),
				 -EINVAL);
		assert_non_null(strstr(err.text, "quote"));
		assert_ptr_equal(words, &words);
	}
}

static void test_split(void **state)
{
	static const struct {
		const char *text;
		const char *words[4];
		int nr;
	} rows[] = {
		{ "", { NULL }, 0 },
		{ " \t\n ", { NULL }, 0 },
		{ "a", { "a" }, 1 },
		{ " --x  1\t--y=2 ", { "--x", "1", "--y=2" }, 3 },
		{ "a b c d", { "a", "b", "c", "d" }, 4 },
		{ "'' \"\"", { "", "" }, 2 },
		{ "'a b'c\"d e\"", { "a bcd e" }, 1 },
		{ "'a\\b' \"a\\\"b\" a\\ b", { "a\\b", "a\"b", "a b" }, 3 },
		{ "a\\", { "a\\" }, 1 },
		{ "\"it's\" '\"'", { "it's", "\"" }, 2 },
	};
	struct error err;
	char **words;
	size_t i;
	int nr, j;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(words_split(rows[i].text, &words, &nr, &err),
				 0);
		assert_int_equal(nr, rows[i].nr);
		for (j = 0; j < nr; j++)
			assert_string_equal(words[j], rows[i].words[j]);
		assert_null(words[nr]);
		words_free(words);
	}
	words_free(NULL);
}

/* What is quoted is one word, the same, when it is split again. */
static void test_round_trip(void **state)
{
	static const char *const words[] = {
		"",   "plain", "a b",	  "it's",   "'",	"\"",
		"\\", "$HOME", "`id`",	  "a;b",    "*",	"a\nb",
		"~",  "#x",    "a'b'c\"", "-x=1,2", "\303\251", "!",
	};
	struct error err;
	char **back, *text;
	size_t i, bytes;
	FILE *f;
	int nr;

	for (i = 0; i < ARRAY_LEN(words); i++) {
		f = open_memstream(&text, &bytes);
		words_quote(words[i], f);
		fclose(f);
		assert_int_equal(words_split(text, &back, &nr, &err), 0);
		assert_int_equal(nr, 1);
		assert_string_equal(back[0], words[i]);
		if (strpbrk(words[i], " '\"\\$`;*\n~#!"))
			assert_int_equal(text[0], '\'');
		words_free(back);
		free(text);
	}
}

static int digit(const char *word, uint64_t *ret)
{
	*ret = (uint64_t)(word[0] - '0');
	return word[0] < '0' || word[0] > '9' || word[1];
}

static void test_list(void **state)
{
	static const struct {
		const char *text, *sentence; /* NULL = fine */
		unsigned int nr;
	} rows[] = {
		{ "", "--x takes digits, not ''", 0 },
		{ ",", "--x takes digits, not ''", 0 },
		{ "1,", "--x takes digits, not ''", 0 },
		{ "1,,2", "--x takes digits, not ''", 0 },
		{ "1,a,2", "--x takes digits, not 'a'", 0 },
		{ "1,1234567890123456789012345678901234567890", "not '1234567",
		  0 },
		{ "1,2,3,4", "--x takes at most 3 values", 0 },
		{ "7", NULL, 1 },
		{ "7,8,9", NULL, 3 },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct error err = { "" };
		uint64_t value[3] = { 0 };
		unsigned int nr = 0;
		int rc = words_list("x", "digits", rows[i].text, digit, value,
				    3, &nr, &err);

		if (rows[i].sentence) {
			assert_int_equal(rc, -EINVAL);
			assert_non_null(strstr(err.text, rows[i].sentence));
			continue;
		}
		assert_int_equal(rc, 0);
		assert_int_equal(nr, rows[i].nr);
		assert_int_equal(value[nr - 1], 6 + nr);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
