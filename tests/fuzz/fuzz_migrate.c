/* SPDX-License-Identifier: MIT */
/*
 * Damages migration streams at random, and looks at what the readers do.
 *
 * Four targets by turns: the parsers of tables alone, a whole target that
 * hears a damaged source, a whole source that hears a damaged target, a file
 * with a stream in it. Most
 * damage gets a right checksum, so that it reaches what lies behind the check.
 * What must hold is asserted in stream.c; guard pages and the sanitizers watch
 * the memory. Usage: fuzz_migrate [--seconds N] [--seed N].
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "stream.h"

#define MAX_RECORDS 512
#define NR_PACKED 3u

struct fuzz {
	uint64_t random;
	struct tape said, answered;
	struct tape packed[NR_PACKED];
	uint64_t rounds, survived;
};

static uint64_t below(struct fuzz *f, uint64_t limit)
{
	return limit ? fake_random(&f->random) % limit : 0;
}

/* Numbers at which things break. */
static uint64_t nasty(struct fuzz *f)
{
	static const uint64_t values[] = {
		0,
		1,
		2,
		39,
		40,
		110,
		119,
		512,
		1024,
		4096,
		0x7fffffff,
		0xffffffff,
		1ull << 32,
		1ull << 52,
		(1ull << 52) - 1,
		1ull << 63,
		UINT64_MAX,
		UINT64_MAX - 1,
		UINT64_MAX - 4095,
	};

	return values[below(f, sizeof(values) / sizeof(values[0]))];
}

static void damage(struct fuzz *f, uint8_t *at, size_t bytes)
{
	uint64_t value = nasty(f);
	size_t place;

	if (!bytes)
		return;
	switch (below(f, 4)) {
	case 0:
		at[below(f, bytes)] ^= (uint8_t)(1 << below(f, 8));
		break;
	case 1:
		at[below(f, bytes)] = (uint8_t)fake_random(&f->random);
		break;
	case 2:
		if (bytes < 4)
			break;
		place = below(f, bytes / 4) * 4;
		memcpy(at + place, &value, 4);
		break;
	default:
		if (bytes < 8)
			break;
		place = below(f, bytes / 8) * 8;
		memcpy(at + place, &value, 8);
	}
}

/* Header and table of one record; the check is mostly made right again. */
static void damage_record(struct fuzz *f, struct tape *t,
			  const struct record_at *r, size_t number)
{
	size_t bytes = r->bytes < 200 ? r->bytes : 200;
	uint64_t times = 1 + below(f, 3);

	while (times--)
		damage(f, t->data + r->offset, bytes);
	if (below(f, 8))
		tape_reseal(t, r->offset, (uint32_t)number);
}

static void append(struct tape *to, const struct tape *from,
		   const struct record_at *r)
{
	if (to->room - to->bytes < r->bytes)
		return;
	memcpy(to->data + to->bytes, from->data + r->offset, r->bytes);
	to->bytes += r->bytes;
}

/* Drops, doubles and moves records, renumbered. */
static struct tape shuffle(struct fuzz *f, const struct tape *t,
			   const struct record_at *record, size_t nr)
{
	struct tape out = tape_copy(t);
	size_t i, start, odd = below(f, nr), number = 0;
	uint64_t how = below(f, 4);

	out.bytes = 0;
	for (i = 0; i < nr; i++) {
		start = out.bytes;
		if (how == 1 && i == odd)
			continue;
		append(&out, t,
		       how == 3 && i == odd ? &record[below(f, nr)]
					    : &record[i]);
		tape_reseal(&out, start, (uint32_t)number++);
		if (how == 2 && i == odd) {
			start = out.bytes;
			append(&out, t, &record[i]);
			tape_reseal(&out, start, (uint32_t)number++);
		}
	}
	return out;
}

static struct tape damaged(struct fuzz *f, const struct tape *t)
{
	struct record_at record[MAX_RECORDS];
	size_t nr = tape_split(t, record, MAX_RECORDS), i;
	struct tape bad = shuffle(f, t, record, nr);
	uint64_t times = below(f, 3);

	nr = tape_split(&bad, record, MAX_RECORDS);
	while (times-- && nr) {
		i = below(f, nr);
		damage_record(f, &bad, &record[i], i);
	}
	if (!below(f, 6))
		bad.bytes = below(f, bad.bytes + 1);
	return bad;
}

/* Return: 0 if it is, to the end, what was said; else what the file gave. */
static int read_all(struct fuzz *f, struct channel *ch)
{
	uint8_t *back = malloc(f->said.bytes);
	int rc = channel_read_all(ch, back, f->said.bytes);

	if (!rc)
		rc = ch->ops->finish(ch);
	if (!rc)
		assert_memory_equal(back, f->said.data, f->said.bytes);
	free(back);
	return rc;
}

/* A snapshot whose file was damaged: the checksums must find all of it. */
static void fuzz_file(struct fuzz *f)
{
	struct iovec all = { f->said.data, f->said.bytes };
	int fd = memfd_create("snapshot", MFD_CLOEXEC), rc;
	size_t at, bytes;
	struct channel *ch;
	uint8_t *map;

	channel_from_file(dup(fd), true, &ch);
	assert_int_equal(channel_write_all(ch, &all, 1), 0);
	assert_int_equal(ch->ops->finish(ch), 0);
	channel_close(ch);
	bytes = (size_t)lseek(fd, 0, SEEK_END);
	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	at = below(f, bytes);
	map[at] ^= (uint8_t)(1 + below(f, 255));
	if (below(f, 2))
		damage(f, map, bytes < 64 ? bytes : 64);
	map[at] ^= (uint8_t)(1 + below(f, 255));
	lseek(fd, 0, SEEK_SET);
	channel_from_file(fd, false, &ch);
	rc = read_all(f, ch);
	if (!rc)
		f->survived++;
	channel_close(ch);
	munmap(map, bytes);
}

