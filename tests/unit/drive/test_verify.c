/* SPDX-License-Identifier: MIT */
/*
 * The proof: does a clean guest verify, with nothing left out, and is each
 * wrong byte anywhere in what design.md counts found in its place?
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>

#include "../random.h"
#include "drive/expect.h"
#include "drive/verify.h"
#include "fake_guest.h"

static struct oracle params(uint32_t pattern, uint32_t write, uint32_t content,
			    uint64_t nr_pages, uint32_t nr_vcpus)
{
	return (struct oracle){ .seed = 77 + nr_pages,
				.epoch = 3,
				.nr_vcpus = nr_vcpus,
				.nr_orders = 1,
				.order[0].pattern = pattern,
				.write = write,
				.content = content,
				.ratio = 4,
				.nr_pages = nr_pages };
}

/* Verifies; must not fail. */
static struct verify_report verify(struct fake_guest *g, bool in_flight)
{
	struct guest_view view = fake_guest_view(g);
	struct verify_params p = { .in_flight_allowed = in_flight,
				   .nr_threads = 3,
				   .image_elf = g->elf,
				   .image_bytes = g->elf_bytes };
	struct verify_report report;
	struct error err = { "" };

	if (verify_ram(&g->ram, &view, &p, &report, &err))
		fail_msg("%s", err.text);
	guest_view_exit(&view);
	return report;
}

static void expect_clean(struct fake_guest *g)
{
	struct verify_report r = verify(g, false);
	uint64_t image = FAKE_IMAGE_BYTES, free_bytes = 3 * FAKE_FREE_BYTES;
	uint64_t work = g->control->epoch.nr_pages * 4096;

	assert_int_equal(r.findings.nr, 0);
	assert_true(r.coverage_pct == 100);
	assert_int_equal(r.unchecked_bytes, 0);
	assert_int_equal(r.in_flight_pages, 0);
	assert_int_equal(r.bytes_checked, image + free_bytes + work);
	assert_int_equal(r.pages_checked, r.bytes_checked / 4096);
	assert_int_equal(r.checked_bytes[ABI_RAM_WORK], work);
	assert_int_equal(r.excluded_bytes[ABI_RAM_FIRMWARE],
			 FAKE_FIRMWARE_BYTES);
	assert_int_equal(r.excluded_bytes[ABI_RAM_PRIVATE],
			 FAKE_PRIVATE_BYTES + g->control_bytes);
	verify_report_exit(&r);
}

/* Exactly one finding: this. */
static void expect_one(struct fake_guest *g, bool in_flight, uint64_t gfn,
		       enum oracle_class kind, enum finding_where where)
{
	struct verify_report r = verify(g, in_flight);

	assert_int_equal(r.findings.nr, 1);
	assert_int_equal(r.findings.item[0].gfn, gfn);
	assert_int_equal(r.findings.item[0].kind, kind);
	assert_int_equal(r.findings.item[0].where, where);
	assert_int_equal(r.bad[kind], 1);
	verify_report_exit(&r);
}

static void clean_guests_verify(void **state)
{
	static const uint64_t pages[] = { 1, 2, 13, 64, 150 };
	static const uint32_t vcpus[] = { 1, 2, 7 };
	uint32_t pattern, write, content;
	size_t i, j;

	for (pattern = 1; pattern <= 2; pattern++) {
		for (write = 1; write <= 2; write++) {
			for (content = 1; content <= 3; content++) {
				for (i = 0; i < 15; i++) {
					struct oracle o = params(
						pattern, write, content,
						pages[i % 5], vcpus[i / 5]);
					struct fake_guest *g;

					j = i * 7 % 11 * 20;
					g = fake_guest_create(o, j);
					expect_clean(g);
					fake_guest_destroy(g);
				}
			}
		}
	}
}

