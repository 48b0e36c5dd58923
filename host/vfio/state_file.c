/* SPDX-License-Identifier: MIT */
#include "vfio/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/new_file.h"

struct state_file {
	struct new_file new; /* while it is written */
	bool writing;
	int fd;
	struct state_file_header header;
	struct state_file_end end;
	XXH3_state_t *hash;
	uint8_t *piece; /* STATE_FILE_MAX_PIECE */
};

static int put(int fd, const void *data, size_t bytes)
{
	const uint8_t *from = data;
	ssize_t n;

	while (bytes) {
		n = write(fd, from, bytes);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		from += n;
		bytes -= (size_t)n;
	}
	return 0;
}

/* -EPROTO: the file ends before. */
static int get(int fd, void *data, size_t bytes)
{
	uint8_t *to = data;
	ssize_t n;

	while (bytes) {
		n = read(fd, to, bytes);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EPROTO;
		to += n;
		bytes -= (size_t)n;
	}
	return 0;
}

static struct state_file *make(void)
{
	struct state_file *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->fd = f->new.fd = -1;
	f->hash = XXH3_createState();
	f->piece = malloc(STATE_FILE_MAX_PIECE);
	if (f->hash && f->piece) {
		XXH3_64bits_reset(f->hash);
		return f;
	}
	state_file_close(f);
	return NULL;
}

void state_file_close(struct state_file *f)
{
	if (!f)
		return;
	if (f->writing)
		new_file_close(&f->new);
	else if (f->fd >= 0)
		close(f->fd);
	XXH3_freeState(f->hash);
	free(f->piece);
	free(f);
}

/* ---- writing ------------------------------------------------------------- */

int state_file_create(const char *path, uint32_t pci_ids,
		      struct state_file **ret, struct error *err)
{
	struct state_file *f = make();
	int rc;

	if (!f)
		return error_set(err, -ENOMEM, "no memory");
	rc = new_file_open(path, false, &f->new);
	if (rc) {
		state_file_close(f);
		return error_set(err, rc, "cannot write %s: %s", path,
				 strerror(-rc));
	}
	f->writing = true;
	f->header = (struct state_file_header){
		.magic = STATE_FILE_MAGIC,
		.version = STATE_FILE_VERSION,
		.pci_ids = pci_ids,
	};
	rc = put(f->new.fd, &f->header, sizeof(f->header));
	if (rc) {
		state_file_close(f);
		return error_set(err, rc, "cannot write %s: %s", path,
				 strerror(-rc));
	}
	*ret = f;
	return 0;
}

int state_file_write(struct state_file *f, const void *data, size_t bytes)
{
	uint32_t size = (uint32_t)bytes;
	int rc;

	if (!bytes || bytes > STATE_FILE_MAX_PIECE)
		return -EINVAL;
	rc = put(f->new.fd, &size, sizeof(size));
	if (!rc)
		rc = put(f->new.fd, data, bytes);
	XXH3_64bits_update(f->hash, data, bytes);
	f->end.bytes += bytes;
	return rc;
}

int state_file_publish(struct state_file *f, struct error *err)
{
	const uint32_t size = 0;
	int rc;

	f->end.hash = XXH3_64bits_digest(f->hash);
	rc = put(f->new.fd, &size, sizeof(size));
	if (!rc)
		rc = put(f->new.fd, &f->end, sizeof(f->end));
	if (!rc && fsync(f->new.fd))
		rc = -errno;
	if (!rc)
		rc = new_file_publish(&f->new, true);
	return rc ? error_set(err, rc, "cannot write %s: %s", f->new.path,
			      strerror(-rc))
		  : 0;
}

/* ---- reading ------------------------------------------------------------- */

int state_file_read(struct state_file *f, const void **ret_data,
		    size_t *ret_bytes)
{
	uint32_t size;
	int rc = get(f->fd, &size, sizeof(size));

	if (rc)
		return rc;
	if (size > STATE_FILE_MAX_PIECE)
		return -EPROTO;
	rc = get(f->fd, f->piece, size);
	*ret_data = f->piece;
	*ret_bytes = size;
	return rc;
}

/* All pieces, and the end that must fit to them. */
static int look_through(struct state_file *f)
{
	struct state_file_end end;
	const void *data;
	uint8_t more;
	size_t bytes;
	int rc;

	while (!(rc = state_file_read(f, &data, &bytes)) && bytes) {
		XXH3_64bits_update(f->hash, data, bytes);
		f->end.bytes += bytes;
	}
	if (!rc)
		rc = get(f->fd, &end, sizeof(end));
	if (rc)
		return rc;
	f->end.hash = XXH3_64bits_digest(f->hash);
	if (memcmp(&end, &f->end, sizeof(end)) || !get(f->fd, &more, 1))
		return -EPROTO;
	return state_file_rewind(f);
}

int state_file_rewind(struct state_file *f)
{
	return lseek(f->fd, sizeof(f->header), SEEK_SET) < 0 ? -errno : 0;
}

static int read_header(struct state_file *f, const char *path,
		       struct error *err)
{
	struct stat st;
	int rc;

	if (fstat(f->fd, &st) || !S_ISREG(st.st_mode))
		return error_set(err, -EPROTO, "%s is no file", path);
	rc = get(f->fd, &f->header, sizeof(f->header));
	if (!rc && f->header.magic != STATE_FILE_MAGIC)
		rc = -EPROTO;
	if (rc)
		return error_set(err, rc,
				 "%s is no state of a device (transfer --save "
				 "writes them)",
				 path);
	if (f->header.version != STATE_FILE_VERSION)
		return error_set(err, -EPROTO,
				 "%s is of version %u; this vmferry reads %u",
				 path, f->header.version, STATE_FILE_VERSION);
	return 0;
}

int state_file_open(const char *path, struct state_file **ret,
		    struct error *err)
{
	struct state_file *f = make();
	int rc;

	if (!f)
		return error_set(err, -ENOMEM, "no memory");
	f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (f->fd < 0)
		rc = error_set(err, -errno, "cannot read %s: %s", path,
			       strerror(errno));
	else
		rc = read_header(f, path, err);
	if (!rc) {
		rc = look_through(f);
		if (rc)
			error_set(err, rc, "%s is cut or damaged: save it anew",
				  path);
	}
	if (rc) {
		state_file_close(f);
		return rc;
	}
	*ret = f;
	return 0;
}

uint32_t state_file_pci_ids(const struct state_file *f)
{
	return f->header.pci_ids;
}

uint64_t state_file_bytes(const struct state_file *f)
{
	return f->end.bytes;
}
