/* SPDX-License-Identifier: MIT */
/* Unpacking of raw LZMA (lc=3, lp=0, pb=0), as xz makes it. */
#ifndef VMFERRY_GUEST_LZMA_H
#define VMFERRY_GUEST_LZMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * lzma_unpack() - unpack, into memory that lies apart.
 * @packed: any bytes.
 * @raw: where they go.
 * @raw_bytes: how many there must be, exactly; no more are written.
 *
 * Bytes that were changed may still unpack to that many wrong ones: compare
 * lzma_check().
 *
 * Context: one caller at a time.
 * Return: false if @packed ends too early or is none.
 * Source: LZMA specification (LZMA SDK, lzma-specification.txt).
 */
bool lzma_unpack(const uint8_t *packed, size_t packed_bytes, uint8_t *raw,
		 size_t raw_bytes);

/* The check value of the tool cksum. Source: POSIX.1-2017, cksum. */
uint32_t lzma_check(const uint8_t *raw, size_t bytes);

#endif
