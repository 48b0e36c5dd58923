/* SPDX-License-Identifier: MIT */
/* Chosen parameters of an epoch: kinds of write and content. */
#ifndef VMFERRY_TESTS_UNIT_ORACLE_MAKE_H
#define VMFERRY_TESTS_UNIT_ORACLE_MAKE_H

#include "params.h"

#define SET_PAGES 1024u

static inline struct oracle make(uint32_t write, uint32_t content,
				 uint32_t ratio)
{
	struct oracle o = { .seed = 42,
			    .epoch = 1,
			    .nr_vcpus = 1,
			    .nr_orders = 1,
			    .order[0].pattern = ORACLE_RANDOM,
			    .write = write,
			    .content = content,
			    .ratio = ratio,
			    .nr_pages = SET_PAGES,
			    .nr_ranges = 1,
			    .range = { { 512, SET_PAGES } } };

	assert_true(oracle_valid(&o));
	return o;
}

/* Each kind of write that there is, and deltas: the @i-th, 0..NR_WRITES - 1. */
#define NR_WRITES 6u
static inline struct oracle make_write(uint32_t i, uint32_t content,
				       uint32_t ratio)
{
	static const uint32_t delta[NR_WRITES - 3] = { 64, 320, 4032 };
	struct oracle o =
		make(i < 3 ? 1 + i : ORACLE_WRITE_PAGE, content, ratio);

	if (i >= 3)
		o.delta_bytes = delta[i - 3];
	return o;
}

#endif
