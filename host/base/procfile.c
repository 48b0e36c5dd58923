/* SPDX-License-Identifier: MIT */
/* Files of /proc and /sys. */
#include "base/procfile.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int procfile_read(const char *path, char *text, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;
	size_t used = 0;
	ssize_t n = 0;

	text[0] = '\0';
	if (fd < 0)
		return -errno;
	while (used < room - 1) {
		n = read(fd, text + used, room - 1 - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	if (n < 0) {
		rc = -errno;
		used = 0;
	}
	close(fd);
	if (used && text[used - 1] == '\n')
		used--;
	text[used] = '\0';
	return rc;
}

int procfile_read_u64(const char *path, uint64_t *ret_value)
{
	char text[64];
	int rc = procfile_read(path, text, sizeof(text));

	if (!rc && !procfile_u64(text, ret_value))
		rc = -EPROTO;
	return rc;
}

bool procfile_u64(const char *text, uint64_t *ret_value)
{
	unsigned long long value;
	char *end;

	text += strspn(text, " \t");
	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno)
		return false;
	*ret_value = value;
	return true;
}

static void copy(char *value, size_t room, const char *from, size_t bytes)
{
	if (bytes > room - 1)
		bytes = room - 1;
	memcpy(value, from, bytes);
	value[bytes] = '\0';
}

bool procfile_field(const char *text, const char *key, char *value, size_t room)
{
	size_t len = strlen(key);
	const char *line = text;

	for (; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, len) || !line[len] ||
		    !strchr(" \t:", line[len]))
			continue;
		line += len;
		line += strspn(line, " \t:");
		copy(value, room, line, strcspn(line, "\n"));
		return true;
	}
	return false;
}

bool procfile_has_word(const char *text, const char *word)
{
	size_t len = strlen(word);
	const char *at = text;

	while (len && (at = strstr(at, word))) {
		if ((at == text || strchr(" \t\n", at[-1])) &&
		    strchr(" \t\n", at[len]))
			return true;
		at += len;
	}
	return false;
}

bool procfile_chosen(const char *text, char *value, size_t room)
{
	const char *open = strchr(text, '[');
	const char *close = open ? strchr(open, ']') : NULL;

	if (!close)
		return false;
	copy(value, room, open + 1, (size_t)(close - open - 1));
	return true;
}

unsigned int procfile_list_count(const char *text)
{
	unsigned int nr = 0;
	uint64_t first, last;

	for (;;) {
		if (!procfile_u64(text, &first))
			return 0;
		text += strspn(text, "0123456789");
		last = first;
		if (*text == '-') {
			if (!procfile_u64(++text, &last))
				return 0;
			text += strspn(text, "0123456789");
		}
		if (last < first || last - first > 65535)
			return 0;
		nr += (unsigned int)(last - first) + 1;
		if (*text != ',')
			return *text && *text != '\n' ? 0 : nr;
		text++;
	}
}
