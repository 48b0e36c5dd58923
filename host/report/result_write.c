/* SPDX-License-Identifier: MIT */
/* Writing the document so that nobody ever sees half of it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.h"
#include "report/result_priv.h"

static int write_all(int fd, const char *text)
{
	size_t left = strlen(text);
	ssize_t n;

	while (left) {
		n = write(fd, text, left);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			text += n;
			left -= (size_t)n;
		}
	}
	return 0;
}

static int write_new(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	int ret;

	if (fd < 0)
		return -errno;
	ret = write_all(fd, text);
	if (!ret && fsync(fd))
		ret = -errno;
	if (close(fd) && !ret)
		ret = -errno;
	if (ret)
		unlink(path);
	return ret;
}

static int replace_by(const char *path, unsigned int number, const char *text)
{
	char *temp;
	int ret;

	if (asprintf(&temp, "%s.%d.%u.tmp", path, (int)getpid(), number) < 0)
		return -ENOMEM;
	ret = write_new(temp, text);
	if (!ret && rename(temp, path)) {
		ret = -errno;
		unlink(temp);
	}
	free(temp);
	return ret;
}

static int replace(const char *path, const char *text)
{
	unsigned int number = 0;
	int ret;

	/* A killed run may have left its file, and we have its pid again. */
	do
		ret = replace_by(path, number, text);
	while (ret == -EEXIST && ++number < 100);
	if (!ret)
		directory_sync(path);
	return ret;
}

/* A device or a pipe: a rename would put a file in its place. */
static int write_device(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = write_all(fd, text);
	close(fd);
	return ret;
}

static int write_path(const char *path, const char *text)
{
	struct stat st;
	char *real;
	int ret;

	if (!strcmp(path, "-"))
		return write_all(STDOUT_FILENO, text);
	if (stat(path, &st))
		return replace(path, text);
	if (!S_ISREG(st.st_mode))
		return write_device(path, text);
	/* Behind a symbolic link, the file is replaced and not the link. */
	real = realpath(path, NULL);
	if (!real)
		return -errno;
	ret = replace(real, text);
	free(real);
	return ret;
}

int result_write(struct result *r, const char *path, struct error *err)
{
	json_t *doc;
	char *text, *line;
	int ret;

	if (!path || !path[0])
		return 0;
	ret = result_document(r, &doc);
	if (ret)
		return error_set(err, ret, "result: %s", strerror(-ret));
	text = json_dumps(doc, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
	json_decref(doc);
	if (!text || asprintf(&line, "%s\n", text) < 0) {
		free(text);
		return error_set(err, -ENOMEM, "result: no memory");
	}
	ret = write_path(path, line);
	free(line);
	free(text);
	if (ret)
		error_set(err, ret, "cannot write the result to %s: %s", path,
			  strerror(-ret));
	return ret;
}
