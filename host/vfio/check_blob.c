/* SPDX-License-Identifier: MIT */
/* Streams: read whole, written, kept. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vfio/check_priv.h"

void check_blob_free(struct check_blob *b)
{
	free(b->data);
	*b = (struct check_blob){ NULL, 0, 0 };
}

static int make_room(struct check_blob *b, size_t bytes)
{
	size_t room = b->room ? b->room : 65536;
	uint8_t *data;

	while (room - b->bytes < bytes)
		room *= 2;
	if (room == b->room)
		return 0;
	data = realloc(b->data, room);
	if (!data)
		return -ENOMEM;
	b->data = data;
	b->room = room;
	return 0;
}

int check_blob_add(struct check_blob *b, const void *data, size_t bytes)
{
	int rc = make_room(b, bytes);

	if (rc)
		return rc;
	if (bytes)
		memcpy(b->data + b->bytes, data, bytes);
	b->bytes += bytes;
	return 0;
}

/* Sizes that vary, the same ones in each run; large ones after a while, so that
 * large streams end. */
static size_t next_chunk(size_t chunk, size_t done)
{
	if (chunk)
		return chunk;
	if (done < 32)
		return 1;
	if (done > (256u << 10))
		return CHECK_CHUNK - 1;
	return 1 + (done * 2654435761u >> 7) % 4096;
}

int check_read_stream(struct check_run *r, struct check_blob *b, size_t chunk,
		      size_t most, bool *ret_cut)
{
	size_t begin = b->bytes, got, want;
	bool end = false;
	int rc = 0;

	if (ret_cut)
		*ret_cut = false;
	while (!end) {
		if (b->bytes - begin >= most) {
			if (ret_cut)
				*ret_cut = true;
			return 0;
		}
		want = next_chunk(chunk, b->bytes - begin);
		rc = make_room(b, want);
		if (!rc)
			rc = r->port->data_read(r, b->data + b->bytes, want,
						&got, &end);
		if (rc)
			return rc;
		b->bytes += got;
	}
	return 0;
}

int check_write_stream(struct check_run *r, const void *data, size_t bytes,
		       size_t chunk)
{
	const uint8_t *at = data;
	size_t done = 0, n;
	int rc = 0;

	while (!rc && done < bytes) {
		n = next_chunk(chunk, done);
		if (n > bytes - done)
			n = bytes - done;
		rc = r->port->data_write(r, at + done, n);
		done += n;
	}
	return rc;
}

bool check_save(struct check_run *r, struct check_blob *b)
{
	bool cut;

	if (!check_enter(r, MIG_STATE_STOP_COPY))
		return false;
	if (!check_ok(r,
		      check_read_stream(r, b, CHECK_CHUNK, CHECK_STREAM_MOST,
					&cut),
		      "reading the stream"))
		return false;
	return check_that(r, !cut, "the stream has not ended after %zu bytes",
			  b->bytes);
}

int check_load(struct check_run *r, const struct check_blob *b)
{
	int rc = r->port->set_state(r, MIG_STATE_RESUMING);

	if (!rc)
		rc = check_write_stream(r, b->data, b->bytes, CHECK_CHUNK);
	if (!rc)
		rc = r->port->set_state(r, MIG_STATE_STOP);
	return rc;
}

bool check_loads(struct check_run *r, const struct check_blob *b,
		 const char *what)
{
	return check_ok(r, check_load(r, b), what);
}
