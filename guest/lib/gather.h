/* SPDX-License-Identifier: MIT */
/* Words collected from several sources into one text. */
#ifndef VMFERRY_GUEST_GATHER_H
#define VMFERRY_GUEST_GATHER_H

#include <stdbool.h>
#include <stddef.h>

#define GATHER_BYTES 4096u

struct gather {
	size_t used; /* without the NUL that always ends the text */
	bool cut; /* something found no room and was left out whole */
	char text[GATHER_BYTES];
};

/**
 * gather_add() - add one piece, a blank before it.
 * @piece: at most @bytes; ends at a NUL too. Characters that cannot stand in
 *	a word become blanks.
 */
void gather_add(struct gather *g, const char *piece, size_t bytes);

/* "KEY=VALUE" as one piece. */
void gather_add_key(struct gather *g, const char *key, size_t key_bytes,
		    const char *value, size_t value_bytes);

#endif
