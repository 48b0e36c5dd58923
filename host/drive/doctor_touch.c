/* SPDX-License-Identifier: MIT */
/* What it costs to clear memory: never touched before, again, and mapped. */
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/procfile.h"
#include "base/units.h"
#include "drive/doctor.h"

#define TOUCH_BYTES (256ull << 20)
/* Not to push the host into swap for a figure. */
#define TOUCH_LEAST_FREE_KIB (4 * TOUCH_BYTES >> 10)
/* A first touch that much slower is the machine's own memory being backed. */
#define COLD_RATIO 1.5

static double clear(void *map)
{
	uint64_t start_ns = clock_now_ns();

	memset(map, 0, TOUCH_BYTES);
	/* Nobody reads it: keep the compiler from leaving it out. */
	__asm__ volatile("" : : "r"(map) : "memory");
	return (double)TOUCH_BYTES * 1e9 / (double)(clock_now_ns() - start_ns);
}

/* One mapping, cleared twice; rates, or false if there is no memory. */
static bool measure(double *ret_fresh, double *ret_mapped)
{
	void *map = mmap(NULL, TOUCH_BYTES, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		return false;
	madvise(map, TOUCH_BYTES, MADV_NOHUGEPAGE);
	*ret_fresh = clear(map);
	*ret_mapped = clear(map);
	munmap(map, TOUCH_BYTES);
	return true;
}

static bool enough_memory(void)
{
	char text[1024], value[64];
	uint64_t kib;

	procfile_read("/proc/meminfo", text, sizeof(text));
	return procfile_field(text, "MemAvailable", value, sizeof(value)) &&
	       procfile_u64(value, &kib) && kib >= TOUCH_LEAST_FREE_KIB;
}

static void describe(const struct doctor_touch *t, struct checks *checks)
{
	bool cold = t->again_bytes_per_s > COLD_RATIO * t->first_bytes_per_s;
	struct check *row = checks_add(checks, cold ? CHECK_NOTE : CHECK_OK,
				       "memory.first_touch");
	char first[UNITS_TEXT_BYTES], again[UNITS_TEXT_BYTES];
	char mapped[UNITS_TEXT_BYTES];

	check_value(row,
		    "first mapping %s, again %s, once mapped %s (256 MiB, "
		    "4 KiB pages)",
		    units_format_rate(first, t->first_bytes_per_s),
		    units_format_rate(again, t->again_bytes_per_s),
		    units_format_rate(mapped, t->mapped_bytes_per_s));
	if (cold)
		check_advice(row, "warm up before measuring allocation: this "
				  "machine's memory is slower when touched "
				  "for the first time");
}

void doctor_touch(struct checks *checks, struct doctor_touch *ret)
{
	double fresh, mapped;
	unsigned int i;

	*ret = (struct doctor_touch){ .bytes = 0 };
	if (!enough_memory() ||
	    !measure(&ret->first_bytes_per_s, &ret->mapped_bytes_per_s)) {
		check_value(
			checks_add(checks, CHECK_ABSENT, "memory.first_touch"),
			"not measured: less than 1 GiB is available");
		return;
	}
	for (i = 0; i < 2 && measure(&fresh, &mapped); i++) {
		if (fresh > ret->again_bytes_per_s)
			ret->again_bytes_per_s = fresh;
		if (mapped > ret->mapped_bytes_per_s)
			ret->mapped_bytes_per_s = mapped;
	}
	ret->bytes = TOUCH_BYTES;
	describe(ret, checks);
}
