/* SPDX-License-Identifier: MIT */
/* Configuration from SMBIOS: OEM strings that say `vmferry:key=value`. */
#ifndef VMFERRY_GUEST_SMBIOS_H
#define VMFERRY_GUEST_SMBIOS_H

#include <stdint.h>

#include "lib/gather.h"

/* Search where a BIOS leaves the entry point. Return: its address, or 0. */
uint64_t smbios_find(void);

/**
 * smbios_gather() - add the words of all OEM strings that are ours.
 * @entry_gpa: the entry point, of either form; 0 = none.
 *
 * Return: NULL, or what is wrong with the tables. What was read before stays.
 * Source: DSP0134 3.6, 5.2 (entry points), 6.1.3 (strings), 7.12 (type 11).
 */
const char *smbios_gather(uint64_t entry_gpa, struct gather *words);

#endif