static void fuzz_target(struct fuzz *f)
{
	struct tape bad = damaged(f, &f->said);
	struct fake_vm vm;

	f->survived += !stream_play_target(&bad, &vm);
	fake_vm_exit(&vm);
	tape_exit(&bad);
}

/* One for each format of packed pages. */
static void record_packed(struct fuzz *f)
{
	static const enum codec_id codec[NR_PACKED] = { CODEC_ZLIB, CODEC_ZSTD,
							CODEC_LZ4 };
	struct tape answered;
	size_t i;

	for (i = 0; i < NR_PACKED; i++) {
		const struct migrate_compress how = {
			.codec = codec[i],
			.level = 1,
			.nr_threads = 1,
			.wait = true,
			.max_pages = 4,
		};

		stream_record_compressed(&how, &f->packed[i], &answered);
		tape_exit(&answered);
	}
}

/* The check of a packed run is mostly made right again: then it is the codecs
 * that must find the damage. */
static void fuzz_packed(struct fuzz *f)
{
	struct tape bad = damaged(f, &f->packed[f->rounds % NR_PACKED]);
	uint64_t times = below(f, 4);
	struct fake_vm vm;

	while (bad.bytes && times--)
		damage(f, bad.data + below(f, bad.bytes), 1);
	if (below(f, 8))
		tape_recheck(&bad);
	f->survived += !stream_play_target(&bad, &vm);
	fake_vm_exit(&vm);
	tape_exit(&bad);
}

static void fuzz_source(struct fuzz *f)
{
	struct tape bad = damaged(f, &f->answered);
	struct fake_vm vm;

	f->survived += !stream_play_source(&bad, &vm);
	fake_vm_exit(&vm);
	tape_exit(&bad);
}

static void check_runs(const struct wire_run *runs, unsigned int nr,
		       const struct migrate_region *regions)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		const struct migrate_region *r = &regions[runs[i].region];
		uint64_t first = runs[i].gfn - r->gpa / WIRE_PAGE_BYTES;

		assert_true(first < r->bytes / WIRE_PAGE_BYTES);
		assert_true(runs[i].count &&
			    first + runs[i].count <=
				    r->bytes / WIRE_PAGE_BYTES);
	}
}

/* Tables in memory of exactly their size, so that a sanitizer sees the end. */
static void fuzz_parsers(struct fuzz *f)
{
	static const struct migrate_region regions[] = {
		{ 0, 40 * 4096, NULL },
		{ 40 * 4096, 70 * 4096, NULL },
		{ UINT64_MAX - 8191, 4096, NULL },
	};
	char text[WIRE_MAX_TEXT_BYTES + 1];
	size_t bytes = below(f, 260), i;
	uint8_t *table = malloc(bytes ? bytes : 1);
	struct wire_run runs[WIRE_MAX_RUNS];
	struct error err = { "" };
	struct wire_header header;
	struct wire_hello hello;
	struct wire_round round;
	unsigned int nr, index;
	uint64_t value;

	assert_non_null(table);
	memset(table, 0, bytes);
	for (i = 0; i < 1 + bytes / 8; i++)
		damage(f, table, bytes);
	if (!wire_parse_runs(table, bytes, nasty(f), regions, 3,
			     WIRE_RAW + (unsigned int)below(f, 4), runs, &nr,
			     &err))
		check_runs(runs, nr, regions);
	if (!wire_parse_hello(table, bytes, &hello, &err))
		assert_true(hello.nr_channels &&
			    hello.nr_channels <= MIGRATE_MAX_CHANNELS);
	/* Of a session that the damage can hit. */
	if (!wire_parse_channel(table, bytes, 1, 5, &index, &err))
		assert_true(index && index < 5);
	wire_parse_round(table, bytes, &round, &err);
	wire_parse_u64(table, bytes, &value, &err);
	wire_parse_text(table, bytes, text);
	assert_true(text[0] && strlen(text) <= WIRE_MAX_TEXT_BYTES);
	if (bytes >= WIRE_HEADER_BYTES)
		wire_parse_header(table, &header, &err);
	free(table);
}

static uint64_t number_of(int argc, char **argv, const char *name,
			  uint64_t other)
{
	int i;

	for (i = 1; i + 1 < argc; i++)
		if (!strcmp(argv[i], name))
			return strtoull(argv[i + 1], NULL, 10);
	return other;
}

int main(int argc, char **argv)
{
	uint64_t seconds = number_of(argc, argv, "--seconds", 10);
	uint64_t end_ns = clock_now_ns() + seconds * NSEC_PER_SEC;
	struct fuzz f = { .random = number_of(argc, argv, "--seed",
					      clock_now_ns()) };

	printf("seed %llu\n", (unsigned long long)f.random);
	fflush(stdout);
	stream_record(&f.said, &f.answered);
	record_packed(&f);
	while (clock_now_ns() < end_ns) {
		int i;

		fuzz_target(&f);
		fuzz_packed(&f);
		fuzz_source(&f);
		fuzz_file(&f);
		for (i = 0; i < 100; i++)
			fuzz_parsers(&f);
		f.rounds++;
	}
	printf("%llu rounds, %llu streams came through as right\n",
	       (unsigned long long)f.rounds, (unsigned long long)f.survived);
	for (size_t i = 0; i < NR_PACKED; i++)
		tape_exit(&f.packed[i]);
	tape_exit(&f.said);
	tape_exit(&f.answered);
	return 0;
}
