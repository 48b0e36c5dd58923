/* SPDX-License-Identifier: MIT */
/* A file that gets its name when it is whole. */
#include "base/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.h"

/* Names tried for the moment between linkat(2) and rename(2). */
#define MAX_NAMES 100u

static void proc_name(const struct new_file *f, char *name, size_t room)
{
	snprintf(name, room, "/proc/self/fd/%d", f->fd);
}

/* -EOPNOTSUPP: it could not be given a name here. */
static int open_nameless(struct new_file *f)
{
	const char *slash = strrchr(f->path, '/');
	char proc[40], *dir;
	int rc = 0;

	dir = slash ? strndup(f->path, (size_t)(slash - f->path) + 1)
		    : strdup(".");
	if (!dir)
		return -ENOMEM;
	f->fd = open(dir, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	/* A kernel that knows no O_TMPFILE sees a directory. */
	if (f->fd < 0)
		rc = errno == EISDIR ? -EOPNOTSUPP : -errno;
	free(dir);
	if (rc)
		return rc;
	proc_name(f, proc, sizeof(proc));
	if (!access(proc, F_OK))
		return 0;
	close(f->fd);
	return -EOPNOTSUPP;
}

static int open_named(struct new_file *f)
{
	int rc;

	if (asprintf(&f->temporary, "%s.XXXXXX", f->path) < 0) {
		f->temporary = NULL;
		return -ENOMEM;
	}
	f->fd = mkostemp(f->temporary, O_CLOEXEC);
	if (f->fd >= 0)
		return 0;
	rc = -errno;
	free(f->temporary);
	return rc;
}

int new_file_open(const char *path, bool named, struct new_file *ret_file)
{
	struct new_file *f = ret_file;
	int rc;

	*f = (struct new_file){ .fd = -1, .path = strdup(path) };
	if (!f->path)
		return -ENOMEM;
	rc = named ? -EOPNOTSUPP : open_nameless(f);
	if (rc == -EOPNOTSUPP)
		rc = open_named(f);
	if (rc)
		free(f->path);
	return rc;
}

static int link_as(const struct new_file *f, const char *path)
{
	char proc[40];

	proc_name(f, proc, sizeof(proc));
	return linkat(AT_FDCWD, proc, AT_FDCWD, path, AT_SYMLINK_FOLLOW)
		       ? -errno
		       : 0;
}

/* linkat(2) replaces nothing, so a name of its own comes first. */
static int name_for_a_moment(struct new_file *f)
{
	unsigned int number;
	int rc = -EEXIST;

	for (number = 0; rc == -EEXIST && number < MAX_NAMES; number++) {
		if (asprintf(&f->temporary, "%s.%d.%u", f->path, (int)getpid(),
			     number) < 0) {
			f->temporary = NULL;
			return -ENOMEM;
		}
		rc = link_as(f, f->temporary);
		if (rc) {
			free(f->temporary);
			f->temporary = NULL;
		}
	}
	return rc;
}

static int move(struct new_file *f, bool replace)
{
	struct stat st;

	if (replace)
		return rename(f->temporary, f->path) ? -errno : 0;
	if (!renameat2(AT_FDCWD, f->temporary, AT_FDCWD, f->path,
		       RENAME_NOREPLACE))
		return 0;
	/* Not every file system can: then it is a look and a step. */
	if (errno != EINVAL)
		return -errno;
	if (!lstat(f->path, &st))
		return -EEXIST;
	return rename(f->temporary, f->path) ? -errno : 0;
}

int new_file_publish(struct new_file *f, bool replace)
{
	int rc;

	if (!f->temporary && !replace) {
		rc = link_as(f, f->path);
	} else {
		rc = f->temporary ? 0 : name_for_a_moment(f);
		if (!rc)
			rc = move(f, replace);
		if (!rc) {
			free(f->temporary);
			f->temporary = NULL;
		}
	}
	return rc ? rc : directory_sync(f->path);
}

void new_file_close(struct new_file *f)
{
	if (f->temporary)
		unlink(f->temporary);
	close(f->fd);
	free(f->temporary);
	free(f->path);
}
