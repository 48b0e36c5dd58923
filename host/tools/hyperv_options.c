/* SPDX-License-Identifier: MIT */
/* The choice of enlightenments: checked, listed, written down. */
#include "tools/hyperv_options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "report/result.h"

static bool is_list(const struct hyperv_choice *c)
{
	return c->broken && !strcmp(c->broken, "list");
}

int hyperv_options_check(const struct hyperv_choice *c, bool qemu,
			 struct error *err)
{
	uint32_t wanted;

	if (!qemu)
		return hyperv_resolve(c, &wanted, NULL, err);
	if (c->mode != HYPERV_OFF)
		return error_set(err, -EINVAL,
				 "--hyperv is for --vmm mini; QEMU has flags: "
				 "--hv-relaxed on --hv-evmcs on ...");
	if (c->broken)
		return error_set(err, -EINVAL,
				 "--hv-break is for --vmm mini: only what we "
				 "serve can be broken");
	return 0;
}

bool hyperv_options_list(const struct hyperv_choice *c)
{
	const char *const *name;

	if (!is_list(c))
		return false;
	for (name = hyperv_break_names; *name; name++)
		puts(*name);
	return true;
}

void hyperv_params(const struct hyperv_choice *c, json_t *params)
{
	json_t *list = json_array();
	unsigned int i;

	for (i = 0; i < HYPERV_NR_FEATURES; i++)
		if (c->wish[i])
			json_array_append_new(
				list,
				json_sprintf("%s=%s", hyperv_feature_names[i],
					     hyperv_wish_names[c->wish[i]]));
	json_object_set_new(params, "hyperv",
			    json_string(hyperv_mode_names[c->mode]));
	json_object_set_new(params, "hv_features", list);
	json_object_set_new(params, "hv_break", result_string(c->broken));
}

static int find(const char *const *names, unsigned int nr, const char *word,
		size_t n)
{
	unsigned int i;

	for (i = 0; i < nr && names[i]; i++)
		if (strlen(names[i]) == n && !memcmp(names[i], word, n))
			return (int)i;
	return -1;
}

static int add(const char *word, size_t n, struct hyperv_choice *c,
	       struct error *err)
{
	static const char mode[] = "hyperv=", prefix[] = "hv-";
	bool off = n && *word == '-';
	const char *at = word + off;
	size_t left = n - off;
	int i = -1;

	if (left > sizeof(mode) - 1 && !memcmp(at, mode, sizeof(mode) - 1)) {
		i = find(hyperv_mode_names, UINT32_MAX, at + sizeof(mode) - 1,
			 left - (sizeof(mode) - 1));
		if (i >= 0 && !off)
			c->mode = (unsigned int)i;
	} else if (left > sizeof(prefix) - 1 &&
		   !memcmp(at, prefix, sizeof(prefix) - 1)) {
		i = find(hyperv_feature_names, HYPERV_NR_FEATURES,
			 at + sizeof(prefix) - 1, left - (sizeof(prefix) - 1));
		if (i >= 0)
			c->wish[i] = off ? HYPERV_NOT : HYPERV_ON;
	}
	if (i >= 0)
		return 0;
	return error_set(err, -EINVAL,
			 "--ab: the mini VMM has no feature '%.*s', but "
			 "hyperv=user, hyperv=kvm, hv-time, -hv-time, ...",
			 (int)n, word);
}

int hyperv_options_add(const char *words, struct hyperv_choice *c,
		       struct error *err)
{
	const char *at = words;
	int rc = 0;

	while (!rc && *at) {
		size_t n = strcspn(at, "+");

		rc = add(at, n, c, err);
		at += n + (at[n] == '+');
	}
	return rc;
}
