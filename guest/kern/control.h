/* SPDX-License-Identifier: MIT */
/* The control area (abi/control.h): its place and its header. */
#ifndef VMFERRY_GUEST_CONTROL_H
#define VMFERRY_GUEST_CONTROL_H

#include "boot/bootinfo.h"
#include "control.h"
#include "lib/rammap.h"

/**
 * control_open() - look at the area that the host brought, if it did.
 *
 * Return: NULL, or what is wrong with it (it is not used then).
 */
const char *control_open(const struct boot_info *boot);

/* The preset words, "" if there are none; and the preset number of vCPUs. */
const char *control_preset(void);
uint32_t control_preset_cpus(void);

/**
 * control_create() - take the area from RAM, unless the host brought one.
 * @above: lowest address.
 *
 * Return: false if there is no room for it.
 */
bool control_create(struct rammap *map, uint64_t above, uint32_t nr_cpus);

/* Fill in the header and tell each vCPU where its parts lie. */
void control_lay_out(uint32_t nr_cpus, uint64_t entry_tsc);

struct abi_control *control_area(void);
void control_set_state(enum abi_guest_state state);

/* Around every change of the epoch or the account of RAM. */
void control_begin_change(void);
void control_end_change(void);

/* Inside such a change: write the account. */
void control_write_ram(const struct rammap *map);

#endif
