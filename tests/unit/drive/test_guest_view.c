/* SPDX-License-Identifier: MIT */
/* A guest that lies about itself, field by field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>

#include "classify.h"
#include "drive/guest_account.h"
#include "drive/stall.h"
#include "fake_guest.h"

static struct fake_guest *make(void)
{
	struct oracle o = { .seed = 1,
			    .epoch = 1,
			    .nr_vcpus = 2,
			    .nr_orders = 1,
			    .order[0].pattern = ORACLE_RANDOM,
			    .write = ORACLE_WRITE_STAMP,
			    .content = ORACLE_CONTENT_RANDOM,
			    .nr_pages = 20 };

	return fake_guest_create(o, 17);
}

#define FIELD(name)                                                            \
	offsetof(struct abi_control, name),                                    \
		sizeof(((struct abi_control *)0)->name)

struct lie {
	const char *what; /* part of the sentence */
	int error;
	size_t offset, bytes;
	uint64_t value;
};

/* Written into the header, one at a time. */
static const struct lie lies[] = {
	{ "magic", -EPROTO, FIELD(magic), 1 },
	{ "version 9", -EPROTO, FIELD(version), 9 },
	{ "header has 8", -EPROTO, FIELD(header_bytes), 8 },
	{ "claims 99999999 bytes", -EPROTO, FIELD(bytes), 99999999 },
	{ "out of its bounds", -EPROTO, FIELD(bytes), 8192 },
	{ "state 7", -EPROTO, FIELD(state), 7 },
	{ "booting", -EAGAIN, FIELD(state), ABI_STATE_BOOTING },
	{ "0 vCPUs", -EPROTO, FIELD(nr_vcpus), 0 },
	{ "65 vCPUs", -EPROTO, FIELD(nr_vcpus), 65 },
	{ "out of its bounds", -EPROTO, FIELD(nr_vcpus), 64 },
	{ "epoch has 2 vCPUs", -EPROTO, FIELD(nr_vcpus), 1 },
	{ "9 DMA engines", -EPROTO, FIELD(nr_dma), 9 },
	{ "DMA engines", -EPROTO, FIELD(nr_dma), UINT32_MAX },
	{ "0 Hz", -EPROTO, FIELD(tsc_hz), 0 },
	{ "Hz", -EPROTO, FIELD(tsc_hz), UINT64_MAX },
	{ "counters lie over its header", -EPROTO, FIELD(vcpu_offset), 64 },
	{ "counters are out", -EPROTO, FIELD(vcpu_offset), UINT32_MAX - 7 },
	{ "counters are out", -EPROTO, FIELD(vcpu_offset), 4097 },
	{ "bad logs lie over its counters", -EPROTO, FIELD(bad_offset), 4096 },
	{ "bad logs are out", -EPROTO, FIELD(bad_offset), 1u << 31 },
	{ "stall logs lie over its bad logs", -EPROTO, FIELD(stall_offset),
	  8192 },
	{ "logs of orders are out", -EPROTO, FIELD(log_offset), 0xfffff000 },
	{ "heartbeat are out", -EPROTO, FIELD(beat_offset), 0xfffff000 },
	{ "stall logs are out", -EPROTO, FIELD(stall_offset), 0xfffff000 },
	{ "device queues are out", -EPROTO, FIELD(queue_offset), 1u << 30 },
	{ "DMA counters are out", -EPROTO, FIELD(dma_offset), 1u << 30 },
	{ "L2 counters are out", -EPROTO, FIELD(l2_offset), 1u << 30 },
	{ "rewriting its epoch", -EAGAIN, FIELD(epoch_seq), 3 },
	{ "epoch has a field", -EPROTO, FIELD(epoch.epoch), 0 },
	{ "epoch has a field", -EPROTO, FIELD(epoch.nr_vcpus), 0 },
	{ "epoch has 3 vCPUs", -EPROTO, FIELD(epoch.nr_vcpus), 3 },
	{ "epoch has a field", -EPROTO, FIELD(epoch.content), 77 },
	{ "epoch has a field", -EPROTO, FIELD(epoch.nr_ranges), 1000 },
	{ "epoch has a field", -EPROTO, FIELD(epoch.range[0].nr_pages), 0 },
	{ "list range 0", -EPROTO, FIELD(epoch.range[0].gfn), 0x80000 },
	{ "65 ranges", -EPROTO, FIELD(nr_ram), 65 },
	{ "of working set", -EPROTO, FIELD(nr_ram), 1 },
	{ "range 8", -EPROTO, FIELD(nr_ram), 40 },
	{ "range 1", -EPROTO, FIELD(ram[1].gpa), 0x200001 },
	{ "range 2", -EPROTO, FIELD(ram[2].bytes), 77 },
	{ "range 2", -EPROTO, FIELD(ram[2].bytes), 0 },
	{ "range 2", -EPROTO, FIELD(ram[2].bytes), -4096ull },
	{ "range 2", -EPROTO, FIELD(ram[1].bytes), 0x4000 }, /* overlap */
	{ "range 2", -EPROTO, FIELD(ram[1].gpa), 0x400000 }, /* order */
	{ "range 1", -EPROTO, FIELD(ram[1].gpa), 1ull << 60 },
	{ "kind 6", -EPROTO, FIELD(ram[3].kind), 6 },
	{ "kind 0", -EPROTO, FIELD(ram[3].kind), 0 },
	{ "of working set", -EPROTO, FIELD(ram[3].kind), ABI_RAM_WORK },
	{ "of working set", -EPROTO, FIELD(ram[4].kind), ABI_RAM_PRIVATE },
	{ "of working set", -EPROTO, FIELD(ram[4].bytes), 4096 },
};

