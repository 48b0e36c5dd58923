/* SPDX-License-Identifier: MIT */
/* Boot configuration. */
#include "kern/config.h"

#include "boot/fwcfg.h"
#include "boot/smbios.h"
#include "kern/control.h"
#include "lib/gather.h"
#include "lib/string.h"
#include "lib/words.h"
#include "x86/cpu.h"

#define VALUE_BYTES 512

static struct gather words;

struct smbios_job {
	uint64_t entry_gpa;
	const char *problem;
};

/* Ring 3: a search through 64 KiB. */
static uint64_t read_smbios(void *arg)
{
	struct smbios_job *job = arg;

	if (!job->entry_gpa)
		job->entry_gpa = smbios_find();
	job->problem = smbios_gather(job->entry_gpa, &words);
	return 0;
}

const char *config_init(const struct boot_info *boot)
{
	struct smbios_job job = { .entry_gpa = boot->smbios_gpa };

	gather_add(&words, boot->cmdline, sizeof(boot->cmdline));
	/* A host that brings a control area says all it wants there. */
	if (boot->control_gpa)
		return NULL;
	user_enter(read_smbios, &job);
	fwcfg_gather(&words);
	if (boot->cmdline_cut)
		return "the command line is too long: its end is ignored";
	if (words.cut)
		return "too much configuration: some of it is ignored";
	return job.problem;
}

bool config_find(const char *key, char *value, size_t bytes)
{
	return words_find(control_preset(), key, value, bytes) ||
	       words_find(words.text, key, value, bytes);
}

bool config_flag(const char *key, bool otherwise)
{
	char value[4];

	if (!config_find(key, value, sizeof(value)))
		return otherwise;
	return string_equal(value, "on");
}

bool config_is_set(void)
{
	static const char *const loader[] = { "door", "smbios" };
	const char *text = words.text;
	size_t i, n;

	if (control_preset()[0])
		return true;
	while (*text) {
		bool known = *text == ' ';

		for (i = 0; i < sizeof(loader) / sizeof(loader[0]); i++) {
			n = string_length(loader[i]);
			known |= !memcmp(text, loader[i], n) && text[n] == '=';
		}
		if (!known)
			return true;
		for (text++; *text && text[-1] != ' '; text++)
			;
	}
	return false;
}

const char *config_options(struct work_options *options)
{
	static const char *const keys[] = {
		"check",  "content", "delta", "dma",	"pattern",
		"stride", "hot",     "burst", "rate",	"seed",
		"stop",	  "write",   "wss",   "phases",
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
