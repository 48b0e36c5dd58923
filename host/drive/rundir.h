/* SPDX-License-Identifier: MIT */
/* A private directory for the sockets and logs of one command. */
#ifndef VMFERRY_DRIVE_RUNDIR_H
#define VMFERRY_DRIVE_RUNDIR_H

#include "base/error.h"

/* Short enough for the path of a UNIX socket inside. */
#define RUNDIR_BYTES 72u

/**
 * rundir_create() - make it, mode 0700, below $XDG_RUNTIME_DIR, $TMPDIR or
 * /tmp, whichever is short enough and can be written.
 */
int rundir_create(char path[RUNDIR_BYTES], struct error *err);
/* Removes it with the files in it (it has no folders). "" is fine. */
void rundir_remove(const char *path);

#endif