static void expect_refusal(struct fake_guest *g, int error, const char *what)
{
	struct error err = { "" };
	struct guest_view view;
	int r = guest_view_read(&g->ram, FAKE_CONTROL_GPA, g->control_bytes,
				&view, &err);

	if (r != error || !strstr(err.text, what))
		fail_msg("'%s': %d, %s", what, r, err.text);
}

static void lies_in_the_header_are_refused(void **state)
{
	size_t i;

	for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct fake_guest *g = make();

		/* The range after the last that the guest has. */
		g->control->ram[8] = (struct abi_ram_range){ 0, 4096, 1, 0 };
		memcpy((uint8_t *)g->control + lies[i].offset, &lies[i].value,
		       lies[i].bytes);
		expect_refusal(g, lies[i].error, lies[i].what);
		fake_guest_destroy(g);
	}
}

static void lies_in_the_logs_are_refused(void **state)
{
	static const struct abi_bad bad[] = {
		{ 1, 1, 1, 0, 1, 0, 1 },     { 1, 1, 1, 7, 1, 0, 1 },
		{ 1, 1, 1, 1, 0, 0, 1 },     { 1, 1, 1, 1, 3, 0, 1 },
		{ 1, 1, 1, 1, 1, 4096, 1 },  { 1, 1, 1, 1, 1, 0, 0 },
		{ 1, 1, 1, 1, 1, 4000, 97 }, { 1ull << 40, 1, 1, 1, 1, 0, 1 },
	};
	struct fake_guest *g = make();
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		g->bad[1].nr = UINT64_MAX;
		memset(&g->bad[1].entry, 1, sizeof(g->bad[1].entry));
		g->bad[1].entry[0] = bad[i];
		expect_refusal(g, -EPROTO, "entry 0 of vCPU 1");
	}
	g->bad[1].nr = 0;
	g->stall[0].gap[3] = (struct abi_gap){ 10, 9, 1 };
	expect_refusal(g, -EPROTO, "gap 3 of vCPU 0");
	g->stall[0].gap[3].step = 0;
	g->log[1].nr = 1;
	g->log[1].change[1] = (g->vcpu[1].steps + 1) << 8;
	expect_refusal(g, -EPROTO, "vCPU 1's log of changed orders");
	g->log[1].nr = 0;
	g->vcpu[1].steps = 1ull << 48;
	expect_refusal(g, -EPROTO, "vCPU 1 claims 281474976710656 steps");
	g->vcpu[1].steps = 1;
	g->vcpu[0].phase = 5;
	expect_refusal(g, -EPROTO, "vCPU 0 claims to be in phase 5");
	fake_guest_destroy(g);
}

static void bad_announcements_are_refused(void **state)
{
	struct fake_guest *g = make();
	const uint64_t cases[][2] = {
		{ FAKE_CONTROL_GPA + 8, g->control_bytes },
		{ FAKE_CONTROL_GPA, 100 },
		{ FAKE_CONTROL_GPA, g->control_bytes - 8 },
		{ FAKE_CONTROL_GPA, 1ull << 40 },
		{ -4096ull, 8192 },
	};
	struct error err = { "" };
	struct guest_view view;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(guest_view_read(&g->ram, cases[i][0],
						 cases[i][1], &view, &err),
				 -EPROTO);
	assert_int_equal(guest_view_read(&g->ram, 0x80000, 8192, &view, &err),
			 -EFAULT);
	fake_guest_destroy(g);
}

static void account_and_machine_must_agree(void **state)
{
	struct fake_guest *g = make();
	struct guest_view view = fake_guest_view(g);
	struct ram more = g->ram, less = g->ram;
	struct error err = { "" };

	assert_int_equal(guest_account_matches(&view, &g->ram, &err), 0);
	assert_int_equal(guest_account_control_bytes(&view), g->control_bytes);
	assert_int_equal(ram_add(&more, 1ull << 40, 4096, 0), 0);
	assert_int_equal(guest_account_matches(&view, &more, &err), -EPROTO);
	assert_non_null(strstr(err.text, "0x10000000000"));
	err.text[0] = 0;
	less.region[1].bytes -= 4096;
	assert_int_equal(guest_account_matches(&view, &less, &err), -EPROTO);
	assert_non_null(strstr(err.text, "does not have"));
	guest_view_exit(&view);
	fake_guest_destroy(g);
}