/* One bit anywhere, in whatever is counted: found, there and only there. */
static void any_bit_is_found(void **state)
{
	struct fake_guest *g = fake_guest_create(params(2, 1, 2, 40, 2), 55);
	struct rng rng = { 11 };
	uint32_t i, range;

	for (i = 0; i < 600; i++) {
		const struct abi_ram_range *r;
		enum finding_where where = FINDING_FREE;
		uint64_t at;

		range = 1 + i % 7;
		r = &g->control->ram[range];
		at = rng_below(&rng, r->bytes);
		if (r->kind == ABI_RAM_PRIVATE)
			continue;
		if (r->kind == ABI_RAM_WORK)
			where = FINDING_WORK;
		else if (r->kind == ABI_RAM_IMAGE)
			where = FINDING_IMAGE;
		fake_guest_page(g, r->gpa >> 12)[at] ^= 0x40;
		expect_one(g, false, (r->gpa + at) >> 12, ORACLE_FLIPPED,
			   where);
		fake_guest_page(g, r->gpa >> 12)[at] ^= 0x40;
	}
	expect_clean(g);
	fake_guest_destroy(g);
}

static void other_ram_has_classes_too(void **state)
{
	struct fake_guest *g = fake_guest_create(params(2, 2, 2, 40, 2), 55);
	uint64_t free_gfn = fake_guest_gfn(g, ABI_RAM_FREE);
	uint64_t work_gfn = fake_guest_gfn(g, ABI_RAM_WORK);
	uint64_t image_gfn = fake_guest_gfn(g, ABI_RAM_IMAGE);
	uint8_t saved[4096];

	memcpy(fake_guest_page(g, free_gfn + 1), fake_guest_page(g, work_gfn),
	       4096);
	expect_one(g, false, free_gfn + 1, ORACLE_MISPLACED, FINDING_FREE);
	memset(fake_guest_page(g, free_gfn + 1), 0, 4096);

	memcpy(saved, fake_guest_page(g, image_gfn), 4096);
	memset(fake_guest_page(g, image_gfn), 0, 4096);
	expect_one(g, false, image_gfn, ORACLE_ZEROED, FINDING_IMAGE);
	memcpy(fake_guest_page(g, image_gfn), fake_guest_page(g, image_gfn + 1),
	       4096);
	expect_one(g, false, image_gfn, ORACLE_MISPLACED, FINDING_IMAGE);
	memcpy(fake_guest_page(g, image_gfn), saved, 4096);
	expect_clean(g);
	fake_guest_destroy(g);
}

/*
 * Frozen mid-run: each vCPU's next page may have its next visit, whole or in
 * part. No other page may, and no other state of that page.
 */
static void in_flight(uint32_t write, uint32_t content, uint64_t steps)
{
	struct fake_guest *g =
		fake_guest_create(params(2, write, content, 31, 2), steps);
	struct guest_view view = fake_guest_view(g);
	struct verify_report r;
	struct expect expect;
	uint64_t index, visit, gfn;
	uint8_t next[4096], saved[4096];

	expect_init(&expect, &view);
	for (index = 0; index < 31; index++) {
		uint8_t *page;
		bool flight = expect_in_flight(&expect, index, NULL);
		size_t cut = 4096, split;

		visit = expect_visit(&expect, index);
		gfn = oracle_gfn(expect.o, index);
		page = fake_guest_page(g, gfn);
		memcpy(saved, page, 4096);
		oracle_page(expect.o, gfn, visit + 1, next);
		for (split = 8; split <= cut; split *= 8) {
			memcpy(page, next, split);
			r = verify(g, true);
			assert_int_equal(r.findings.nr, !flight);
			verify_report_exit(&r);
			r = verify(g, false);
			assert_int_equal(r.findings.nr, 1);
			verify_report_exit(&r);
		}
		memcpy(page, saved, 4096);
		page[4095] ^= 1;
		expect_one(g, true, gfn, ORACLE_FLIPPED, FINDING_WORK);
		page[4095] ^= 1;
		if (visit && content == ORACLE_CONTENT_RANDOM) {
			oracle_page(expect.o, gfn, visit - 1, page);
			expect_one(g, true, gfn, ORACLE_STALE, FINDING_WORK);
			oracle_page(expect.o, gfn, visit + 2, page);
			expect_one(g, true, gfn, ORACLE_FUTURE, FINDING_WORK);
		}
		memcpy(page, saved, 4096);
	}
	guest_view_exit(&view);
	fake_guest_destroy(g);
}

static void only_pages_in_flight_may_be_ahead(void **state)
{
	uint32_t write, content;

	for (write = 1; write <= 2; write++) {
		for (content = 1; content <= 3; content++) {
			in_flight(write, content, 0);
			in_flight(write, content, 40);
		}
	}
}

