/* SPDX-License-Identifier: MIT */
/* Boot configuration. */
#include "kern/config.h"

#include "kern/control.h"
#include "lib/words.h"

#define VALUE_BYTES 512

static const char *cmdline = "";

void config_init(const char *text)
{
	cmdline = text;
}

bool config_find(const char *key, char *value, size_t bytes)
{
	return words_find(control_preset(), key, value, bytes) ||
	       words_find(cmdline, key, value, bytes);
}

const char *config_options(struct work_options *options)
{
	static const char *const keys[] = {
		"check", "content", "delta",  "pattern", "stride",
		"hot",	 "burst",   "rate",   "seed",	 "stop",
		"write", "wss",	    "phases",
	};
	const char *bad = NULL;
	char value[VALUE_BYTES];
	unsigned i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (config_find(keys[i], value, sizeof(value)) &&
		    options_set(options, keys[i], value) != OPTIONS_OK)
			bad = keys[i];
	return bad;
}
