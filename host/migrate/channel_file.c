/* SPDX-License-Identifier: MIT */
/*
 * A channel into a file, or out of one: a snapshot.
 *
 * A stream's pages carry no checksum, since on a wire nothing damages them. A
 * file can be cut short, or damaged long after it was written: so the stream
 * lies in it in blocks that have a number and a checksum each, and an empty
 * block is its end. Nothing is handed out that has not been checked.
 */
#include "migrate/channel.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "migrate/copy.h"
#include "migrate/file_place.h"

#define BLOCK_MAGIC FILE_PLACE_MAGIC
#define BLOCK_BYTES ((size_t)1 << 20)

struct block_le {
	uint64_t magic;
	uint64_t number; /* 0, 1, 2, ... */
	uint64_t bytes; /* that follow; 0 = the end of the stream */
	uint64_t check; /* xxh64 of the rest of this, and the bytes */
};
_Static_assert(sizeof(struct block_le) == 32, "file format");

struct file_channel {
	struct channel base;
	int fd;
	bool out;
	atomic_bool down;
	char *path; /* NULL = none is known */
	struct new_file fresh; /* not published yet: @fd is its */
	bool is_fresh;
	uint64_t number; /* of the next block */
	bool ended; /* read: the empty block has come */
	bool damaged; /* read: a block was not what it should be, */
	bool foreign; /* and never was one of ours */
	struct {
		struct block_le le;
		uint8_t data[BLOCK_BYTES];
	} block;
	size_t bytes; /* in it */
	size_t at; /* read: handed out so far */
};

static struct file_channel *file(struct channel *ch)
{
	return (struct file_channel *)ch;
}

static uint64_t check_of(struct block_le le, const uint8_t *data)
{
	le.check = 0;
	return XXH64(data, le64toh(le.bytes), XXH64(&le, sizeof(le), 0));
}

