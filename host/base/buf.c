/* SPDX-License-Identifier: MIT */
/* Growing buffer and bounded reader. */
#include "base/buf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void buf_exit(struct buf *b)
{
	free(b->data);
	*b = (struct buf)BUF_INIT;
}

void *buf_reserve(struct buf *b, size_t bytes)
{
	size_t room = b->room ? b->room : 256;
	uint8_t *data;

	if (bytes > SIZE_MAX / 2 - b->bytes)
		return NULL;
	while (room - b->bytes < bytes)
		room *= 2;
	if (room != b->room) {
		data = realloc(b->data, room);
		if (!data)
			return NULL;
		b->data = data;
		b->room = room;
	}
	return b->data + b->bytes;
}

int buf_append(struct buf *b, const void *data, size_t bytes)
{
	void *at = buf_reserve(b, bytes);

	if (!at)
		return -ENOMEM;
	if (data)
		memcpy(at, data, bytes);
	else
		memset(at, 0, bytes);
	b->bytes += bytes;
	return 0;
}

const void *reader_skip(struct reader *r, size_t bytes)
{
	const void *at = r->at;

	if (bytes > r->left)
		return NULL;
	r->at += bytes;
	r->left -= bytes;
	return at;
}

int reader_get(struct reader *r, void *data, size_t bytes)
{
	if (bytes > r->left)
		return -EPROTO;
	if (bytes)
		memcpy(data, reader_skip(r, bytes), bytes);
	return 0;
}
