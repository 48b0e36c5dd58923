/* SPDX-License-Identifier: MIT */
/* The subcommands of `vmferry vfio`. */
#ifndef VMFERRY_TOOLS_VFIO_COMMANDS_H
#define VMFERRY_TOOLS_VFIO_COMMANDS_H

/* Each: its own part of the command line, argv[0] is its name. */
int cmd_vfio_check(int argc, char **argv);
int cmd_vfio_device(int argc, char **argv);
int cmd_vfio_transfer(int argc, char **argv);

#endif
