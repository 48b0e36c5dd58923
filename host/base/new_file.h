/* SPDX-License-Identifier: MIT */
/*
 * A file that gets its name when it is whole.
 *
 * Until then it has none, so that nothing stays of it whatever ends the
 * process. Where the file system has no files without a name it grows under
 * another one beside it: that one stays if the process is killed.
 */
#ifndef VMFERRY_BASE_NEW_FILE_H
#define VMFERRY_BASE_NEW_FILE_H

#include <stdbool.h>

struct new_file {
	int fd; /* for reading and writing */
	char *path; /* the name that it will have */
	char *temporary; /* its name until then; NULL = none */
};

/**
 * new_file_open() - begin a file, for its owner only.
 * @path: a name in a directory that is there.
 * @named: with a temporary name, as where the file system has no other way;
 *	for tests.
 *
 * Return: 0, -ENOMEM, or what open(2) said; @ret_file is undefined then.
 */
int new_file_open(const char *path, bool named, struct new_file *ret_file);

/**
 * new_file_publish() - give it its name, once, and make that outlast a crash.
 * @replace: in the place of what has that name, at one moment; else that is
 *	-EEXIST.
 *
 * The bytes are the caller's to sync. Return: 0 or -errno; it may be tried
 * again then.
 */
int new_file_publish(struct new_file *file, bool replace);

/* Closes it; without a name, nothing of it stays. */
void new_file_close(struct new_file *file);

#endif
