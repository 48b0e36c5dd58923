/* SPDX-License-Identifier: MIT */
/* Configuration from QEMU's fw_cfg: files named `opt/vmferry/KEY`. */
#ifndef VMFERRY_GUEST_FWCFG_H
#define VMFERRY_GUEST_FWCFG_H

#include <stdint.h>

#include "lib/gather.h"

#define FWCFG_FILES 128u
#define FWCFG_KEY_BYTES 56u
#define FWCFG_VALUE_BYTES 256u

/* As it lies in memory: numbers are big-endian. */
struct fwcfg_dir {
	uint8_t nr[4];
	struct {
		uint8_t size[4];
		uint8_t select[2];
		uint8_t reserved[2];
		char name[FWCFG_KEY_BYTES];
	} file[FWCFG_FILES];
};

struct fwcfg_file {
	uint16_t select;
	uint32_t bytes; /* at most FWCFG_VALUE_BYTES */
	char key[FWCFG_KEY_BYTES]; /* NUL-terminated */
};

/**
 * fwcfg_find() - the next file of ours in a directory.
 * @dir: possibly hostile.
 * @at: in and out: where to go on; 0 first.
 *
 * Return: false if there is no more.
 */
bool fwcfg_find(const struct fwcfg_dir *dir, uint32_t *at,
		struct fwcfg_file *ret_file);

/**
 * fwcfg_gather() - add KEY=VALUE for each file.
 *
 * Does nothing where there is no fw_cfg, or one without DMA (before QEMU 2.4).
 * Source: QEMU docs/specs/fw_cfg.rst.
 */
void fwcfg_gather(struct gather *words);

#endif
