/* SPDX-License-Identifier: MIT */
/* The console's commands. */
#ifndef VMFERRY_GUEST_SHELL_H
#define VMFERRY_GUEST_SHELL_H

/* Boot defaults, and autostart. First vCPU. */
void shell_init(void);

/* Serve the lines that have come. First vCPU, ring 0. */
void shell_poll(void);

#endif
