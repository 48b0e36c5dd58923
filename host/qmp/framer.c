/* SPDX-License-Identifier: MIT */
/* The byte by byte machine that cuts a stream into JSON messages. */
#include "qmp/framer.h"

#include <string.h>

#define FLUSH_BYTE 0xff /* never part of UTF-8 */

/* What to do with a byte. */
enum step {
	STEP_KEEP, /* part of the message */
	STEP_SKIP, /* part of none */
	STEP_END, /* last byte of the message */
	STEP_END_BEFORE, /* first byte of the next message */
	STEP_TOO_DEEP,
};

void framer_init(struct framer *f, size_t max_bytes, size_t max_depth)
{
	*f = (struct framer){
		.text = BUF_INIT,
		.max_bytes = max_bytes,
		.max_depth = max_depth,
	};
}

void framer_exit(struct framer *f)
{
	buf_exit(&f->text);
}

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static enum step end(struct framer *f, enum framer_state next, enum step step)
{
	f->state = next;
	f->depth = 0;
	return step;
}

static enum step open_bracket(struct framer *f)
{
	if (f->depth == f->max_depth)
		return end(f, FRAMER_DISCARD, STEP_TOO_DEEP);
	f->depth++;
	f->state = FRAMER_NESTED;
	return STEP_KEEP;
}

static enum step step_idle(struct framer *f, uint8_t c)
{
	if (is_space(c))
		return STEP_SKIP;
	if (c == FLUSH_BYTE)
		return STEP_END;
	if (c == '{' || c == '[')
		return open_bracket(f);
	f->state = FRAMER_WORD;
	return STEP_KEEP;
}

/* An object there would be a syntax error: the sender has begun anew. */
static bool begins_anew(const struct framer *f, uint8_t c)
{
	return c == '{' && f->line_start && !strchr(":,[", f->last);
}

static enum step step_nested(struct framer *f, uint8_t c)
{
	if (c == FLUSH_BYTE)
		return end(f, FRAMER_IDLE, STEP_END);
	if (begins_anew(f, c))
		return end(f, FRAMER_IDLE, STEP_END_BEFORE);
	if (c == '{' || c == '[')
		return open_bracket(f);
	if ((c == '}' || c == ']') && !--f->depth)
		return end(f, FRAMER_IDLE, STEP_END);
	if (c == '"')
		f->state = FRAMER_STRING;
	return STEP_KEEP;
}

static enum step step_string(struct framer *f, uint8_t c)
{
	/* Not allowed in a string: the rest of the line makes no sense. */
	if (c == '\n')
		return end(f, FRAMER_IDLE, STEP_END);
	if (c < ' ')
		return end(f, FRAMER_DISCARD, STEP_END);
	if (f->state == FRAMER_ESCAPE)
		f->state = FRAMER_STRING;
	else if (c == '\\')
		f->state = FRAMER_ESCAPE;
	else if (c == '"')
		f->state = FRAMER_NESTED;
	return STEP_KEEP;
}

static enum step step_word(struct framer *f, uint8_t c)
{
	if (c == '\n' || c == FLUSH_BYTE)
		return end(f, FRAMER_IDLE, STEP_END);
	return STEP_KEEP;
}

static enum step step(struct framer *f, uint8_t c)
{
	switch (f->state) {
	case FRAMER_IDLE:
		return step_idle(f, c);
	case FRAMER_NESTED:
		return step_nested(f, c);
	case FRAMER_STRING:
	case FRAMER_ESCAPE:
		return step_string(f, c);
	case FRAMER_WORD:
		return step_word(f, c);
	case FRAMER_DISCARD:
		break;
	}
	if (c == '\n' || c == FLUSH_BYTE)
		f->state = FRAMER_IDLE;
	return STEP_SKIP;
}

/* What begins_anew() needs to know of the bytes so far. */
static void note(struct framer *f, uint8_t c)
{
	if (c == '\n') {
		f->line_start = true;
	} else if (!is_space(c)) {
		f->line_start = false;
		f->last = (char)c;
	}
}

static enum framer_result keep(struct framer *f, uint8_t c)
{
	if (f->text.bytes >= f->max_bytes)
		return FRAMER_TOO_LONG;
	return buf_append(&f->text, &c, 1) ? FRAMER_NO_MEMORY : FRAMER_MORE;
}

static enum framer_result feed_byte(struct framer *f, uint8_t c, bool *taken)
{
	enum framer_result result = FRAMER_MORE;
	enum step s = step(f, c);

	*taken = s != STEP_END_BEFORE;
	if (s == STEP_TOO_DEEP) {
		f->complete = true;
		return FRAMER_TOO_DEEP;
	}
	if (s == STEP_KEEP || s == STEP_END)
		result = keep(f, c);
	note(f, c);
	if (result != FRAMER_MORE || s == STEP_KEEP || s == STEP_SKIP)
		return result;
	f->complete = true;
	return FRAMER_MESSAGE;
}

size_t framer_feed(struct framer *f, const void *data, size_t bytes,
		   enum framer_result *ret_result)
{
	const uint8_t *p = data;
	enum framer_result result = FRAMER_MORE;
	size_t i = 0;
	bool taken;

	if (f->complete) {
		f->text.bytes = 0;
		f->complete = false;
	}
	while (i < bytes && result == FRAMER_MORE) {
		result = feed_byte(f, p[i], &taken);
		i += taken;
	}
	*ret_result = result;
	return i;
}
