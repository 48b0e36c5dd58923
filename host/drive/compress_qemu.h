/* SPDX-License-Identifier: MIT */
/*
 * QEMU's two ways to compress guest memory, and which of them a setting is.
 *
 * `compress` (until 9.0): threads apart from the connection, zlib alone.
 * Multifd with a codec: each connection compresses what it sends itself, zlib
 * or zstd; there are no other threads, and none to wait for or not.
 */
#ifndef VMFERRY_DRIVE_COMPRESS_QEMU_H
#define VMFERRY_DRIVE_COMPRESS_QEMU_H

#include "base/error.h"
#include "drive/compress_options.h"

struct drive_vm;

struct compress_qemu {
	/* "compress", "multifd-zlib", "multifd-zstd"; NULL = not at all */
	const char *method;
	unsigned int channels; /* that it makes, of multifd; else 1 */
	json_t *capabilities; /* {NAME: BOOL}; NULL = none */
	json_t *parameters; /* {NAME: VALUE}; NULL = none */
};

/**
 * compress_qemu_check() - may QEMU be asked for it at all?
 *
 * Return: 0, or -EINVAL with a sentence: codecs and levels that no QEMU has.
 */
int compress_qemu_check(const struct drive_compress *c, struct error *err);

/**
 * compress_qemu_choose() - by which of the two ways. Pure.
 * @c: with a codec that compress_qemu_check() passed.
 * @nr_channels: that were asked for.
 * @capabilities: of query-migrate-capabilities, both sides' in common.
 * @ret: compress_qemu_exit(); untouched on failure.
 *
 * One channel and zlib are `compress`, if there is such a capability. All else
 * is multifd, with as many connections as channels were asked for or, with one,
 * as there shall be threads: there a connection is a thread.
 *
 * Return: 0, or -EINVAL with a sentence.
 */
int compress_qemu_choose(const struct drive_compress *c,
			 unsigned int nr_channels, json_t *capabilities,
			 struct compress_qemu *ret, struct error *err);

/* The same for two machines that can be asked. */
int compress_qemu_probe(const struct drive_compress *c,
			unsigned int nr_channels, struct drive_vm *source,
			struct drive_vm *target, struct compress_qemu *ret,
			struct error *err);

void compress_qemu_exit(struct compress_qemu *q);

#endif
