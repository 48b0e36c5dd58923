/* SPDX-License-Identifier: MIT */
/*
 * Options as a table: one entry says the name, the kind of value, its place in
 * the command's settings, and the line of --help.
 */
#ifndef VMFERRY_TOOLS_OPTIONS_H
#define VMFERRY_TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum option_kind {
	OPTION_FLAG, /* bool; takes no value */
	OPTION_ONOFF, /* bool; on or off */
	OPTION_STRING, /* const char * into argv */
	OPTION_SIZE, /* uint64_t, bytes */
	OPTION_RATE, /* uint64_t, bytes/s */
	OPTION_TIME, /* uint64_t, ns */
	OPTION_NUMBER, /* uint64_t within min..max */
	OPTION_CHOICE, /* unsigned int: index into `choices` */
	OPTION_LIST, /* struct option_list: may be given again and again */
};

#define OPTION_LIST_MAX 32u

struct option_list {
	const char *item[OPTION_LIST_MAX]; /* into argv */
	unsigned int nr;
};

struct option_spec {
	const char *name; /* without --; NULL ends the table */
	enum option_kind kind;
	size_t offset; /* of the value in the settings */
	const char *value; /* how --help calls the value */
	const char *help; /* lines, parted by \n; NULL = not shown */
	uint64_t min, max; /* SIZE, RATE, TIME, NUMBER; max 0 = no limit */
	const char *const *choices; /* NULL-terminated */
};

struct command_help {
	const char *usage; /* "vmferry boot [OPTIONS]" */
	const char *text; /* what it does, one paragraph */
	const char *examples; /* lines, or NULL */
};

/**
 * options_parse() - read the command line into @settings.
 * @tables: NULL-terminated list of tables, each ended by a NULL name.
 * @settings: holds the defaults; where @offset points into.
 *
 * Takes --name VALUE and --name=VALUE; a name given twice counts the last
 * time. No operands.
 *
 * Return: 0; 1 after --help was printed; -EINVAL with a sentence in @err.
 */
int options_parse(int argc, char **argv, const struct command_help *help,
		  const struct option_spec *const *tables, void *settings,
		  struct error *err);

/* Return: the index of @text in @choices, or -1. */
int options_choice(const char *const *choices, const char *text);

#endif
