/* SPDX-License-Identifier: MIT */
/* Capabilities of hostile devices, and the order in which queues are tested. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "lib/pcicap.h"
#include "lib/waves.h"

#include "../random.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct space {
	uint8_t byte[256];
	unsigned int reads;
};

static uint32_t read_space(void *ctx, uint32_t offset)
{
	struct space *s = ctx;
	uint32_t value;

	/* What a port would do with any other is not ours to find out. */
	assert_true(offset <= 252 && offset % 4 == 0);
	assert_true(s->reads++ < 1000);
	memcpy(&value, s->byte + offset, 4);
	return value;
}

static struct pci_config config_of(struct space *s)
{
	struct pci_config config = { read_space, s };

	return config;
}

static void put(struct space *s, uint8_t at, uint8_t id, uint8_t next)
{
	s->byte[at] = id;
	s->byte[at + 1] = next;
}

static void start_list(struct space *s, uint8_t first)
{
	*s = (struct space){ .reads = 0 };
	s->byte[6] = 0x10;
	s->byte[0x34] = first;
}

static void test_walk(void **state)
{
	struct pcicap_walk walk = { 0 };
	struct space s;
	struct pci_config config = config_of(&s);

	start_list(&s, 0x40);
	put(&s, 0x40, 9, 0x60);
	put(&s, 0x60, 17, 0x53); /* its low bits are reserved */
	put(&s, 0x50, 9, 0);
	assert_int_equal(pcicap_next(&config, &walk, 9), 0x40);
	assert_int_equal(pcicap_next(&config, &walk, 9), 0x50);
	assert_int_equal(pcicap_next(&config, &walk, 9), 0);
	assert_int_equal(pcicap_next(&config, &walk, 9), 0);
	walk = (struct pcicap_walk){ 0 };
	assert_int_equal(pcicap_next(&config, &walk, 17), 0x60);
	assert_int_equal(pcicap_next(&config, &walk, 17), 0);
	/* No list, whatever the pointer says. */
	s.byte[6] = 0;
	walk = (struct pcicap_walk){ 0 };
	assert_int_equal(pcicap_next(&config, &walk, 17), 0);
}

static void test_walk_of_loops(void **state)
{
	struct pcicap_walk walk;
	struct space s;
	struct pci_config config = config_of(&s);
	unsigned int at, found;

	/* Of itself; of two; a link into the header; all places there are. */
	start_list(&s, 0x40);
	put(&s, 0x40, 5, 0x40);
	walk = (struct pcicap_walk){ 0 };
	assert_int_equal(pcicap_next(&config, &walk, 9), 0);

	start_list(&s, 0x80);
	put(&s, 0x80, 9, 0xfc);
	put(&s, 0xfc, 5, 0x80);
	walk = (struct pcicap_walk){ 0 };
	for (found = 0; pcicap_next(&config, &walk, 9); found++)
		;
	assert_int_equal(found, 24);

	start_list(&s, 0x80);
	put(&s, 0x80, 9, 0x3c);
	put(&s, 0x3c, 9, 0);
	walk = (struct pcicap_walk){ 0 };
	assert_int_equal(pcicap_next(&config, &walk, 9), 0x80);
	assert_int_equal(pcicap_next(&config, &walk, 9), 0);

	start_list(&s, 0x40);
	for (at = 0x40; at < 256; at += 4)
		put(&s, (uint8_t)at, 9, (uint8_t)(at + 4));
	walk = (struct pcicap_walk){ 0 };
	for (found = 0; pcicap_next(&config, &walk, 9); found++)
		;
	assert_int_equal(found, 48);
}

static void test_vendor(void **state)
{
	static const struct {
		uint8_t at, bytes, bar;
		bool ok;
		uint32_t multiplier;
	} cases[] = {
		{ 0x40, 20, 5, true, 0x14131211 }, { 0x40, 16, 0, true, 0 },
		{ 0x40, 15, 0, false, 0 },	   { 0x40, 0, 0, false, 0 },
		{ 0x40, 20, 6, false, 0 },	   { 0x40, 255, 0, false, 0 },
		{ 0xf0, 16, 1, true, 0 },	   { 0xf0, 20, 1, false, 0 },
		{ 0xfc, 16, 1, false, 0 },
	};
	struct pcicap_vendor v;
	struct space s;
	struct pci_config config = config_of(&s);
	size_t i, j;

	for (i = 0; i < COUNT(cases); i++) {
		start_list(&s, cases[i].at);
		for (j = 0; j < 20 && cases[i].at + j < 256; j++)
			s.byte[cases[i].at + j] = (uint8_t)(j + 1);
		s.byte[cases[i].at + 2] = cases[i].bytes;
		if (cases[i].at < 0xfc)
			s.byte[cases[i].at + 4] = cases[i].bar;
		assert_int_equal(pcicap_vendor(&config, cases[i].at, &v),
				 cases[i].ok);
		if (!cases[i].ok)
			continue;
		assert_int_equal(v.type, 4);
		assert_int_equal(v.place.bar, cases[i].bar);
		assert_int_equal(v.place.offset, 0x0c0b0a09);
		assert_int_equal(v.place.length, 0x100f0e0d);
		assert_int_equal(v.multiplier, cases[i].multiplier);
	}
}

