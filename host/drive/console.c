/* SPDX-License-Identifier: MIT */
/* The guest's console: a reader thread and two queues of lines. */
#include "drive/console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define QUEUE_LINES 64u
#define PENDING_PERIOD_NS (50 * NSEC_PER_MSEC)

struct queue {
	unsigned int first, nr;
	struct console_line line[QUEUE_LINES];
};

struct console {
	int fd, log_fd;
	int stop_fd; /* eventfd: the reader shall end */
	bool has_mode;
	struct termios mode; /* of the terminal, before us */

	pthread_t reader;
	pthread_mutex_t lock; /* for everything below */
	pthread_cond_t changed;
	struct queue replies, events;
	unsigned int nr_late; /* replies of commands that timed out before */
	bool closed;
	bool (*pending)(void); /* gives up every wait when true; or NULL */
	char panic[CONSOLE_LINE_BYTES];
};

/* The oldest makes room: nobody waited for it. */
static void push(struct queue *q, const char *text, uint64_t now)
{
	struct console_line *line;

	if (q->nr == QUEUE_LINES) {
		q->first = (q->first + 1) % QUEUE_LINES;
		q->nr--;
	}
	line = &q->line[(q->first + q->nr++) % QUEUE_LINES];
	line->arrived_ns = now;
	snprintf(line->text, sizeof(line->text), "%s", text);
}

/* Takes out line @index, keeping the others in order. */
static void take(struct queue *q, unsigned int index, struct console_line *ret)
{
	if (ret)
		*ret = q->line[(q->first + index) % QUEUE_LINES];
	for (; index + 1 < q->nr; index++)
		q->line[(q->first + index) % QUEUE_LINES] =
			q->line[(q->first + index + 1) % QUEUE_LINES];
	q->nr--;
}

static bool is_named(const char *text, const char *name)
{
	size_t n = strlen(name);

	return !strncmp(text, name, n) && (text[n] == ' ' || !text[n]);
}

/* With the lock held. */
static void got_reply(struct console *c, const char *text, uint64_t now)
{
	/* Nobody waits for it any more, least of all the next command. */
	if (c->nr_late)
		c->nr_late--;
	else
		push(&c->replies, text, now);
}

