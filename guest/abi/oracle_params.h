/* SPDX-License-Identifier: MIT */
/*
 * The oracle's parameters, and where its pages lie. See oracle.h for the words.
 */
#ifndef VMFERRY_ABI_ORACLE_PARAMS_H
#define VMFERRY_ABI_ORACLE_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi.h"

enum oracle_pattern {
	ORACLE_SEQUENTIAL = 1,
	ORACLE_RANDOM = 2,
	ORACLE_STRIDED = 3, /* every stride_pages-th page, then the next ones */
	ORACLE_HOTCOLD = 4, /* some pages get most of the steps */
	ORACLE_BURST = 5, /* the order of ORACLE_RANDOM: a matter of time */
};

enum oracle_write {
	ORACLE_WRITE_STAMP = 1, /* 16 bytes */
	ORACLE_WRITE_PAGE = 2, /* all of it, or delta_bytes of it */
	ORACLE_WRITE_LINE = 3, /* 64 bytes */
};

enum oracle_content {
	ORACLE_CONTENT_ZERO = 1, /* every other visit is all zero */
	ORACLE_CONTENT_RANDOM = 2,
	ORACLE_CONTENT_RATIO = 3, /* zlib level 1 compresses it ratio:1 */
	ORACLE_CONTENT_CONSTANT = 4, /* one byte, another at each visit */
	ORACLE_CONTENT_TEXT = 5, /* compresses as English does */
};

#define ORACLE_MAX_RATIO 64u

/* Limits of the stamp's fields. */
#define ORACLE_VISIT_BITS 48
#define ORACLE_GFN_BITS 40
#define ORACLE_STAMP_BYTES 16u
#define ORACLE_LINE_BYTES 64u

struct oracle_range {
	uint64_t gfn;
	uint64_t nr_pages;
};

/* How the pages of a slice are gone through. */
struct oracle_order {
	uint32_t pattern; /* enum oracle_pattern */
	uint32_t stride_pages; /* ORACLE_STRIDED: 1..; else 0 */
	/* ORACLE_HOTCOLD: this share of the pages gets this share of the steps,
	 * 1..99 %; else 0. */
	uint32_t hot_pages_pct;
	uint32_t hot_steps_pct;
};

#define ORACLE_MAX_ORDERS 8u

/* The parameters of one epoch; everything below is a function of them. */
struct oracle {
	uint64_t seed;
	uint32_t epoch; /* 1, 2, ...; 0 = none */
	uint32_t nr_vcpus; /* 1..ABI_MAX_VCPUS */
	uint32_t nr_orders; /* 1..ORACLE_MAX_ORDERS; the first one begins */
	uint32_t write; /* enum oracle_write */
	uint32_t content; /* enum oracle_content */
	uint32_t ratio; /* 1..ORACLE_MAX_RATIO with ORACLE_CONTENT_RATIO */
	uint64_t nr_pages; /* sum of the ranges */
	uint32_t nr_ranges; /* 1..ABI_MAX_WORK_RANGES */
	/* ORACLE_WRITE_PAGE: bytes that a visit changes, a multiple of 64;
	 * 0 = all. */
	uint32_t delta_bytes;
	struct oracle_range range[ABI_MAX_WORK_RANGES]; /* disjoint */
	struct oracle_order order[ORACLE_MAX_ORDERS];
};

static inline bool oracle_order_valid(const struct oracle_order *r)
{
	bool strided = r->pattern == ORACLE_STRIDED;
	bool hotcold = r->pattern == ORACLE_HOTCOLD;

	return r->pattern >= ORACLE_SEQUENTIAL && r->pattern <= ORACLE_BURST &&
	       strided == !!r->stride_pages && hotcold == !!r->hot_pages_pct &&
	       hotcold == !!r->hot_steps_pct && r->hot_pages_pct < 100 &&
	       r->hot_steps_pct < 100;
}

