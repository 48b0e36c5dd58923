/* SPDX-License-Identifier: MIT */
/*
 * Cuts a stream of bytes into JSON messages; both sides use it.
 *
 * It only counts brackets outside strings; whether a message is right is the
 * JSON parser's business. It finds its way again after broken input: at the
 * end of the line, at a 0xff byte (as QEMU's parser does), or where an object
 * begins a line although the one before is not complete.
 */
#ifndef VMFERRY_QMP_FRAMER_H
#define VMFERRY_QMP_FRAMER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum framer_result {
	FRAMER_MORE, /* all bytes taken, no message complete */
	FRAMER_MESSAGE, /* framer_text(); perhaps broken JSON */
	FRAMER_TOO_DEEP, /* skipping to the end of the line */
	FRAMER_TOO_LONG, /* give up */
	FRAMER_NO_MEMORY, /* give up */
};

enum framer_state {
	FRAMER_IDLE,
	FRAMER_NESTED, /* in an object or array */
	FRAMER_STRING, /* in a string of one */
	FRAMER_ESCAPE, /* behind a backslash of that */
	FRAMER_WORD, /* something else, up to the end of the line */
	FRAMER_DISCARD, /* up to the end of the line */
};

struct framer {
	struct buf text;
	enum framer_state state;
	size_t depth;
	size_t max_bytes, max_depth;
	char last; /* last byte outside strings that is no white space */
	bool line_start; /* only white space so far on this line */
	bool complete;
};

void framer_init(struct framer *f, size_t max_bytes, size_t max_depth);
void framer_exit(struct framer *f);

/**
 * framer_feed() - take bytes up to the end of the first message.
 * @ret_result: what came of it.
 *
 * Return: how many were taken; call again with the rest.
 */
size_t framer_feed(struct framer *f, const void *data, size_t bytes,
		   enum framer_result *ret_result);

/* After FRAMER_MESSAGE, until the next feed. May contain NULs. */
static inline const char *framer_text(const struct framer *f, size_t *ret_bytes)
{
	*ret_bytes = f->text.bytes;
	return (const char *)f->text.data;
}

/* The stream may end here: nothing begun. */
static inline bool framer_is_idle(const struct framer *f)
{
	return f->state == FRAMER_IDLE || f->state == FRAMER_DISCARD;
}

#endif
