/* SPDX-License-Identifier: MIT */
/* Where a snapshot is written, or read from: what may be there. */
#include "migrate/file_place.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "migrate/channel.h"

int channel_may_replace(const char *path)
{
	uint64_t magic;
	struct stat st;
	ssize_t n;
	int fd;

	/* First: opening some things waits, or does something. */
	if (stat(path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	if (!st.st_size)
		return 0;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, &magic, sizeof(magic));
	close(fd);
	return n == sizeof(magic) && le64toh(magic) == FILE_PLACE_MAGIC
		       ? 0
		       : -EEXIST;
}

const char *file_place_why_not(int rc)
{
	switch (rc) {
	case -EINVAL:
		return "it is no regular file";
	case -EEXIST:
		return "it is there, and not a snapshot of vmferry's; "
		       "remove it first";
	default:
		return strerrordesc_np(-rc);
	}
}

int file_place_new(const char *path, struct new_file *ret_file)
{
	int rc = channel_may_replace(path);

	return rc ? rc : new_file_open(path, false, ret_file);
}

/* A pipe would let us wait for ever. Return: fd, or -errno. */
int file_place_old(const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return -EINVAL;
}
