/* SPDX-License-Identifier: MIT */
/* QEMU binaries on this host. */
#ifndef VMFERRY_DRIVE_QEMU_FIND_H
#define VMFERRY_DRIVE_QEMU_FIND_H

#include <stddef.h>

/**
 * qemu_find() - list QEMUs for x86-64, each file once.
 * @binary: one to be listed first, a path or a name in @path; or NULL.
 * @path: the PATH, or NULL: nothing but @binary.
 * @list: room for @room of them; each to be freed.
 *
 * Return: how many.
 */
size_t qemu_find(const char *binary, const char *path, char **list,
		 size_t room);

/* @binary alone: 0 with its real path, to be freed; or -ENOENT. */
int qemu_find_one(const char *binary, const char *path, char **ret_path);

#endif