static void honest_guests_are_read(void **state)
{
	struct fake_guest *g = make();
	struct guest_view view;

	g->bad[0].nr = 300;
	for (size_t i = 0; i < ABI_BAD_ENTRIES; i++)
		g->bad[0].entry[i] =
			(struct abi_bad){ i, 9, 4, ORACLE_STALE, 1, 0, 16 };
	view = fake_guest_view(g);
	assert_true(view.has_epoch);
	assert_int_equal(guest_view_steps(&view), 34);
	assert_int_equal(view.bad[0].nr, 300);
	guest_view_exit(&view);

	/* Before the first start. */
	g->control->state = ABI_STATE_READY;
	memset(&g->control->epoch, 0, sizeof(g->control->epoch));
	expect_refusal(g, -EPROTO, "of working set");
	g->control->ram[4].kind = g->control->ram[6].kind = ABI_RAM_FREE;
	expect_refusal(g, -EPROTO, "vCPU 0 claims 17 steps");
	g->vcpu[0].steps = g->vcpu[1].steps = 0;
	view = fake_guest_view(g);
	assert_false(view.has_epoch);
	guest_view_exit(&view);
	fake_guest_destroy(g);
}

/* The epoch's second worker is no vCPU. */
static void dma_engines_count_too(void **state)
{
	struct fake_guest *g = make();
	struct guest_view view;

	g->control->nr_vcpus = 1;
	g->control->nr_dma = 1;
	view = fake_guest_view(g);
	assert_int_equal(guest_view_workers(&view.control), 2);
	assert_int_equal(view.vcpu[1].steps, 17);
	assert_int_equal(guest_view_steps(&view), 17);
	guest_view_exit(&view);
	g->log[1].nr = 1;
	g->log[1].change[1] = (g->vcpu[1].steps + 1) << 8;
	expect_refusal(g, -EPROTO, "log of changed orders");
	g->log[1].nr = 0;
	g->vcpu[1].steps = 1ull << 48;
	expect_refusal(g, -EPROTO, "claims 281474976710656 steps");
	fake_guest_destroy(g);
}

static void stall_logs_give_percentiles(void **state)
{
	struct fake_guest *g = make();
	struct stall_gap gap[3];
	struct guest_view view;
	uint64_t ns;

	/* 2 GHz: 99 steps of 500 ns on one vCPU, one of 1 ms on the other. */
	g->stall[0].bucket[abi_stall_bucket(1000)] = 99;
	g->stall[0].max_ticks = 1000;
	g->stall[1].bucket[abi_stall_bucket(2000000)] = 1;
	g->stall[1].max_ticks = 2000000;
	g->stall[0].gap[5] = (struct abi_gap){ 100, 1100, 7 };
	g->stall[0].gap[6] = (struct abi_gap){ 100, 600, 8 };
	g->stall[1].gap[0] = (struct abi_gap){ 5000, 2005000, 3 };
	g->stall[1].gap[1] = (struct abi_gap){ 5000, 5010, 9 };
	view = fake_guest_view(g);
	assert_int_equal(stall_percentile_ns(&view, 0, 50), 500);
	ns = stall_percentile_ns(&view, 2, 99);
	assert_in_range(ns, 500, 504);
	assert_int_equal(stall_percentile_ns(&view, 2, 100), 1000000);
	assert_int_equal(stall_percentile_ns(&view, 1, 1), 1000000);
	assert_int_equal(stall_longest(&view, gap, 3), 3);
	assert_int_equal(gap[0].step, 3);
	assert_int_equal(gap[0].vcpu, 1);
	assert_int_equal(gap[1].step, 7);
	assert_int_equal(gap[2].step, 8);
	assert_int_equal(stall_longest(&view, gap, 1), 1);
	assert_int_equal(gap[0].step, 3);
	guest_view_exit(&view);

	/* Counts that would wrap. */
	memset(g->stall[0].bucket, 0xff, sizeof(g->stall[0].bucket));
	view = fake_guest_view(g);
	stall_percentile_ns(&view, 2, 99);
	guest_view_exit(&view);
	memset(g->stall, 0, 2 * sizeof(g->stall[0]));
	view = fake_guest_view(g);
	assert_int_equal(stall_percentile_ns(&view, 2, 99), 0);
	assert_int_equal(stall_longest(&view, gap, 3), 0);
	guest_view_exit(&view);
	fake_guest_destroy(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lies_in_the_header_are_refused),
		cmocka_unit_test(lies_in_the_logs_are_refused),
		cmocka_unit_test(bad_announcements_are_refused),
		cmocka_unit_test(account_and_machine_must_agree),
		cmocka_unit_test(honest_guests_are_read),
		cmocka_unit_test(dma_engines_count_too),
		cmocka_unit_test(stall_logs_give_percentiles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
