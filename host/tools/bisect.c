/* SPDX-License-Identifier: MIT */
/* Bisection over a logarithmic scale, by votes. */
#include "tools/bisect.h"

#include <assert.h>
#include <math.h>

/* Whole: where two neighbours are left there is nothing between. */
static uint64_t middle(uint64_t low, uint64_t high)
{
	return (uint64_t)llround(sqrt((double)low) * sqrt((double)high));
}

static uint64_t next_value(const struct bisect *b)
{
	const struct bisect_params *p = &b->params;
	uint64_t value;

	if (!b->passed)
		return b->failed ? 0 : p->min;
	if (!b->failed)
		return b->passed < p->max ? p->max : 0;
	if ((double)b->failed <= (double)b->passed * (1 + p->resolution))
		return 0;
	value = middle(b->passed, b->failed);
	return value > b->passed && value < b->failed ? value : 0;
}

void bisect_init(struct bisect *b, const struct bisect_params *params)
{
	assert(params->min && params->min <= params->max);
	assert(params->need && params->need <= params->tries);
	assert(params->resolution > 0);
	*b = (struct bisect){ .params = *params };
	b->value = next_value(b);
}

bool bisect_tell(struct bisect *b, bool passes)
{
	const struct bisect_params *p = &b->params;

	assert(b->value);
	if (passes)
		b->nr_passed++;
	else
		b->nr_failed++;
	if (b->nr_passed == p->need)
		b->passed = b->value;
	else if (b->nr_failed > p->tries - p->need)
		b->failed = b->value;
	else
		return false;
	b->nr_passed = b->nr_failed = 0;
	b->value = next_value(b);
	return true;
}

unsigned int bisect_max_values(const struct bisect_params *p)
{
	double span = log((double)p->max / (double)p->min);
	double step = log1p(p->resolution);

	if (p->min == p->max)
		return 1;
	return 2 + (span > step ? (unsigned int)ceil(log2(span / step)) : 0);
}
