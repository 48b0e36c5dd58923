/* SPDX-License-Identifier: MIT */
/* Memory with the bytes that a guest's workload would write. */
#ifndef VMFERRY_TOOLS_COMPRESS_MEMORY_H
#define VMFERRY_TOOLS_COMPRESS_MEMORY_H

#include <stdint.h>

#include "base/error.h"

#define COMPRESS_MEMORY_PAGE 4096u

/* "random", "zero", "text", "r:N"? -EINVAL with a sentence. */
int compress_memory_check(const char *content, struct error *err);

/**
 * compress_memory_make() - map @bytes and fill them.
 * @content: that compress_memory_check() took.
 * @bytes: whole pages.
 *
 * Return: 0; -EINTR: interrupted; -ENOMEM with a sentence.
 */
int compress_memory_make(const char *content, uint64_t bytes,
			 uint8_t **ret_memory, struct error *err);
void compress_memory_free(uint8_t *memory, uint64_t bytes);

#endif
