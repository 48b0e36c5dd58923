/* SPDX-License-Identifier: MIT */
/* vfio-user devices of the two machines of `vmferry migrate`. */
#ifndef VMFERRY_TOOLS_VFIO_OPTIONS_H
#define VMFERRY_TOOLS_VFIO_OPTIONS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "drive/run.h"
#include "tools/common.h"
#include "tools/options.h"

struct vfio_choice {
	struct option_list device, user, user_target;
};

/* Any device at all. */
bool vfio_is_wanted(const struct vfio_choice *c);

/* Rows of an option table; @at gives the offset of a field of the choice. */
#define VFIO_OPTIONS(at)                                                          \
	{ "vfio-device",                                                          \
	  OPTION_LIST,                                                            \
	  at(device),                                                             \
	  "OPTIONS",                                                              \
	  "mini VMM: give each side a vfio-user device, served by a\n"            \
	  "'vmferry vfio device' of its own with these options, like\n"           \
	  "state-size=256M,precopy=off ('': none); up to 4 times",                \
	  0,                                                                      \
	  0,                                                                      \
	  NULL },                                                                 \
		{ "vfio-user",                                                    \
		  OPTION_LIST,                                                    \
		  at(user),                                                       \
		  "PATH",                                                         \
		  "the same with a device that is served there already: the\n"    \
		  "source's; up to 4 times",                                      \
		  0,                                                              \
		  0,                                                              \
		  NULL },                                                         \
	{                                                                         \
		"vfio-user-target", OPTION_LIST, at(user_target), "PATH",         \
			"and the target's, as many; with --hops the two change\n" \
			"sides, so each must serve one client after another",     \
			0, 0, NULL                                                \
	}

/* Chooses memory that a device can map, if there is a device and nothing else
 * was asked for. -EINVAL with a sentence. */
int vfio_choose_backing(const struct vfio_choice *c, struct common_settings *s,
			struct error *err);

/**
 * vfio_resolve() - check the choice and put it into the run.
 *
 * Return: 0 or -EINVAL with a sentence.
 */
int vfio_resolve(const struct vfio_choice *c, struct run_settings *run,
		 struct error *err);

/* Adds the resolved choice to `params`. */
void vfio_params(const struct run_settings *run, json_t *params);

#endif
