/* SPDX-License-Identifier: MIT */
/* vmferry vmm --dump-state: a snapshot's state for people, or as JSON. */
#ifndef VMFERRY_TOOLS_DUMP_PRINT_H
#define VMFERRY_TOOLS_DUMP_PRINT_H

#include <stdbool.h>

#include "base/error.h"

/* To stdout. Return: 0, or as dump_state(). */
int dump_print(const char *path, bool as_json, struct error *err);

#endif