static int write_fully(int fd, const uint8_t *at, size_t bytes)
{
	while (bytes) {
		ssize_t n = write(fd, at, bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		at += n;
		bytes -= (size_t)n;
	}
	return 0;
}

static int put_block(struct file_channel *f)
{
	struct block_le *le = &f->block.le;
	int rc;

	*le = (struct block_le){
		.magic = htole64(BLOCK_MAGIC),
		.number = htole64(f->number),
		.bytes = htole64(f->bytes),
	};
	le->check = htole64(check_of(*le, f->block.data));
	rc = write_fully(f->fd, (const uint8_t *)le, sizeof(*le) + f->bytes);
	f->number++;
	f->bytes = 0;
	return rc;
}

/* What one entry has room for in the block. */
static size_t add(struct file_channel *f, const struct iovec *iov)
{
	size_t room = BLOCK_BYTES - f->bytes;
	size_t n = iov->iov_len < room ? iov->iov_len : room;

	/* The guest may be writing it: the checksum is of the copy. */
	copy_racy(f->block.data + f->bytes, iov->iov_base, n);
	f->bytes += n;
	return n;
}

static ssize_t file_writev(struct channel *ch, const struct iovec *iov,
			   int nr_iov)
{
	struct file_channel *f = file(ch);
	ssize_t sum = 0;
	size_t n;
	int i, rc;

	if (f->down)
		return -EPIPE;
	for (i = 0; i < nr_iov; i++) {
		/* Nobody reads what a reader says. */
		n = f->out ? add(f, &iov[i]) : iov[i].iov_len;
		sum += (ssize_t)n;
		if (f->out && f->bytes == BLOCK_BYTES) {
			rc = put_block(f);
			return rc ? rc : sum;
		}
	}
	return sum;
}

/* -ENODATA: the file ends before that. */
static int read_fully(int fd, uint8_t *at, size_t bytes)
{
	while (bytes) {
		ssize_t n = read(fd, at, bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ENODATA;
		at += n;
		bytes -= (size_t)n;
	}
	return 0;
}

static int damaged(struct file_channel *f)
{
	f->damaged = true;
	return -EBADMSG;
}

/* The next block, checked. */
static int get_block(struct file_channel *f)
{
	struct block_le *le = &f->block.le;
	int rc = read_fully(f->fd, (uint8_t *)le, sizeof(*le));

	if (rc)
		return rc;
	f->foreign = !f->number && le64toh(le->magic) != BLOCK_MAGIC;
	if (le64toh(le->magic) != BLOCK_MAGIC ||
	    le64toh(le->number) != f->number ||
	    le64toh(le->bytes) > BLOCK_BYTES)
		return damaged(f);
	f->bytes = le64toh(le->bytes);
	f->at = 0;
	rc = read_fully(f->fd, f->block.data, f->bytes);
	if (rc)
		return rc;
	if (le64toh(le->check) != check_of(*le, f->block.data))
		return damaged(f);
	f->number++;
	f->ended = !f->bytes;
	return 0;
}

static ssize_t file_readv(struct channel *ch, const struct iovec *iov,
			  int nr_iov)
{
	struct file_channel *f = file(ch);
	ssize_t sum = 0;
	int i, rc;

	if (f->down || f->out)
		return 0;
	if (f->at == f->bytes) {
		rc = f->ended ? 0 : get_block(f);
		if (rc || f->ended)
			return rc == -ENODATA ? 0 : rc;
	}
	for (i = 0; i < nr_iov && f->at < f->bytes; i++) {
		size_t left = f->bytes - f->at;
		size_t n = iov[i].iov_len < left ? iov[i].iov_len : left;

		memcpy(iov[i].iov_base, f->block.data + f->at, n);
		f->at += n;
		sum += (ssize_t)n;
	}
	return sum;
}

static int finish_writing(struct file_channel *f)
{
	int rc = f->bytes ? put_block(f) : 0;

	if (!rc)
		rc = put_block(f);
	if (!rc && fsync(f->fd))
		rc = -errno;
	return rc;
}

/* Behind the last record there is the end, and nothing else. */
static int finish_reading(struct file_channel *f)
{
	uint8_t more;
	int rc;

	if (f->at < f->bytes)
		return damaged(f);
	rc = f->ended ? 0 : get_block(f);
	if (rc)
		return rc;
	if (!f->ended || read(f->fd, &more, 1) != 0)
		return damaged(f);
	return 0;
}

static int file_finish(struct channel *ch)
{
	struct file_channel *f = file(ch);

	return f->out ? finish_writing(f) : finish_reading(f);
}

static int file_publish(struct channel *ch)
{
	struct file_channel *f = file(ch);
	int rc;

	if (!f->is_fresh)
		return 0;
	rc = new_file_publish(&f->fresh, false);
	if (rc == -EEXIST) {
		/* Another one than when we began, perhaps. */
		rc = channel_may_replace(f->path);
		if (!rc)
			rc = new_file_publish(&f->fresh, true);
	}
	return rc;
}

static void file_explain(struct channel *ch, int rc, struct error *err)
{
	struct file_channel *f = file(ch);
	const char *path = f->path ? f->path : "the file";

	if (f->out)
		error_set(err, rc, "cannot write %s: %s", path,
			  file_place_why_not(rc));
	else if (f->foreign)
		error_set(err, rc, "%s is not a snapshot of vmferry's", path);
	else if (f->damaged)
		error_set(err, rc,
			  "%s is damaged in its block %" PRIu64
			  " (at byte %" PRIu64 "), or behind it",
			  path, f->number,
			  f->number * (sizeof(struct block_le) + BLOCK_BYTES));
	else if (rc == -ENODATA)
		error_set(err, rc,
			  "%s ends early: it was cut off, or never finished",
			  path);
	else
		error_set(err, rc, "cannot read %s: %s", path,
			  strerrordesc_np(-rc));
}

static void file_shutdown(struct channel *ch)
{
	file(ch)->down = true;
}

static void file_close(struct channel *ch)
{
	struct file_channel *f = file(ch);

	if (f->is_fresh)
		new_file_close(&f->fresh);
	else
		close(f->fd);
	free(f->path);
	free(f);
}

static const struct channel_ops file_ops = {
	.writev = file_writev,
	.readv = file_readv,
	.finish = file_finish,
	.publish = file_publish,
	.explain = file_explain,
	.shutdown = file_shutdown,
	.close = file_close,
};

static struct file_channel *file_new(int fd, bool out)
{
	struct file_channel *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->base.ops = &file_ops;
	f->base.one_way = true;
	f->fd = fd;
	f->out = out;
	return f;
}

int channel_from_file(int fd, bool out, struct channel **ret_channel)
{
	struct file_channel *f = file_new(fd, out);

	if (!f)
		return -ENOMEM;
	*ret_channel = &f->base;
	return 0;
}

int channel_open_file(const char *path, bool out, struct channel **ret_channel,
		      struct error *err)
{
	struct new_file fresh = { .fd = -1 };
	struct file_channel *f;
	int fd, rc;

	rc = out ? file_place_new(path, &fresh) : file_place_old(path);
	if (rc < 0)
		return error_set(err, rc, "cannot %s %s: %s",
				 out ? "write" : "read", path,
				 file_place_why_not(rc));
	fd = out ? fresh.fd : rc;
	f = file_new(fd, out);
	if (f)
		f->path = strdup(path);
	if (f && f->path) {
		f->fresh = fresh;
		f->is_fresh = out;
		*ret_channel = &f->base;
		return 0;
	}
	free(f);
	if (out)
		new_file_close(&fresh);
	else
		close(fd);
	return -ENOMEM;
}
