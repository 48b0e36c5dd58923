/* SPDX-License-Identifier: MIT */
/* What the commands share: exit codes, and the shape of a command. */
#ifndef VMFERRY_TOOLS_TOOLS_H
#define VMFERRY_TOOLS_TOOLS_H

#include "base/error.h"

#define EXIT_DONE 0
#define EXIT_FAILED 1 /* what was measured failed */
#define EXIT_USAGE 2
#define EXIT_CANNOT_RUN 77
#define EXIT_BROKEN 99 /* the kit itself */

/* Each command: its own part of the command line, argv[0] is its name. */
int cmd_boot(int argc, char **argv);
int cmd_compress(int argc, char **argv);
int cmd_cycles(int argc, char **argv);
int cmd_devload(int argc, char **argv);
int cmd_dirty(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_frontier(int argc, char **argv);
int cmd_migrate(int argc, char **argv);
int cmd_prealloc(int argc, char **argv);
int cmd_vfio(int argc, char **argv);
int cmd_vmm(int argc, char **argv);

/* Prints "vmferry COMMAND: SENTENCE" and returns @code. */
int tools_fail(const char *command, int code, const struct error *err);

/* The exit code that an -errno of the layers below means. */
int tools_exit_code(int errnum);

#endif
