/* SPDX-License-Identifier: MIT */
/* What memory of a guest's size is made of: kinds of pages, mapped. */
#ifndef VMFERRY_BASE_BACKING_H
#define VMFERRY_BASE_BACKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum backing_kind {
	BACKING_ANON, /* private, 4K: MADV_NOHUGEPAGE */
	BACKING_THP, /* private, transparent 2M where the kernel has them */
	BACKING_HUGETLB, /* private, 2M or 1G from the pool */
	BACKING_MEMFD, /* shared; 4K, or 2M or 1G from the pool */
	BACKING_FILE, /* shared, 4K; on whatever file system that is */
};

/* In the order of enum backing_kind, NULL-terminated. */
extern const char *const backing_names[];

struct backing_params {
	enum backing_kind kind;
	uint64_t bytes; /* whole pages */
	uint64_t page_bytes; /* backing_check() takes it */
	const char *name; /* of the memfd, in /proc/PID/maps */
	const char *path; /* BACKING_FILE: a folder, or a name not taken */
	/* Pages are promised when they are mapped, or not: MAP_NORESERVE. Then
	 * a touch may fail. Only of pages from the pool. */
	bool reserve;
	bool sealed; /* a memfd's size is for ever */
};

struct backing {
	uint8_t *base; /* aligned to @page_bytes, and to 2M at least */
	uint64_t bytes, page_bytes;
	int fd; /* -1 = anonymous; offset 0 is @base */
	/* Private: address space that nothing else merges with. */
	void *room;
	uint64_t room_bytes;
};

/* The page size that a kind has if none is named. */
uint64_t backing_default_page_bytes(enum backing_kind kind);

/**
 * backing_parse() - a kind as one writes it: "memfd", "file:PATH".
 * @ret_path: of a file, inside of @text; else NULL. Both are untouched on
 *	failure.
 *
 * Return: 0, or -EINVAL with a sentence that names --backing.
 */
int backing_parse(const char *text, enum backing_kind *ret_kind,
		  const char **ret_path, struct error *err);

/* Do the two go together? -EINVAL with a sentence. */
int backing_check(enum backing_kind kind, uint64_t page_bytes,
		  struct error *err);

/* Do the pages come from the pool of huge pages? */
bool backing_is_pooled(enum backing_kind kind, uint64_t page_bytes);

/**
 * backing_create() - map it; nothing is touched.
 * @ret: untouched on failure. Left out of core dumps.
 *
 * A file has no name any more on return.
 *
 * Return: 0, or -errno with a sentence; -ENOMEM if the pool is too small for a
 * reserved mapping, and the sentence has the remedy.
 */
int backing_create(const struct backing_params *params, struct backing *ret,
		   struct error *err);
/* Also of one that is all zero. */
void backing_destroy(struct backing *b);

#endif
