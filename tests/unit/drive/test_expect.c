/* SPDX-License-Identifier: MIT */
/* Is a target that contradicts the source found out? */
#include <stdlib.h>
#include <string.h>

#include "drive/run_internal.h"
#include "fake_guest.h"
#include "unit/unit.h"

static struct oracle params(void)
{
	return (struct oracle){
		.seed = 7,
		.epoch = 1,
		.nr_vcpus = 2,
		.nr_orders = 1,
		.order[0].pattern = ORACLE_RANDOM,
		.write = ORACLE_WRITE_STAMP,
		.content = ORACLE_CONTENT_RANDOM,
		.nr_pages = 50,
	};
}

struct fixture {
	struct fake_guest *guest;
	struct guest_view view;
	struct run run;
	struct run_integrity in;
};

static void begin(struct fixture *f)
{
	unsigned int i;

	memset(f, 0, sizeof(*f));
	f->guest = fake_guest_create(params(), 33);
	f->view = fake_guest_view(f->guest);
	f->run.expected = f->view.control;
	for (i = 0; i < f->view.control.nr_vcpus; i++)
		f->run.final_steps[i] = f->view.vcpu[i].steps;
}

static void end(struct fixture *f)
{
	guest_view_exit(&f->view);
	fake_guest_destroy(f->guest);
}

static const char *check(struct fixture *f, bool frozen)
{
	f->in.contradiction[0] = '\0';
	run_expect_check(&f->run, &f->view, frozen, &f->in);
	return f->in.contradiction;
}

static void the_same_is_no_contradiction(void **state)
{
	struct fixture f;

	begin(&f);
	assert_string_equal(check(&f, true), "");
	f.view.vcpu[1].steps += 5;
	assert_string_equal(check(&f, false), "");
	end(&f);
}

static void each_word_is_held_against_the_source(void **state)
{
	struct abi_control *c;
	struct fixture f;

	begin(&f);
	c = &f.view.control;
#define DIFFERS(field, what)                                                   \
	do {                                                                   \
		(field) ^= 1;                                                  \
		assert_non_null(strstr(check(&f, false), what));               \
		(field) ^= 1;                                                  \
		assert_string_equal(check(&f, false), "");                     \
	} while (0)
	DIFFERS(c->epoch.seed, "epoch");
	DIFFERS(c->epoch.epoch, "epoch");
	DIFFERS(c->check, "settings");
	DIFFERS(c->tempo[0].rate_bytes_per_s[0], "settings");
	DIFFERS(c->image_gpa, "image");
	DIFFERS(c->ram[0].kind, "account");
	DIFFERS(c->ram[1].bytes, "account");
	DIFFERS(c->nr_vcpus, "vCPUs");
#undef DIFFERS
	end(&f);
}

static void counters_never_go_back(void **state)
{
	struct fixture f;

	begin(&f);
	f.view.vcpu[1].steps--;
	assert_non_null(strstr(check(&f, false), "vCPU 1 counts 32 steps"));
	f.view.vcpu[1].steps += 2;
	assert_string_equal(check(&f, false), "");
	/* Nobody has run since. */
	assert_non_null(strstr(check(&f, true), "vCPU 1 counts 34 steps"));
	end(&f);
}

/* Two guests alike; then one byte of one's own memory differs. */
static void private_memory_is_compared(void **state)
{
	struct fixture f;
	struct fake_guest *twin;
	uint64_t gfn;

	begin(&f);
	twin = fake_guest_create(params(), 33);
	f.run.source.ram = f.guest->ram;
	f.run.target.ram = twin->ram;
	f.run.source.control_gpa = f.view.gpa;
	f.run.source.control_bytes = f.view.bytes;
	gfn = fake_guest_gfn(twin, ABI_RAM_PRIVATE);
	memcpy(fake_guest_page(twin, gfn), fake_guest_page(f.guest, gfn),
	       ABI_PAGE_BYTES);
	assert_int_equal(run_expect_compare(&f.run, &f.in, NULL), 0);
	assert_int_equal(f.in.findings.nr, 0);
	assert_true(f.in.compared_bytes >= f.view.bytes);
	fake_guest_page(twin, gfn)[99] ^= 4;
	assert_int_equal(run_expect_compare(&f.run, &f.in, NULL), 0);
	assert_int_equal(f.in.findings.nr, 1);
	assert_int_equal(f.in.findings.item[0].gfn, gfn);
	assert_int_equal(f.in.findings.item[0].where, FINDING_PRIVATE);
	assert_int_equal(f.in.findings.item[0].first_offset, 99);
	findings_exit(&f.in.findings);
	fake_guest_destroy(twin);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_is_no_contradiction),
		cmocka_unit_test(each_word_is_held_against_the_source),
		cmocka_unit_test(counters_never_go_back),
		cmocka_unit_test(private_memory_is_compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
