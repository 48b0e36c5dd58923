/* SPDX-License-Identifier: MIT */
/* Directories as what holds names. */
#ifndef VMFERRY_BASE_DIRECTORY_H
#define VMFERRY_BASE_DIRECTORY_H

/**
 * directory_sync() - make the name of a file outlast a crash.
 * @path: of the file; its directory is synchronized, not the file itself.
 *
 * Return: 0, -ENOMEM, or what open(2) or fsync(2) said.
 */
int directory_sync(const char *path);

#endif
