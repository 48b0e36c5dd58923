/* SPDX-License-Identifier: MIT */
#include "memmap_model.h"

/* The best child of @r that has not been asked yet; @prio and @serial: of the
 * one asked last. */
static unsigned int next_child(const struct model *m, unsigned int r,
			       const struct model_region *last)
{
	unsigned int i, best = MODEL_NONE;

	for (i = 0; i < MODEL_REGIONS; i++) {
		const struct model_region *c = &m->region[i], *b;

		if (c->parent != r)
			continue;
		if (last && (c->priority > last->priority ||
			     (c->priority == last->priority &&
			      c->serial >= last->serial)))
			continue;
		b = best == MODEL_NONE ? 0 : &m->region[best];
		if (!b || c->priority > b->priority ||
		    (c->priority == b->priority && c->serial > b->serial))
			best = i;
	}
	return best;
}

/* @addr: in the coordinates of @r's parent. */
static unsigned int owner_in(const struct model *m, unsigned int r,
			     uint32_t addr, uint32_t *ret_offset)
{
	const struct model_region *region = &m->region[r];
	const struct model_region *last = 0;
	unsigned int child, owner;

	if (!region->enabled || addr < region->offset ||
	    addr - region->offset >= region->bytes)
		return MODEL_NONE;
	addr -= region->offset;
	while ((child = next_child(m, r, last)) != MODEL_NONE) {
		owner = owner_in(m, child, addr, ret_offset);
		if (owner != MODEL_NONE)
			return owner;
		last = &m->region[child];
	}
	if (region->container)
		return MODEL_NONE;
	*ret_offset = addr;
	return r;
}

unsigned int model_owner(const struct model *m, uint32_t addr,
			 uint32_t *ret_offset)
{
	return owner_in(m, 0, addr, ret_offset);
}

bool model_bell_addr(const struct model *m, unsigned int r, unsigned int n,
		     uint32_t *ret_addr)
{
	const struct model_bell *bell = &m->region[r].bell[n];
	uint32_t bytes = bell->bytes ? bell->bytes : 1, i, addr, offset;

	addr = bell->offset;
	for (i = r; i != MODEL_NONE; i = m->region[i].parent)
		addr += m->region[i].offset;
	for (i = 0; i < bytes; i++)
		if (model_owner(m, addr + i, &offset) != r ||
		    offset != bell->offset + i)
			return false;
	*ret_addr = addr;
	return true;
}

bool model_is_above(const struct model *m, unsigned int a, unsigned int b)
{
	for (; b != MODEL_NONE; b = m->region[b].parent)
		if (a == b)
			return true;
	return false;
}

unsigned int model_depth(const struct model *m, unsigned int r)
{
	unsigned int depth = 0;

	for (; r != MODEL_NONE; r = m->region[r].parent)
		depth++;
	return depth;
}

unsigned int model_height(const struct model *m, unsigned int r)
{
	unsigned int i, most = 0, height;

	for (i = 0; i < MODEL_REGIONS; i++) {
		if (m->region[i].parent != r)
			continue;
		height = model_height(m, i);
		most = height > most ? height : most;
	}
	return most + 1;
}
