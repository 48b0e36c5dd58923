/* SPDX-License-Identifier: MIT */
/* Does each kind of option take what it says, and refuse the rest by name? */
#include "tools/options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "unit/unit.h"

struct settings {
	bool flag, onoff;
	const char *string;
	uint64_t size, rate, time, number;
	unsigned int choice;
};

#define AT(field) offsetof(struct settings, field)

static const char *const choices[] = { "red", "green", NULL };

static const struct option_spec first[] = {
	{ "flag", OPTION_FLAG, AT(flag), "", "a flag", 0, 0, NULL },
	{ "onoff", OPTION_ONOFF, AT(onoff), "on|off", "a switch", 0, 0, NULL },
	{ "string", OPTION_STRING, AT(string), "TEXT", "a text", 0, 0, NULL },
	{ "choice", OPTION_CHOICE, AT(choice), "COLOUR", "a choice", 0, 0,
	  choices },
	{ .name = NULL },
};
static const struct option_spec second[] = {
	{ "size", OPTION_SIZE, AT(size), "SIZE", "a size", 4096, 1ull << 30,
	  NULL },
	{ "rate", OPTION_RATE, AT(rate), "RATE", "a rate", 0, 0, NULL },
	{ "time", OPTION_TIME, AT(time), "TIME", "a time", 1000, 0, NULL },
	{ "number", OPTION_NUMBER, AT(number), "N", "a number", 1, 16, NULL },
	{ "secret", OPTION_FLAG, AT(flag), "", NULL, 0, 0, NULL },
	{ .name = NULL },
};
static const struct option_spec *const tables[] = { first, second, NULL };

static const struct command_help help = {
	.usage = "vmferry test [OPTIONS]",
	.text = "What it does.",
	.examples = "  vmferry test --flag",
};

#define MAX_WORDS 8

static int parse(const char *const *words, struct settings *s,
		 struct error *err)
{
	char *argv[MAX_WORDS + 2] = { "test" };
	int argc = 1;

	while (*words)
		argv[argc++] = (char *)*words++;
	return options_parse(argc, argv, &help, tables, s, err);
}

static void test_refuses(void **state)
{
	static const struct {
		const char *words[MAX_WORDS];
		const char *sentence;
	} rows[] = {
		{ { "operand" },
		  "'operand' is not an option; see 'vmferry test --help'" },
		{ { "-x" }, "'-x' is not an option" },
		{ { "--" }, "'--' is not an option" },
		{ { "" }, "'' is not an option" },
		{ { "--=1" }, "unknown option --; see --help" },
		{ { "--nope" }, "unknown option --nope" },
		{ { "--nope=5" }, "unknown option --nope;" },
		{ { "--fla" }, "unknown option --fla;" },
		{ { "--flags" }, "unknown option --flags;" },
		{ { "--flag=on" }, "--flag takes no value" },
		{ { "--flag", "on" }, "'on' is not an option" },
		{ { "--size" }, "--size lacks its value" },
		{ { "--flag", "--choice" }, "--choice lacks its value" },
		{ { "--onoff", "yes" }, "--onoff takes on or off, not 'yes'" },
		{ { "--onoff=" }, "--onoff takes on or off, not ''" },
		{ { "--choice", "blue" },
		  "--choice takes one of red, green, not 'blue'" },
		{ { "--choice=" }, "red, green, not ''" },
		{ { "--size", "big" },
		  "--size takes a size such as 512M or 4GiB, not 'big'" },
		{ { "--size=" }, "--size takes a size" },
		{ { "--size=-1" }, "not '-1'" },
		{ { "--size=4095" },
		  "--size 4095 is out of range: 4 KiB to 1 GiB" },
		{ { "--size=2G" }, "--size 2G is out of range" },
		{ { "--size=99999999T" }, "is out of range" },
		{ { "--rate=x" }, "--rate takes a rate such as 300M" },
		{ { "--time=5" }, "--time takes a time such as 200ms or 5s" },
		{ { "--time=1ns" },
		  "--time 1ns is out of range: 1.0 us to any" },
		{ { "--number=1.5" }, "--number takes a whole number" },
		{ { "--number=0" }, "--number 0 is out of range: 1 to 16" },
		{ { "--number=17" }, "out of range: 1 to 16" },
		{ { "--number=99999999999999999999" }, "is out of range" },
		{ { "--number=0", "--help" }, "--number 0 is out of range" },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct settings s = { .size = 7, .choice = 1, .number = 3 };
		struct error err = { "" };
		int rc = parse(rows[i].words, &s, &err);

		if (rc != -EINVAL || !strstr(err.text, rows[i].sentence))
			fail_msg("row %zu: %d '%s', not '%s'", i, rc, err.text,
				 rows[i].sentence);
		if (s.size != 7 || s.choice != 1 || s.number != 3 || s.onoff)
			fail_msg("row %zu changed the settings", i);
	}
}

static void test_takes(void **state)
{
	static const char *const apart[] = {
		"--flag", "--onoff",  "on",    "--string",
		"a=b",	  "--choice", "green", NULL,
	};
	static const char *const joined[] = {
		"--size=1.5M", "--rate=2p",   "--time=5ms", "--number=0x10",
		"--string=",   "--onoff=off", NULL,
	};
	struct settings s = { .onoff = false };
	struct error err = { "" };

	assert_int_equal(parse(apart, &s, &err), 0);
	assert_true(s.flag && s.onoff);
	assert_string_equal(s.string, "a=b");
	assert_int_equal(s.choice, 1);
	assert_int_equal(parse(joined, &s, &err), 0);
	assert_int_equal(s.size, 3 << 19);
	assert_int_equal(s.rate, 8192);
	assert_int_equal(s.time, 5000000);
	assert_int_equal(s.number, 16);
	assert_string_equal(s.string, "");
	assert_false(s.onoff);
}

static void test_last_one_counts(void **state)
{
	static const char *const words[] = { "--number=1", "--number", "2",
					     "--string=--flag", NULL };
	struct settings s = { .number = 9 };

	assert_int_equal(parse(words, &s, NULL), 0);
	assert_int_equal(s.number, 2);
	assert_string_equal(s.string, "--flag");
	assert_false(s.flag);
	/* No words, no change. */
	assert_int_equal(parse((const char *const[]){ NULL }, &s, NULL), 0);
	assert_int_equal(s.number, 2);
}

/* What is written to stdout meanwhile. */
static void test_help(void **state)
{
	static const char *const words[] = { "--help", "--nope", NULL };
	struct settings s = { .number = 9 };
	char text[2048];
	FILE *file = tmpfile();
	int saved, rc;
	size_t n;

	assert_non_null(file);
	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	dup2(fileno(file), STDOUT_FILENO);
	rc = parse(words, &s, NULL);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	rewind(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	text[n] = '\0';
	fclose(file);
	assert_int_equal(rc, 1);
	assert_int_equal(strncmp(text, "Usage: vmferry test [OPTIONS]\n", 30),
			 0);
	assert_non_null(strstr(text, "\nWhat it does.\n"));
	assert_non_null(strstr(text, "  --choice COLOUR "));
	assert_non_null(strstr(text, "  --number N "));
	assert_non_null(strstr(text, "\nExamples:\n  vmferry test --flag\n"));
	assert_null(strstr(text, "secret"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_takes),
		cmocka_unit_test(test_last_one_counts),
		cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
