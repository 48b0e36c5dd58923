/* SPDX-License-Identifier: MIT */
/* Expected visits of a frozen guest's pages. */
#include "drive/expect.h"

void expect_init(struct expect *e, const struct guest_view *view)
{
	const struct oracle *o = &view->control.epoch;
	uint32_t i;

	e->o = o;
	for (i = 0; i < o->nr_vcpus; i++) {
		struct oracle_history *h = &e->history[i];

		e->flight[i] = o->nr_pages;
		if (!oracle_slice(o, i).nr_pages)
			continue;
		oracle_history_init(h, o, i, &view->log[i],
				    view->vcpu[i].steps);
		e->flight[i] = oracle_history_next(h, &e->flight_visit[i]);
	}
}

uint64_t expect_visit(const struct expect *e, uint64_t index)
{
	return oracle_history_visit(&e->history[oracle_owner(e->o, index)],
				    index);
}

uint64_t expect_before(const struct expect *e, uint64_t index)
{
	return oracle_history_before(&e->history[oracle_owner(e->o, index)],
				     index);
}

bool expect_in_flight(const struct expect *e, uint64_t index,
		      uint64_t *ret_visit)
{
	uint32_t vcpu = oracle_owner(e->o, index);

	if (ret_visit)
		*ret_visit = e->flight_visit[vcpu];
	return e->flight[vcpu] == index;
}
