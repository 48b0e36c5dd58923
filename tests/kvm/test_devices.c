/* SPDX-License-Identifier: MIT */
/* Devices as the machine loads them: commits by way, announcements that lie. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "machine.h"
#include "machine/devload.h"
#include "vmm/device.h"
#include "vmm/map_stats.h"
#include "vmm/pci.h"
#include "vmm/queue_devices.h"

#define NR_DEVICES 3u
#define NR_QUEUES 5u

struct pair {
	struct machine *source, *target;
	struct buf said;
	struct error err;
};

static struct machine *make(void)
{
	struct machine *m = machine_new(1, 16ull << 20);
	struct queues_list list = { .nr = NR_DEVICES };
	unsigned int i;

	for (i = 0; i < NR_DEVICES; i++)
		list.device[i].nr_queues = NR_QUEUES;
	assert_int_equal(queues_add(m->vm, &list), 0);
	return m;
}

static int setup(void **state)
{
	static struct pair pair;
	struct pair *p = &pair;
	unsigned int i;

	memset(p, 0, sizeof(*p));
	p->source = make();
	p->target = make();
	for (i = 0; i < NR_DEVICES; i++)
		assert_int_equal(queues_start(vm_device(p->source->vm, i),
					      0x100000 + i * 0x1000),
				 0);
	assert_int_equal(vm_devices_announce(p->source->vm, &p->said), 0);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct pair *p = *state;

	buf_exit(&p->said);
	machine_free(p->source);
	machine_free(p->target);
	return 0;
}

static int prepare(struct pair *p, size_t bytes)
{
	p->err.text[0] = '\0';
	return vm_devices_prepare(p->target->vm, p->said.data, bytes, &p->err);
}

static void test_cut_anywhere(void **state)
{
	struct pair *p = *state;
	size_t one = p->said.bytes / NR_DEVICES, i;

	for (i = 1; i < p->said.bytes; i += 1 + i / 16)
		if (i % one) {
			assert_int_equal(prepare(p, i), -EPROTO);
			assert_non_null(strstr(p->err.text, "cut"));
		}
	/* Fewer than all is what a source may say; and it can begin anew. */
	assert_int_equal(prepare(p, one), 0);
	assert_int_equal(prepare(p, p->said.bytes), 0);
}

static void test_wrong_device(void **state)
{
	struct pair *p = *state;
	size_t one = p->said.bytes / NR_DEVICES;

	p->said.data[one] ^= 1; /* its index */
	assert_int_equal(prepare(p, p->said.bytes), -EPROTO);
	p->said.data[one] ^= 1;
	/* One more than there are; zeros do. */
	assert_int_equal(buf_append(&p->said, NULL, one), 0);
	assert_int_equal(prepare(p, p->said.bytes), -EPROTO);
	assert_non_null(strstr(p->err.text, "this machine has 3"));
}

static void test_wrong_field(void **state)
{
	struct pair *p = *state;

	/* command, behind head and version: I/O, which no device of ours
	 * has */
	p->said.data[8 + 4] |= 1;
	assert_int_equal(prepare(p, p->said.bytes), -EPROTO);
	assert_non_null(strstr(p->err.text, "'command'"));
}

static void test_running(void **state)
{
	struct pair *p = *state;

	assert_int_equal(vm_resume(p->target->vm), 0);
	assert_int_equal(prepare(p, p->said.bytes), -EBUSY);
	vm_pause(p->target->vm);
}

/* Prepared, the same again costs nothing; and it is there. */
static void test_prepared(void **state)
{
	struct pair *p = *state;
	struct memmap_stats before, after;
	struct kvm_calls calls, more;

	assert_int_equal(prepare(p, p->said.bytes), 0);
	vm_map_stats(p->target->vm, &before, &calls);
	assert_int_equal(calls.calls[KVM_CALL_BELL_ASSIGN],
			 NR_DEVICES * NR_QUEUES);
	assert_int_equal(calls.calls[KVM_CALL_IRQFD_ASSIGN],
			 NR_DEVICES * (NR_QUEUES + 1));
	assert_int_equal(calls.calls[KVM_CALL_ROUTING], 1);
	assert_int_equal(prepare(p, p->said.bytes), 0);
	vm_map_stats(p->target->vm, &after, &more);
	assert_memory_equal(&more, &calls, sizeof(calls));
	assert_int_equal(after.views, before.views);
	assert_int_equal(vm_devices_reset(p->target->vm), 0);
	vm_map_stats(p->target->vm, &after, &more);
	assert_int_equal(more.calls[KVM_CALL_BELL_DEASSIGN],
			 NR_DEVICES * NR_QUEUES);
	assert_int_equal(more.calls[KVM_CALL_IRQFD_DEASSIGN],
			 NR_DEVICES * (NR_QUEUES + 1));
}

/* Each change its own view, or one for all. */
static void test_commits(void **state)
{
	const struct devload_config config = {
		.nr_vcpus = 1,
		.devices = { 2, { { QUEUES_NET, 4 }, { QUEUES_BLK, 7 } } },
	};
	struct devload_sample s;
	struct devload *load;
	struct error err;

	assert_int_equal(devload_create(&config, &load, &err), 0);
	assert_int_equal(devload_run(load, VM_COMMIT_EACH, &s, &err), 0);
	assert_int_equal(s.views, 2 + 11);
	assert_int_equal(s.commits, 2 + 11 + 13);
	assert_int_equal(s.kvm.calls[KVM_CALL_ROUTING], 13);
	assert_int_equal(devload_run(load, VM_COMMIT_ONCE, &s, &err), 0);
	assert_int_equal(s.views, 1);
	assert_int_equal(s.commits, 1);
	assert_int_equal(s.kvm.calls[KVM_CALL_ROUTING], 1);
	assert_int_equal(devload_run(load, VM_COMMIT_PREPARED, &s, &err), 0);
	assert_int_equal(s.views, 0);
	assert_int_equal(s.commits, 0);
	assert_int_equal(devload_bare(load, &s, &err), 0);
	assert_int_equal(s.kvm.calls[KVM_CALL_IRQFD_ASSIGN], 13);
	devload_destroy(load);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_cut_anywhere), TEST(test_wrong_device),
		TEST(test_wrong_field),	 TEST(test_running),
		TEST(test_prepared),	 cmocka_unit_test(test_commits),
	};
	int code;

	if (machine_skip(&code))
		return code;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
