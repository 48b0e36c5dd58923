/* SPDX-License-Identifier: MIT */
/* Configuration: key by key, the first source that has it wins. */
#ifndef VMFERRY_GUEST_CONFIG_H
#define VMFERRY_GUEST_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/options.h"

/* The command line, kept by the caller. */
void config_init(const char *cmdline);

/* Preset words of the control area, then the command line. */
bool config_find(const char *key, char *value, size_t bytes);

/* Workload defaults of this boot. Return: a key whose value does not fit, or
 * NULL. */
const char *config_options(struct work_options *options);

#endif