static void test_msix(void **state)
{
	struct pcicap_msix m;
	struct space s;
	struct pci_config config = config_of(&s);

	start_list(&s, 0x40);
	s.byte[0x42] = 0xff;
	s.byte[0x43] = 0xff; /* enabled, masked, reserved bits */
	s.byte[0x44] = 0x04;
	s.byte[0x45] = 0x20;
	assert_true(pcicap_msix(&config, 0x40, &m));
	assert_int_equal(m.nr_vectors, 2048);
	assert_int_equal(m.table.bar, 4);
	assert_int_equal(m.table.offset, 0x2000);
	assert_int_equal(m.table.length, 32768);
	s.byte[0x44] = 0x06;
	assert_false(pcicap_msix(&config, 0x40, &m));
	assert_false(pcicap_msix(&config, 0xf8, &m));
}

/* Whatever a device says: the walk ends, reads no place twice that it should
 * not, and none that is not there (read_space() looks). */
static void test_walk_of_noise(void **state)
{
	struct rng rng = { 1 };
	struct pcicap_vendor v;
	struct pcicap_msix m;
	struct space s;
	struct pci_config config = config_of(&s);
	unsigned int turn, i;
	uint32_t at;

	for (turn = 0; turn < 20000; turn++) {
		struct pcicap_walk walk = { 0 };
		/* Few values, so that IDs and links do occur. */
		uint64_t values = 1 + rng_below(&rng, 256);

		s.reads = 0;
		for (i = 0; i < 256; i++)
			s.byte[i] = (uint8_t)rng_below(&rng, values);
		for (i = 0x40; turn % 2 && i < 256; i += 4)
			put(&s, (uint8_t)i, 9, (uint8_t)rng_next(&rng));
		s.byte[6] |= 0x10;
		while ((at = pcicap_next(&config, &walk, PCI_CAP_VENDOR))) {
			assert_true(at >= 64 && at % 4 == 0 && at <= 252);
			if (pcicap_vendor(&config, at, &v))
				assert_true(v.place.bar < 6);
			if (pcicap_msix(&config, at, &m))
				assert_true(m.table.bar < 6 && m.nr_vectors);
		}
	}
}

static void test_fits(void **state)
{
	static const struct {
		struct pcicap_place place;
		uint64_t bytes, bar_bytes;
		bool ok;
	} cases[] = {
		{ { 0, 0, 4096 }, 4096, 4096, true },
		{ { 0, 4, 4096 }, 56, 4096, false },
		{ { 0, 0, 55 }, 56, 4096, false },
		{ { 0, 4096, 0 }, 0, 4096, true },
		{ { 0, 4097, 0 }, 0, 4096, false },
		{ { 0, 0xffffff00, 0x200 }, 2, 4096, false },
		{ { 0, 0xffffff00, 0x200 }, 2, 1ull << 33, true },
		{ { 0, 0x1000, 0xfffff800 }, 2, 4096, false },
		{ { 0, 0, 1 }, 1, 0, false },
	};
	size_t i;

	for (i = 0; i < COUNT(cases); i++)
		assert_int_equal(pcicap_fits(&cases[i].place, cases[i].bytes,
					     cases[i].bar_bytes),
				 cases[i].ok);
}

/* Each queue has a place of its own, and the place its queue. */
static void test_waves(void **state)
{
	static const struct {
		struct waves w;
		uint32_t nr_queues, nr_waves;
	} cases[] = {
		{ { 1, 160 }, 0, 0 },	  { { 1, 160 }, 160, 1 },
		{ { 1, 160 }, 161, 2 },	  { { 2, 160 }, 192, 1 },
		{ { 2, 160 }, 3968, 13 }, { { 1, 160 }, 3968, 25 },
		{ { 32, 160 }, 3968, 1 }, { { 3, 1 }, 10, 4 },
	};
	uint32_t i, n;

	for (i = 0; i < COUNT(cases); i++) {
		const struct waves *w = &cases[i].w;
		uint32_t wave = 0;

		assert_int_equal(waves_nr(w, cases[i].nr_queues),
				 cases[i].nr_waves);
		for (n = 0; n < cases[i].nr_queues; n++) {
			struct wave_place p = waves_place(w, n);

			assert_true(p.cpu < w->nr_cpus &&
				    p.vector < w->nr_vectors);
			/* Waves follow each other: each is a range. */
			assert_true(p.wave == wave || p.wave == wave + 1);
			wave = p.wave;
			assert_int_equal(waves_queue(w, p), n);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_walk_of_loops),
		cmocka_unit_test(test_walk_of_noise),
		cmocka_unit_test(test_vendor),
		cmocka_unit_test(test_msix),
		cmocka_unit_test(test_fits),
		cmocka_unit_test(test_waves),
	};

	return cmocka_run_group_tests_name("guest_pci", tests, NULL, NULL);
}
