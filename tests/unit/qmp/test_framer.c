/* SPDX-License-Identifier: MIT */
/* Where does a message end, and how does the framer find its way again? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "qmp/framer.h"

#define MAX_BYTES 32
#define MAX_DEPTH 4

struct row {
	const char *in;
	const char *out; /* each message in <>, D = too deep, L = too long */
};

static const struct row rows[] = {
	{ "", "" },
	{ " \r\n\t ", "" },
	{ "{}", "<{}>" },
	{ "{\"a\":[1,{}]}\n", "<{\"a\":[1,{}]}>" },
	{ "{}{}", "<{}><{}>" },
	{ " {} [] ", "<{}><[]>" },
	{ "{\"}\":\"]\"}", "<{\"}\":\"]\"}>" },
	{ "{\"a\\\"}\":1}", "<{\"a\\\"}\":1}>" },
	{ "{\"a\\\\\":{}}", "<{\"a\\\\\":{}}>" },
	{ "{\n\"a\":\n {}}", "<{\n\"a\":\n {}}>" },
	{ "[{},\n{}]", "<[{},\n{}]>" },
	/* Broken. */
	{ "foo\n{}", "<foo\n><{}>" },
	{ "}\n{}", "<}\n><{}>" },
	{ "\"{\n{}", "<\"{\n><{}>" },
	{ "{]{}", "<{]><{}>" },
	{ "{\"a\n{}", "<{\"a\n><{}>" },
	{ "{\"a\\\n{}", "<{\"a\\\n><{}>" },
	{ "{\"a\001}\"\n{}", "<{\"a\001><{}>" },
	{ "{\"a\":1\n{}", "<{\"a\":1\n><{}>" },
	{ "{\"a\":1\n {}", "<{\"a\":1\n ><{}>" },
	{ "{\n{}", "<{\n><{}>" },
	{ "{\"a\" {}}\n{}", "<{\"a\" {}}><{}>" },
	{ "\xff{}", "<\xff><{}>" },
	{ "{\"a\":\xff{}", "<{\"a\":\xff><{}>" },
	{ "foo\xff{}", "<foo\xff><{}>" },
	{ "{\"a\":\"\xff\"}", "<{\"a\":\"\xff\"}>" },
	/* Limits. */
	{ "[[[[]]]]", "<[[[[]]]]>" },
	{ "[[[[[]]]]]\n{}", "D<{}>" },
	{ "[[[[[]]]]]{}\xff[]", "D<[]>" },
	{ "[          0123456789          ]",
	  "<[          0123456789          ]>" },
	{ "[           0123456789          ]", "L" },
	{ "012345678901234567890123456789012", "L" },
	{ "{\"a\":\"3456789012345678901234567890", "L" },
};

static void collect(const struct row *row, size_t chunk, char *out,
		    size_t bytes)
{
	size_t left = strlen(row->in), n, taken, length;
	enum framer_result result = FRAMER_MORE;
	const char *in = row->in, *text;
	FILE *f = fmemopen(out, bytes, "w");
	struct framer framer;

	framer_init(&framer, MAX_BYTES, MAX_DEPTH);
	while (left && result != FRAMER_TOO_LONG) {
		n = chunk < left ? chunk : left;
		taken = framer_feed(&framer, in, n, &result);
		assert_true(taken <= n);
		in += taken;
		left -= taken;
		if (result == FRAMER_MESSAGE) {
			text = framer_text(&framer, &length);
			fprintf(f, "<%.*s>", (int)length, text);
		} else if (result != FRAMER_MORE) {
			fputc(result == FRAMER_TOO_DEEP ? 'D' : 'L', f);
		} else {
			assert_int_equal(taken, n);
		}
	}
	fclose(f);
	framer_exit(&framer);
}

static void test_rows(void **state)
{
	static const size_t chunks[] = { 1, 2, 3, 7, SIZE_MAX };
	char out[256];
	size_t i, j;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		for (j = 0; j < sizeof(chunks) / sizeof(*chunks); j++) {
			memset(out, 0, sizeof(out));
			collect(&rows[i], chunks[j], out, sizeof(out));
			assert_string_equal(out, rows[i].out);
		}
	}
}

static void test_idle(void **state)
{
	enum framer_result result;
	struct framer f;

	framer_init(&f, MAX_BYTES, MAX_DEPTH);
	assert_true(framer_is_idle(&f));
	framer_feed(&f, "{", 1, &result);
	assert_false(framer_is_idle(&f));
	framer_feed(&f, "}", 1, &result);
	assert_true(framer_is_idle(&f));
	framer_exit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
