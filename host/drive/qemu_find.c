/* SPDX-License-Identifier: MIT */
/* QEMU binaries on this host. */
#include "drive/qemu_find.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct found {
	char **list;
	size_t nr, room;
};

/* A program that is not in the list yet, under whatever name. */
static void add(struct found *f, const char *path)
{
	char *real = realpath(path, NULL);
	struct stat st;
	size_t i;

	if (!real || stat(real, &st) || !S_ISREG(st.st_mode) ||
	    access(real, X_OK) || f->nr == f->room) {
		free(real);
		return;
	}
	for (i = 0; i < f->nr; i++)
		if (!strcmp(f->list[i], real)) {
			free(real);
			return;
		}
	f->list[f->nr++] = real;
}

/* In every folder of PATH; an empty one means the current one: left out. */
static void add_from_path(struct found *f, const char *path, const char *name)
{
	char full[PATH_MAX];
	size_t len;
	int n;

	for (; path; path = path[len] ? path + len + 1 : NULL) {
		len = strcspn(path, ":");
		n = snprintf(full, sizeof(full), "%.*s/%s", (int)len, path,
			     name);
		if (len && n > 0 && (size_t)n < sizeof(full))
			add(f, full);
	}
}

static void add_named(struct found *f, const char *binary, const char *path)
{
	if (strchr(binary, '/'))
		add(f, binary);
	else
		add_from_path(f, path, binary);
}

size_t qemu_find(const char *binary, const char *path, char **list, size_t room)
{
	struct found f = { list, 0, room };

	if (binary)
		add_named(&f, binary, path);
	add_from_path(&f, path, "qemu-system-x86_64");
	add_from_path(&f, path, "qemu-kvm");
	return f.nr;
}

int qemu_find_one(const char *binary, const char *path, char **ret_path)
{
	struct found f = { ret_path, 0, 1 };

	add_named(&f, binary, path);
	return f.nr ? 0 : -ENOENT;
}