static void got_line(struct console *c, const char *text)
{
	uint64_t now = clock_now_ns();

	if (c->log_fd >= 0)
		dprintf(c->log_fd, "%llu.%06llu %s\n",
			(unsigned long long)(now / NSEC_PER_SEC),
			(unsigned long long)(now % NSEC_PER_SEC / 1000), text);
	pthread_mutex_lock(&c->lock);
	if (!strncmp(text, "event ", 6)) {
		push(&c->events, text + 6, now);
		if (is_named(text + 6, "panic") && !c->panic[0])
			snprintf(c->panic, sizeof(c->panic), "%s", text + 6);
	} else if (is_named(text, "ok") || is_named(text, "error")) {
		got_reply(c, text, now);
	}
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

/* Printable: the line may come to a terminal, and NUL would end it. */
static char plain(char byte)
{
	return byte >= 0x20 && byte < 0x7f ? byte : '?';
}

/* As read(2), or 0 as soon as the console is to end: a terminal cannot be shut
 * down under a reader. */
static ssize_t read_more(struct console *c, char *chunk, size_t bytes)
{
	struct pollfd pfd[] = {
		{ .fd = c->fd, .events = POLLIN },
		{ .fd = c->stop_fd, .events = POLLIN },
	};

	if (poll(pfd, 2, -1) < 0)
		return -1;
	return pfd[1].revents ? 0 : read(c->fd, chunk, bytes);
}

static void *read_lines(void *arg)
{
	struct console *c = arg;
	char line[CONSOLE_LINE_BYTES] = "", chunk[512];
	size_t used = 0;
	ssize_t n, i;

	while ((n = read_more(c, chunk, sizeof(chunk))) > 0 ||
	       (n < 0 && errno == EINTR)) {
		for (i = 0; i < n; i++) {
			if (chunk[i] == '\r')
				continue;
			if (chunk[i] != '\n') {
				/* An endless line is cut, not kept. */
				if (used < sizeof(line) - 1)
					line[used++] = plain(chunk[i]);
				continue;
			}
			line[used] = '\0';
			got_line(c, line);
			used = 0;
		}
	}
	pthread_mutex_lock(&c->lock);
	c->closed = true;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

static void console_free(struct console *c)
{
	if (c->fd >= 0)
		close(c->fd);
	if (c->log_fd >= 0)
		close(c->log_fd);
	if (c->stop_fd >= 0)
		close(c->stop_fd);
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

int console_create(int fd, const char *log_path, struct console **ret_console,
		   struct error *err)
{
	struct console *c = calloc(1, sizeof(*c));
	pthread_condattr_t attr;
	int rc;

	if (!c)
		return error_set(err, -ENOMEM, "no memory for a console");
	c->fd = fd;
	c->log_fd =
		log_path ? open(log_path,
				O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)
			 : -1;
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->changed, &attr);
	pthread_condattr_destroy(&attr);
	c->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = c->stop_fd < 0 ? -errno
			    : -pthread_create(&c->reader, NULL, read_lines, c);
	if (rc) {
		c->fd = -1;
		console_free(c);
		return error_set(err, rc, "cannot start a console reader: %s",
				 strerror(-rc));
	}
	*ret_console = c;
	return 0;
}

void console_set_mode(struct console *c, const struct termios *before)
{
	c->mode = *before;
	c->has_mode = true;
}

void console_destroy(struct console *c)
{
	if (!c)
		return;
	eventfd_write(c->stop_fd, 1);
	pthread_join(c->reader, NULL);
	if (c->has_mode)
		tcsetattr(c->fd, TCSANOW, &c->mode);
	console_free(c);
}

/* With somebody who may interrupt, not later than that. */
static uint64_t next_look(const struct console *c, uint64_t deadline_ns)
{
	uint64_t next = clock_now_ns() + PENDING_PERIOD_NS;

	return c->pending && next < deadline_ns ? next : deadline_ns;
}

/* With the lock held, until something may have changed. */
static void wait_change(struct console *c, uint64_t deadline_ns)
{
	struct timespec ts = {
		.tv_sec = (time_t)(deadline_ns / NSEC_PER_SEC),
		.tv_nsec = (long)(deadline_ns % NSEC_PER_SEC),
	};

	pthread_cond_timedwait(&c->changed, &c->lock, &ts);
}

/* First queued line named @name (NULL: any) into @ret; false if none. */
static bool take_named(struct queue *q, const char *name,
		       struct console_line *ret)
{
	unsigned int i;

	for (i = 0; i < q->nr; i++) {
		struct console_line *l = &q->line[(q->first + i) % QUEUE_LINES];

		if (name && !is_named(l->text, name))
			continue;
		take(q, i, ret);
		return true;
	}
	return false;
}

/* With the lock held. 0 when a line was taken. */
static int wait_locked(struct console *c, struct queue *q, const char *name,
		       int timeout_ms, struct console_line *ret,
		       struct error *err)
{
	uint64_t deadline =
		clock_now_ns() + (uint64_t)timeout_ms * NSEC_PER_MSEC;
	const char *what = name ? name : "reply";
	bool late = false;

	for (;;) {
		if (take_named(q, name, ret))
			return 0;
		if (c->panic[0])
			return error_set(err, -EIO, "the guest failed: %s",
					 c->panic);
		if (c->closed)
			return error_set(err, -ENODATA,
					 "the VMM closed the guest's console "
					 "before '%s'",
					 what);
		/* One more look: it may have come with the last tick. */
		if (late)
			return error_set(err, -ETIMEDOUT,
					 "no '%s' from the guest within %d ms",
					 what, timeout_ms);
		if (c->pending && c->pending())
			return error_set(err, -ECANCELED,
					 "interrupted while waiting for '%s'",
					 what);
		wait_change(c, next_look(c, deadline));
		late = clock_now_ns() >= deadline;
	}
}

void console_set_pending(struct console *c, bool (*pending)(void))
{
	pthread_mutex_lock(&c->lock);
	c->pending = pending;
	pthread_mutex_unlock(&c->lock);
}

static int wait_reply(struct console *c, int timeout_ms,
		      struct console_line *ret, struct error *err)
{
	int rc;

	pthread_mutex_lock(&c->lock);
	rc = wait_locked(c, &c->replies, NULL, timeout_ms, ret, err);
	if (rc == -ETIMEDOUT || rc == -ECANCELED)
		c->nr_late++;
	pthread_mutex_unlock(&c->lock);
	return rc;
}

int console_wait_event(struct console *c, const char *name, int timeout_ms,
		       struct console_line *ret_line, struct error *err)
{
	int rc;

	pthread_mutex_lock(&c->lock);
	rc = wait_locked(c, &c->events, name, timeout_ms, ret_line, err);
	pthread_mutex_unlock(&c->lock);
	return rc;
}

static int send_line(struct console *c, char *line, size_t bytes)
{
	ssize_t n;

	line[bytes++] = '\n';
	while (bytes) {
		n = send(c->fd, line, bytes, MSG_NOSIGNAL);
		if (n < 0 && errno == ENOTSOCK)
			n = write(c->fd, line, bytes);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			line += n;
			bytes -= (size_t)n;
		}
	}
	return 0;
}

int console_command(struct console *c, int timeout_ms,
		    struct console_line *ret_reply, struct error *err,
		    const char *format, ...)
{
	struct console_line reply;
	char line[CONSOLE_COMMAND_BYTES];
	va_list ap;
	int n, rc;

	va_start(ap, format);
	n = vsnprintf(line, sizeof(line) - 1, format, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(line) - 1)
		return error_set(err, -EINVAL, "the console line is too long");
	/* Two lines would get two replies. */
	if (line[strcspn(line, "\r\n")])
		return error_set(err, -EINVAL,
				 "the console takes one line at a time");
	pthread_mutex_lock(&c->lock);
	c->replies.nr = 0; /* that nobody asked for */
	pthread_mutex_unlock(&c->lock);
	rc = send_line(c, line, (size_t)n);
	if (rc)
		return error_set(err, rc, "cannot write to the console: %s",
				 strerror(-rc));
	rc = wait_reply(c, timeout_ms, &reply, err);
	if (rc)
		return rc;
	if (!strncmp(reply.text, "error", 5))
		return error_set(err, -EINVAL,
				 "the guest refused '%.*s': %.400s",
				 n < 300 ? n : 300, line,
				 reply.text[5] ? reply.text + 6 : "no reason");
	n = reply.text[2] ? 3 : 2; /* "ok " or "ok" */
	memmove(reply.text, reply.text + n, strlen(reply.text + n) + 1);
	if (ret_reply)
		*ret_reply = reply;
	return 0;
}
