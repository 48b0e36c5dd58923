/* SPDX-License-Identifier: MIT */
/* What guest memory is made of, and how its writes are logged. */
#ifndef VMFERRY_TOOLS_MEMORY_OPTIONS_H
#define VMFERRY_TOOLS_MEMORY_OPTIONS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "drive/vm.h"
#include "prealloc/prealloc.h"
#include "tools/options.h"

struct memory_choice {
	const char *backing; /* KIND, or file:PATH; NULL = the default */
	uint64_t page_bytes; /* 0 = the backing's own */
	unsigned int prealloc; /* index into memory_preallocs */
	uint64_t prealloc_threads; /* 0 = auto */
	unsigned int reserve; /* index into memory_reserves: 0 = on */
	unsigned int dirty; /* index into memory_dirty_logs */

	/* Resolved. */
	struct drive_memory memory;
};

extern const char *const memory_dirty_logs[];
extern const char *const memory_reserves[]; /* on, off */
/* off, on (best), async, and the methods of prealloc/prealloc.h in its order. */
extern const char *const memory_preallocs[];

/* Rows of an option table; @at gives the offset of a field of the choice. */
#define MEMORY_OPTIONS(at)                                                              \
	{ "backing",                                                                    \
	  OPTION_STRING,                                                                \
	  at(backing),                                                                  \
	  "KIND",                                                                       \
	  "what RAM is made of: anon (4K pages, the default), thp\n"                    \
	  "(transparent huge pages), hugetlb (reserved ones), memfd\n"                  \
	  "(shared), file:PATH (a folder, or a file that is not there;\n"               \
	  "nothing is left of it)",                                                     \
	  0,                                                                            \
	  0,                                                                            \
	  NULL },                                                                       \
		{ "page-size",                                                          \
		  OPTION_SIZE,                                                          \
		  at(page_bytes),                                                       \
		  "SIZE",                                                               \
		  "4K, 2M or 1G: of hugetlb 2M (default) or 1G, of memfd all",          \
		  4096,                                                                 \
		  1ull << 30,                                                           \
		  NULL },                                                               \
		{ "prealloc",                                                           \
		  OPTION_CHOICE,                                                        \
		  at(prealloc),                                                         \
		  "WAY",                                                                \
		  "have all of RAM there before the guest runs, or before it\n"         \
		  "arrives: off (default), on (best), async (on, but a target\n"        \
		  "goes on with it while it receives), or a method of\n"                \
		  "'vmferry prealloc': serial, split, even, populate, best",            \
		  0,                                                                    \
		  0,                                                                    \
		  memory_preallocs },                                                   \
		{ "prealloc-threads",                                                   \
		  OPTION_NUMBER,                                                        \
		  at(prealloc_threads),                                                 \
		  "N",                                                                  \
		  "threads for that (default: CPUs, vCPUs, at most 16)",                \
		  1,                                                                    \
		  PREALLOC_MAX_THREADS,                                                 \
		  NULL },                                                               \
		{ "reserve",                                                            \
		  OPTION_CHOICE,                                                        \
		  at(reserve),                                                          \
		  "on|off",                                                             \
		  "have huge pages promised when they are mapped (default on);\n"       \
		  "off (mini): where there are too few, it shows later",                \
		  0,                                                                    \
		  0,                                                                    \
		  memory_reserves },                                                    \
	{                                                                               \
		"dirty", OPTION_CHOICE, at(dirty), "LOG",                               \
			"how KVM tells the pages that were written: bitmap (default)\n" \
			"or ring",                                                      \
			0, 0, memory_dirty_logs                                         \
	}

/**
 * memory_resolve() - read the words and see that they go together.
 * @qemu: NULL: the mini VMM; else which accelerator QEMU has.
 *
 * Return: 0 or -EINVAL with a sentence.
 */
int memory_resolve(struct memory_choice *c, const char *qemu_accel,
		   uint64_t ram_bytes, struct error *err);

/* How the mini VMM is to do that, unless it is off. */
struct prealloc_config memory_prealloc(const struct memory_choice *c);

bool memory_prealloc_async(const struct memory_choice *c);

/* Adds the resolved choice to `params`. */
void memory_params(const struct memory_choice *c, json_t *params);

#endif
