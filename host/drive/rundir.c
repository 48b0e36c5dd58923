/* SPDX-License-Identifier: MIT */
/* The private directory of one command. */
#include "drive/rundir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool try_below(const char *parent, char path[RUNDIR_BYTES])
{
	int n;

	if (!parent || parent[0] != '/')
		return false;
	n = snprintf(path, RUNDIR_BYTES, "%s/vmferry-XXXXXX", parent);
	return n > 0 && (unsigned int)n < RUNDIR_BYTES && mkdtemp(path);
}

int rundir_create(char path[RUNDIR_BYTES], struct error *err)
{
	if (try_below(getenv("XDG_RUNTIME_DIR"), path) ||
	    try_below(getenv("TMPDIR"), path) || try_below("/tmp", path))
		return 0;
	path[0] = '\0';
	return error_set(err, -errno,
			 "cannot create a private directory in /tmp: %s",
			 strerror(errno));
}

void rundir_remove(const char *path)
{
	struct dirent *entry;
	DIR *dir;

	if (!path[0])
		return;
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	rmdir(path);
}
