/* SPDX-License-Identifier: MIT */
/* The console's commands. */
#ifndef VMFERRY_GUEST_SHELL_H
#define VMFERRY_GUEST_SHELL_H

#include "lib/options.h"

/* Boot defaults. First vCPU. */
void shell_init(void);

/* As the command of that name, with options that fit. */
void shell_start(const struct work_options *options);

/* End the machine by every means that we know. Does not return. */
void shell_power_off(void);

/* Serve the lines that have come. First vCPU, ring 0. */
void shell_poll(void);

#endif
