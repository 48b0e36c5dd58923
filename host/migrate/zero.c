/* SPDX-License-Identifier: MIT */
/* Is a page all zero? By AVX-512, AVX2, or what every CPU has. */
#include "migrate/zero.h"

#include <immintrin.h>
#include <stdint.h>

#define PAGE_BYTES 4096u

/* The one race by design (copy.h): a race detector does not look here. */
#define RACY __attribute__((no_sanitize("thread")))

typedef uint64_t block __attribute__((vector_size(64), may_alias));

static RACY bool zero_portable(const void *page)
{
	const block *at = page, *end = at + PAGE_BYTES / sizeof(*at);

	for (; at < end; at++) {
		block b = *at;

		if (b[0] | b[1] | b[2] | b[3] | b[4] | b[5] | b[6] | b[7])
			return false;
	}
	return true;
}

static __attribute__((target("avx2"))) RACY bool zero_avx2(const void *page)
{
	const __m256i *at = page, *end = at + PAGE_BYTES / sizeof(*at);

	for (; at < end; at += 2) {
		__m256i both = _mm256_or_si256(at[0], at[1]);

		if (!_mm256_testz_si256(both, both))
			return false;
	}
	return true;
}

static __attribute__((target("avx512f"))) RACY bool
zero_avx512(const void *page)
{
	const __m512i *at = page, *end = at + PAGE_BYTES / sizeof(*at);

	/* The first line tells most pages; then four at a time. */
	if (_mm512_test_epi64_mask(at[0], at[0]))
		return false;
	for (; at < end; at += 4) {
		__m512i all = _mm512_or_si512(_mm512_or_si512(at[0], at[1]),
					      _mm512_or_si512(at[2], at[3]));

		if (_mm512_test_epi64_mask(all, all))
			return false;
	}
	return true;
}

static bool always(void)
{
	return true;
}

static bool has_avx2(void)
{
	return __builtin_cpu_supports("avx2");
}

static bool has_avx512(void)
{
	return __builtin_cpu_supports("avx512f");
}

const struct zero_variant zero_variants[] = {
	{ "avx512", zero_avx512, has_avx512 },
	{ "avx2", zero_avx2, has_avx2 },
	{ "portable", zero_portable, always },
};
const size_t zero_nr_variants =
	sizeof(zero_variants) / sizeof(zero_variants[0]);

const struct zero_variant *zero_best(void)
{
	const struct zero_variant *v = zero_variants;

	while (!v->supported())
		v++;
	return v;
}
