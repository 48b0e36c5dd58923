/* SPDX-License-Identifier: MIT */
/*
 * A device's state in a file: a header, pieces, their end, a check.
 *
 * struct state_file_header; then pieces, each a 32-bit number of bytes and
 * these; then a piece of 0 bytes and struct state_file_end. All little-endian.
 */
#ifndef VMFERRY_VFIO_STATE_FILE_H
#define VMFERRY_VFIO_STATE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define STATE_FILE_MAGIC 0x5641545356464d56ull /* "VMFVSTAV" */
#define STATE_FILE_VERSION 1u
#define STATE_FILE_MAX_PIECE (1u << 20)

struct state_file_header {
	uint64_t magic;
	uint32_t version;
	uint32_t pci_ids; /* of the device: vendor, device << 16; 0 = unknown */
};

struct state_file_end {
	uint64_t bytes; /* of all pieces */
	uint64_t hash; /* XXH3, 64 bits, of their bytes */
};

struct state_file;

/**
 * state_file_create() - begin a file; it has no name until it is whole.
 * Return: 0 or -errno with a sentence.
 */
int state_file_create(const char *path, uint32_t pci_ids,
		      struct state_file **ret, struct error *err);
/* @bytes: 1 to STATE_FILE_MAX_PIECE. */
int state_file_write(struct state_file *f, const void *data, size_t bytes);
/* Ends it, syncs it, gives it its name, in the place of one that was there. */
int state_file_publish(struct state_file *f, struct error *err);

/**
 * state_file_open() - a file to be read: all of it is looked at first.
 * @path: hostile.
 * Return: 0; -EPROTO: no such file, cut, or damaged, with a sentence; ...
 */
int state_file_open(const char *path, struct state_file **ret,
		    struct error *err);
uint32_t state_file_pci_ids(const struct state_file *f);
uint64_t state_file_bytes(const struct state_file *f);
/* From the first piece on again. */
int state_file_rewind(struct state_file *f);
/* The next piece; @ret_bytes 0: that was all. @f's until the next call. */
int state_file_read(struct state_file *f, const void **ret_data,
		    size_t *ret_bytes);

/* Without state_file_publish() nothing stays. NULL is fine. */
void state_file_close(struct state_file *f);

#endif
