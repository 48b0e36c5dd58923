/* SPDX-License-Identifier: MIT */
/* Arcs of the migration state machine, and the search for a path. */
#include "vfio/device_states.h"

#include <errno.h>
#include <string.h>

static const char *const names[MIG_NR_STATES] = {
	[MIG_STATE_ERROR] = "ERROR",
	[MIG_STATE_STOP] = "STOP",
	[MIG_STATE_RUNNING] = "RUNNING",
	[MIG_STATE_STOP_COPY] = "STOP_COPY",
	[MIG_STATE_RESUMING] = "RESUMING",
	[MIG_STATE_RUNNING_P2P] = "RUNNING_P2P",
	[MIG_STATE_PRE_COPY] = "PRE_COPY",
	[MIG_STATE_PRE_COPY_P2P] = "PRE_COPY_P2P",
};

static const struct {
	uint8_t from, to;
	uint8_t without; /* flags with which there is no such arc */
} arcs[] = {
	{ MIG_STATE_RUNNING, MIG_STATE_STOP, MIG_FLAG_P2P },
	{ MIG_STATE_STOP, MIG_STATE_RUNNING, MIG_FLAG_P2P },
	{ MIG_STATE_RUNNING, MIG_STATE_RUNNING_P2P, 0 },
	{ MIG_STATE_RUNNING_P2P, MIG_STATE_RUNNING, 0 },
	{ MIG_STATE_RUNNING_P2P, MIG_STATE_STOP, 0 },
	{ MIG_STATE_STOP, MIG_STATE_RUNNING_P2P, 0 },
	{ MIG_STATE_STOP, MIG_STATE_STOP_COPY, 0 },
	{ MIG_STATE_STOP_COPY, MIG_STATE_STOP, 0 },
	{ MIG_STATE_STOP, MIG_STATE_RESUMING, 0 },
	{ MIG_STATE_RESUMING, MIG_STATE_STOP, 0 },
	{ MIG_STATE_RUNNING, MIG_STATE_PRE_COPY, 0 },
	{ MIG_STATE_PRE_COPY, MIG_STATE_RUNNING, 0 },
	{ MIG_STATE_PRE_COPY, MIG_STATE_STOP_COPY, MIG_FLAG_P2P },
	{ MIG_STATE_PRE_COPY, MIG_STATE_PRE_COPY_P2P, 0 },
	{ MIG_STATE_PRE_COPY_P2P, MIG_STATE_PRE_COPY, 0 },
	{ MIG_STATE_RUNNING_P2P, MIG_STATE_PRE_COPY_P2P, 0 },
	{ MIG_STATE_PRE_COPY_P2P, MIG_STATE_RUNNING_P2P, 0 },
	{ MIG_STATE_PRE_COPY_P2P, MIG_STATE_STOP_COPY, 0 },
};

#define NR_ARCS (sizeof(arcs) / sizeof(arcs[0]))

bool device_state_exists(uint32_t state, uint64_t flags)
{
	switch (state) {
	case MIG_STATE_STOP:
	case MIG_STATE_RUNNING:
	case MIG_STATE_STOP_COPY:
	case MIG_STATE_RESUMING:
		return flags & MIG_FLAG_STOP_COPY;
	case MIG_STATE_RUNNING_P2P:
		return flags & MIG_FLAG_P2P;
	case MIG_STATE_PRE_COPY:
		return flags & MIG_FLAG_PRE_COPY;
	case MIG_STATE_PRE_COPY_P2P:
		return (flags & MIG_FLAG_PRE_COPY) && (flags & MIG_FLAG_P2P);
	default:
		return false;
	}
}

bool device_state_saves(uint32_t state)
{
	return state == MIG_STATE_STOP_COPY || state == MIG_STATE_PRE_COPY ||
	       state == MIG_STATE_PRE_COPY_P2P;
}

bool device_state_has_dma(uint32_t state)
{
	return state == MIG_STATE_RUNNING || state == MIG_STATE_PRE_COPY;
}

static bool arc_exists(size_t i, uint64_t flags)
{
	return !(arcs[i].without & flags) &&
	       device_state_exists(arcs[i].from, flags) &&
	       device_state_exists(arcs[i].to, flags);
}

/*
 * Steps from each state to @to; 255 = none. Goes outward from @to, and does not
 * go on from a state that no path may have inside.
 */
static void distances(uint32_t to, uint64_t flags, bool through_saving,
		      uint8_t dist[MIG_NR_STATES])
{
	unsigned int round;
	size_t i;

	memset(dist, 255, MIG_NR_STATES);
	dist[to] = 0;
	for (round = 0; round < MIG_NR_STATES; round++)
		for (i = 0; i < NR_ARCS; i++) {
			uint32_t next = arcs[i].to;

			if (!arc_exists(i, flags) || dist[next] != round ||
			    dist[arcs[i].from] != 255)
				continue;
			if (next != to && device_state_saves(next) &&
			    !through_saving)
				continue;
			dist[arcs[i].from] = (uint8_t)(round + 1);
		}
}

int device_state_next(uint32_t from, uint32_t to, uint64_t flags, uint32_t *ret)
{
	uint8_t dist[MIG_NR_STATES];
	bool inside;
	size_t i;

	if (!device_state_exists(from, flags) ||
	    !device_state_exists(to, flags) || from == to)
		return -EINVAL;
	/* Never legal, though there would be a way around. */
	if (from == MIG_STATE_STOP_COPY && device_state_saves(to))
		return -EINVAL;
	inside = device_state_saves(from) && device_state_saves(to);
	distances(to, flags, inside, dist);
	if (dist[from] == 255)
		return -EINVAL;
	for (i = 0; i < NR_ARCS; i++) {
		uint32_t next = arcs[i].to;

		if (arcs[i].from != from || !arc_exists(i, flags) ||
		    dist[next] != dist[from] - 1)
			continue;
		if (next != to && device_state_saves(next) && !inside)
			continue;
		*ret = next;
		return 0;
	}
	return -EINVAL;
}

const char *device_state_name(uint32_t state)
{
	return state < MIG_NR_STATES ? names[state] : "?";
}

int device_state_parse(const char *name, uint32_t *ret)
{
	uint32_t i;

	for (i = 0; i < MIG_NR_STATES; i++)
		if (!strcmp(names[i], name)) {
			*ret = i;
			return 0;
		}
	return -EINVAL;
}