static void in_flight_pages_are_counted(void **state)
{
	struct fake_guest *g = fake_guest_create(params(2, 2, 2, 30, 3), 44);
	struct verify_report r;
	uint32_t v;

	for (v = 0; v < 3; v++) {
		const struct oracle *o = &g->control->epoch;
		struct oracle_cursor c;
		uint64_t visit, gfn;

		oracle_cursor_seek(&c, o, v, NULL, 44);
		gfn = oracle_gfn(o, oracle_cursor_next(&c, o, &visit));
		oracle_write_visit(o, gfn, visit, fake_guest_page(g, gfn));
	}
	r = verify(g, true);
	assert_int_equal(r.findings.nr, 0);
	assert_int_equal(r.in_flight_pages, 3);
	verify_report_exit(&r);
	r = verify(g, false);
	assert_int_equal(r.bad[ORACLE_FUTURE], 3);
	verify_report_exit(&r);
	fake_guest_destroy(g);
}

static void expect_failure(struct fake_guest *g, const struct ram *ram,
			   int error, const char *what)
{
	struct guest_view view = fake_guest_view(g);
	struct verify_params p = { .image_elf = g->elf,
				   .image_bytes = g->elf_bytes };
	struct verify_report report;
	struct error err = { "" };
	int r = verify_ram(ram, &view, &p, &report, &err);

	if (r != error || !strstr(err.text, what))
		fail_msg("'%s': %d, %s", what, r, err.text);
	guest_view_exit(&view);
}

static void what_cannot_be_verified_is_said(void **state)
{
	struct fake_guest *g = fake_guest_create(params(2, 2, 2, 30, 3), 4);
	struct ram ram = g->ram;

	g->control->state = ABI_STATE_FILLING;
	expect_failure(g, &ram, -EAGAIN, "filling");
	g->control->state = ABI_STATE_STOPPED;
	g->control->image_gpa += 4096;
	expect_failure(g, &ram, -EPROTO, "claims its image at");
	g->control->image_gpa = 0x400000;
	expect_failure(g, &ram, -EPROTO, "which its ELF file does not have");
	g->control->image_gpa = FAKE_IMAGE_GPA;
	g->control->ram[2].kind = ABI_RAM_IMAGE; /* writable data */
	expect_failure(g, &ram, -EPROTO, "lists 0x203000");
	g->control->ram[2].kind = ABI_RAM_PRIVATE;
	assert_int_equal(ram_add(&ram, 0x40000000, 4096, 0), 0);
	expect_failure(g, &ram, -EPROTO, "does not list");
	ram = g->ram;
	ram.region[1].hva = 4096; /* unmapped */
	expect_failure(g, &ram, -EFAULT, "cannot read");
	g->elf[0] = 0;
	expect_failure(g, &g->ram, -EPROTO, "ELF");
	fake_guest_destroy(g);
}

/* What isn't looked at must lower the coverage. */
static void coverage_tells_what_is_missing(void **state)
{
	struct fake_guest *g = fake_guest_create(params(2, 2, 2, 82, 3), 4);
	struct guest_view view = fake_guest_view(g);
	struct verify_params p = { .nr_threads = 1 };
	struct verify_report report;

	assert_int_equal(verify_ram(&g->ram, &view, &p, &report, NULL), 0);
	assert_true(report.coverage_pct == 97);
	assert_int_equal(report.unchecked_bytes, FAKE_IMAGE_BYTES);
	verify_report_exit(&report);
	guest_view_exit(&view);

	/* Before the first start the working set is free RAM like any. */
	g->control->ram[4].kind = g->control->ram[6].kind = ABI_RAM_FREE;
	memset(&g->control->epoch, 0, sizeof(g->control->epoch));
	memset(g->vcpu, 0, 3 * sizeof(g->vcpu[0]));
	report = verify(g, false);
	assert_int_equal(report.bad[ORACLE_MISPLACED], 82);
	assert_true(report.coverage_pct == 100);
	verify_report_exit(&report);
	fake_guest_destroy(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_verified_is_said),
		cmocka_unit_test(any_bit_is_found),
		cmocka_unit_test(other_ram_has_classes_too),
		cmocka_unit_test(only_pages_in_flight_may_be_ahead),
		cmocka_unit_test(in_flight_pages_are_counted),
		cmocka_unit_test(coverage_tells_what_is_missing),
		cmocka_unit_test(clean_guests_verify),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
