/* SPDX-License-Identifier: MIT */
/* Where a snapshot is written, or read from: what may be there. */
#ifndef VMFERRY_MIGRATE_FILE_PLACE_H
#define VMFERRY_MIGRATE_FILE_PLACE_H

#include "base/new_file.h"

/* The first eight bytes of a snapshot, least significant first. */
#define FILE_PLACE_MAGIC 0x31464d5662a1ull

/* Begins a file unless what is at @path would not be replaced: as
 * channel_open_file(). Return: 0 or -errno. */
int file_place_new(const char *path, struct new_file *ret_file);
/* Opens a regular file. Return: its descriptor, or -errno. */
int file_place_old(const char *path);
/* What one of these errors means. */
const char *file_place_why_not(int rc);

#endif
