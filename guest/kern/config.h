/* SPDX-License-Identifier: MIT */
/* Configuration: key by key, the first source that has it wins. */
#ifndef VMFERRY_GUEST_CONFIG_H
#define VMFERRY_GUEST_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "boot/bootinfo.h"
#include "lib/options.h"

/**
 * config_init() - collect the words of all sources.
 *
 * Command line, SMBIOS OEM strings, fw_cfg, in this order; before them come
 * the preset words of the control area.
 *
 * Return: NULL, or what was wrong with one of them.
 */
const char *config_init(const struct boot_info *boot);

bool config_find(const char *key, char *value, size_t bytes);

/* Does @key say "on" (or, with @otherwise, nothing at all)? */
bool config_flag(const char *key, bool otherwise);

/* Has somebody set something, apart from what our loaders say? */
bool config_is_set(void);

/* Workload defaults of this boot. Return: a key whose value does not fit, or
 * NULL. */
const char *config_options(struct work_options *options);

#endif
