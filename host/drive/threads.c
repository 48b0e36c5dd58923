/* SPDX-License-Identifier: MIT */
/* CPU time by thread. */
#include "drive/threads.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The first bytes of a file of @dir_fd, as text; false if it is gone. */
static bool read_text(int dir_fd, const char *name, char *text, size_t room)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, room - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return true;
}

static struct thread_time *find(struct threads *t, pid_t tid)
{
	unsigned int i;

	for (i = 0; i < t->nr; i++)
		if (t->thread[i].tid == tid)
			return &t->thread[i];
	if (t->nr == THREADS_MAX)
		return NULL;
	t->thread[t->nr] = (struct thread_time){ .tid = tid };
	return &t->thread[t->nr++];
}

static void look_at(struct threads *t, int task_fd, const char *tid, bool begin)
{
	char name[64], path[64], time[64];
	struct thread_time *one;

	snprintf(path, sizeof(path), "%.20s/comm", tid);
	if (!read_text(task_fd, path, name, sizeof(name)))
		return;
	snprintf(path, sizeof(path), "%.20s/schedstat", tid);
	if (!read_text(task_fd, path, time, sizeof(time)))
		return;
	one = find(t, (pid_t)strtol(tid, NULL, 10));
	if (!one)
		return;
	snprintf(one->name, sizeof(one->name), "%.*s",
		 (int)sizeof(one->name) - 1, name);
	one->last_ns = strtoull(time, NULL, 10);
	if (begin)
		one->first_ns = one->last_ns;
}

void threads_look(struct threads *t, pid_t pid, bool begin)
{
	struct dirent *entry;
	char path[64];
	DIR *dir;

	if (!pid)
		return;
	if (begin)
		t->nr = 0;
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			look_at(t, dirfd(dir), entry->d_name, begin);
	if (dir)
		closedir(dir);
}

uint64_t threads_span_ns(const struct threads *t, const char *prefix)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < t->nr; i++)
		if (!strncmp(t->thread[i].name, prefix, strlen(prefix)))
			sum += t->thread[i].last_ns - t->thread[i].first_ns;
	return sum;
}
