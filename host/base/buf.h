/* SPDX-License-Identifier: MIT */
/* A growing byte buffer, and a reader that never runs past the end. */
#ifndef VMFERRY_BASE_BUF_H
#define VMFERRY_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t *data;
	size_t bytes; /* used */
	size_t room; /* allocated */
};

#define BUF_INIT                                                               \
	{                                                                      \
		NULL, 0, 0                                                     \
	}

void buf_exit(struct buf *b);
/* Appends @bytes from @data (zeros if @data is NULL). 0 or -ENOMEM. */
int buf_append(struct buf *b, const void *data, size_t bytes);
/* Room for @bytes more behind the used part, uninitialised; or NULL. */
void *buf_reserve(struct buf *b, size_t bytes);

/* A window on bytes of somebody else's. */
struct reader {
	const uint8_t *at;
	size_t left;
};

/* Copies the next @bytes and goes past them; -EPROTO if fewer are left. */
int reader_get(struct reader *r, void *data, size_t bytes);
/* Points at the next @bytes and goes past them; NULL if fewer are left. */
const void *reader_skip(struct reader *r, size_t bytes);

#endif
