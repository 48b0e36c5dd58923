/* SPDX-License-Identifier: MIT */
#include "base/sealed.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>

bool sealed_fd(int fd, uint64_t end)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct statfs fs;
	struct stat st;

	return seals >= 0 && (seals & F_SEAL_SHRINK) && !fstat(fd, &st) &&
	       (uint64_t)st.st_size >= end && !fstatfs(fd, &fs) &&
	       fs.f_type == TMPFS_MAGIC;
}
