/* SPDX-License-Identifier: MIT */
/*
 * The guest's line console, seen from the driver: commands with their one-line
 * replies, and the events that come unasked, each stamped on arrival.
 *
 * The guest may be damaged: lines are bounded and nothing in them is trusted.
 * What is no printable ASCII becomes '?'.
 */
#ifndef VMFERRY_DRIVE_CONSOLE_H
#define VMFERRY_DRIVE_CONSOLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define CONSOLE_LINE_BYTES 768u /* of the guest */
#define CONSOLE_COMMAND_BYTES 1024u /* to the guest */

struct console_line {
	uint64_t arrived_ns; /* CLOCK_MONOTONIC */
	char text[CONSOLE_LINE_BYTES]; /* without "event " or "ok " */
};

struct console;

/**
 * console_create() - talk to the guest whose serial port is @fd.
 * @fd: a connected stream socket, or a terminal in raw mode; owned on success,
 *	the caller's on failure.
 * @log_path: every line is appended there; NULL = no log.
 */
int console_create(int fd, const char *log_path, struct console **ret_console,
		   struct error *err);

struct termios;

/* A terminal's mode of before, which it gets back in the end. */
void console_set_mode(struct console *c, const struct termios *before);

/* Ends the reader and closes everything; NULL is fine. */
void console_destroy(struct console *c);

/**
 * console_open() - talk to the guest whose serial port somebody else serves.
 * @where: unix:PATH, tcp:HOST:PORT, or a path: of a socket or a terminal
 *	(/dev/pts/N), which is in raw mode until console_destroy().
 * @log_path: as in console_create().
 *
 * Return: 0 or -errno, with a sentence.
 */
int console_open(const char *where, const char *log_path,
		 struct console **ret_console, struct error *err);

/* From now on every wait ends with -ECANCELED soon after @pending() is true;
 * NULL: no more. @pending: any thread, takes no lock. */
void console_set_pending(struct console *c, bool (*pending)(void));

/**
 * console_command() - send a line, wait for its reply.
 * @ret_reply: may be NULL; the reply without its "ok ".
 * @format: one line, without its end.
 *
 * Each command has one reply: one that comes after its command timed out is
 * dropped, and not taken for the next command's.
 *
 * Context: one thread at a time; another may wait for events.
 * Return: 0; -EINVAL if the guest said `error`, its sentence in @err, or for
 * a line that cannot be sent; -ETIMEDOUT; -EIO if the guest panicked; -ENODATA
 * if the VMM closed the port, or what send(2) said.
 */
int console_command(struct console *c, int timeout_ms,
		    struct console_line *ret_reply, struct error *err,
		    const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/**
 * console_wait_event() - wait for an event by its first word.
 * @name: "ready", "filled", ...; events before it stay queued.
 * @ret_line: may be NULL; text begins at the event's name.
 *
 * A panic of the guest ends every wait with -EIO and the panic line.
 */
int console_wait_event(struct console *c, const char *name, int timeout_ms,
		       struct console_line *ret_line, struct error *err);

/* Value of word KEY=VALUE in @line as a number; false if absent or odd. */
bool console_number(const struct console_line *line, const char *key,
		    uint64_t *ret);
/* The same with a decimal point: 0 up to 1e15. */
bool console_real(const struct console_line *line, const char *key,
		  double *ret);

#endif