static inline bool oracle_bytes_valid(const struct oracle *o)
{
	if (o->write < ORACLE_WRITE_STAMP || o->write > ORACLE_WRITE_LINE)
		return false;
	if (o->content < ORACLE_CONTENT_ZERO ||
	    o->content > ORACLE_CONTENT_TEXT)
		return false;
	if (o->content == ORACLE_CONTENT_RATIO &&
	    (!o->ratio || o->ratio > ORACLE_MAX_RATIO))
		return false;
	return !o->delta_bytes || (o->write == ORACLE_WRITE_PAGE &&
				   o->delta_bytes % ORACLE_LINE_BYTES == 0 &&
				   o->delta_bytes <= ABI_PAGE_BYTES);
}

/**
 * oracle_valid() - may the functions below be called on these parameters?
 * @o: parameters, possibly hostile.
 *
 * Return: true if every field is in range and the ranges add up.
 */
static inline bool oracle_valid(const struct oracle *o)
{
	uint64_t sum = 0;
	uint32_t i, j;

	if (!o->epoch || !o->nr_vcpus || o->nr_vcpus > ABI_MAX_VCPUS ||
	    !o->nr_ranges || o->nr_ranges > ABI_MAX_WORK_RANGES ||
	    !o->nr_orders || o->nr_orders > ORACLE_MAX_ORDERS ||
	    !oracle_bytes_valid(o))
		return false;
	for (i = 0; i < o->nr_orders; i++)
		if (!oracle_order_valid(&o->order[i]))
			return false;
	for (i = 0; i < o->nr_ranges; i++) {
		const struct oracle_range *r = &o->range[i];

		if (!r->nr_pages || r->nr_pages > 1ull << ORACLE_GFN_BITS ||
		    r->gfn > (1ull << ORACLE_GFN_BITS) - r->nr_pages)
			return false;
		for (j = 0; j < i; j++)
			if (r->gfn < o->range[j].gfn + o->range[j].nr_pages &&
			    o->range[j].gfn < r->gfn + r->nr_pages)
				return false;
		sum += r->nr_pages;
	}
	return sum == o->nr_pages;
}

/* The finalizer of splitmix64 (Steele, Lea, Flood 2014). */
static inline uint64_t oracle_mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

static inline uint64_t oracle_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* ---- places: index <-> gfn, slices ------------------------------------- */

struct oracle_slice {
	uint64_t first; /* index */
	uint64_t nr_pages; /* may be 0 when there are more vCPUs than pages */
};

/* Slices differ by at most one page; the first ones are the longer. */
static inline struct oracle_slice oracle_slice(const struct oracle *o,
					       uint32_t vcpu)
{
	uint64_t share = o->nr_pages / o->nr_vcpus;
	uint64_t rest = o->nr_pages % o->nr_vcpus;
	struct oracle_slice s = {
		.first = vcpu * share + oracle_min(vcpu, rest),
		.nr_pages = share + (vcpu < rest),
	};

	return s;
}

/* The vCPU whose slice holds @index. */
static inline uint32_t oracle_owner(const struct oracle *o, uint64_t index)
{
	uint64_t share = o->nr_pages / o->nr_vcpus;
	uint64_t rest = o->nr_pages % o->nr_vcpus;
	uint64_t longer = rest * (share + 1);

	/* Without a share all is in the longer ones. */
	if (!share || index < longer)
		return (uint32_t)(index / (share + 1));
	return (uint32_t)(rest + (index - longer) / share);
}

/* @index must be below nr_pages. */
static inline uint64_t oracle_gfn(const struct oracle *o, uint64_t index)
{
	uint32_t i = 0;

	while (index >= o->range[i].nr_pages)
		index -= o->range[i++].nr_pages;
	return o->range[i].gfn + index;
}

/* Return: true and the index, if @gfn belongs to the working set. */
static inline bool oracle_index(const struct oracle *o, uint64_t gfn,
				uint64_t *ret_index)
{
	uint64_t before = 0;
	uint32_t i;

	for (i = 0; i < o->nr_ranges; i++) {
		if (gfn - o->range[i].gfn < o->range[i].nr_pages) {
			*ret_index = before + (gfn - o->range[i].gfn);
			return true;
		}
		before += o->range[i].nr_pages;
	}
	return false;
}

#endif
