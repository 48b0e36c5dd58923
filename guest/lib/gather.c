/* SPDX-License-Identifier: MIT */
/* One text for all sources of configuration. */
#include "lib/gather.h"

#include "lib/string.h"

static void put(struct gather *g, const char *text, size_t bytes)
{
	while (bytes--) {
		char c = *text++;

		g->text[g->used++] = c > ' ' && c < 0x7f ? c : ' ';
	}
	g->text[g->used] = 0;
}

static bool has_room(struct gather *g, size_t bytes)
{
	if (bytes <= sizeof(g->text) - 2 - g->used)
		return true;
	g->cut = true;
	return false;
}

void gather_add(struct gather *g, const char *piece, size_t bytes)
{
	bytes = string_length_max(piece, bytes);
	if (g->used > sizeof(g->text) - 2 || !has_room(g, bytes))
		return;
	if (g->used)
		put(g, " ", 1);
	put(g, piece, bytes);
}

void gather_add_key(struct gather *g, const char *key, size_t key_bytes,
		    const char *value, size_t value_bytes)
{
	key_bytes = string_length_max(key, key_bytes);
	value_bytes = string_length_max(value, value_bytes);
	if (g->used > sizeof(g->text) - 2 ||
	    !has_room(g, key_bytes + 1 + value_bytes))
		return;
	if (g->used)
		put(g, " ", 1);
	put(g, key, key_bytes);
	put(g, "=", 1);
	put(g, value, value_bytes);
}
