/* SPDX-License-Identifier: MIT */
/* Are CPU lists, quotas and bounds on threads read right? */
#include "prealloc/cpus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "prealloc/prealloc.h"
#include "unit/unit.h"

static const struct {
	const char *text;
	int nr; /* -1: refused */
} lists[] = {
	{ "", 0 },	    { "0", 1 },
	{ "0-3,8", 5 },	    { "1,3,5", 3 },
	{ "0-1023", 1024 }, { "0-1024", -1 },
	{ "3-1", -1 },	    { "x", -1 },
	{ "1,", -1 },	    { "1-", -1 },
	{ "-1", -1 },	    { "1--2", -1 },
	{ "1 2", -1 },	    { "99999999999", -1 },
};

static void test_lists(void **state)
{
	cpu_set_t set;
	size_t i;
	int rc;

	for (i = 0; i < ARRAY_LEN(lists); i++) {
		CPU_ZERO(&set);
		CPU_SET(77, &set);
		rc = cpus_parse_list(lists[i].text, &set);
		if (lists[i].nr < 0 ? rc != -EPROTO || CPU_COUNT(&set) != 1
				    : rc || CPU_COUNT(&set) != lists[i].nr)
			fail_msg("'%s': %d", lists[i].text, rc);
	}
}

static void test_nth(void **state)
{
	cpu_set_t set, one;
	unsigned int i;
	static const size_t want[] = { 2, 5, 900, 2, 5 };

	cpus_parse_list("2,5,900", &set);
	for (i = 0; i < ARRAY_LEN(want); i++) {
		one = cpus_nth(&set, i);
		assert_int_equal(CPU_COUNT(&one), 1);
		assert_true(CPU_ISSET(want[i], &one));
	}
	CPU_ZERO(&set);
	one = cpus_nth(&set, 3);
	assert_int_equal(CPU_COUNT(&one), 0);
}

static void put(const char *root, const char *path, const char *text)
{
	char name[512], *slash;
	FILE *f;

	snprintf(name, sizeof(name), "%s/%s", root, path);
	for (slash = name + strlen(root) + 1; (slash = strchr(slash, '/'));
	     slash++) {
		*slash = '\0';
		mkdir(name, 0700);
		*slash = '/';
	}
	f = fopen(name, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static const struct {
	const char *groups;
	unsigned int nr;
} quotas[] = {
	{ "", 0 },
	{ "nonsense\n\n:::\n", 0 },
	{ "0::/nowhere\n", 8 }, /* the root's own */
	{ "0::/two\n", 2 },
	{ "0::/two/max\n", 2 }, /* from above */
	{ "0::/two/half\n", 1 },
	{ "0::/broken\n", 8 },
	{ "9:name=systemd:/\n2:cpuacct,cpu:/v1\n0::/\n", 3 },
	{ "2:cpu:/v1/none\n", 3 },
	{ "2:cpuset:/v1\n", 0 }, /* another controller */
	{ "2:cpu,cpuacct:/v1\n0::/two", 2 }, /* the lesser */
};

static void test_quota(void **state)
{
	char root[] = "/tmp/test-cpus-XXXXXX", command[64];
	size_t i;

	assert_non_null(mkdtemp(root));
	put(root, "cpu.max", "800000 100000\n");
	put(root, "two/cpu.max", "200000 100000\n");
	put(root, "two/max/cpu.max", "max 100000\n");
	put(root, "two/half/cpu.max", "50000 100000\n");
	put(root, "broken/cpu.max", "0 0\n");
	put(root, "cpu/v1/cpu.cfs_quota_us", "250000\n");
	put(root, "cpu/v1/cpu.cfs_period_us", "100000\n");
	put(root, "cpu/v1/none/cpu.cfs_quota_us", "-1\n");
	for (i = 0; i < ARRAY_LEN(quotas); i++)
		if (cpus_quota(quotas[i].groups, root) != quotas[i].nr)
			fail_msg("'%s': %u", quotas[i].groups,
				 cpus_quota(quotas[i].groups, root));
	snprintf(command, sizeof(command), "rm -r %s", root);
	assert_int_equal(system(command), 0);
}

static void test_auto(void **state)
{
	cpu_set_t before, one;
	unsigned int nr = prealloc_auto_threads(0);

	assert_true(nr >= 1 && nr <= PREALLOC_AUTO_THREADS);
	assert_int_equal(prealloc_auto_threads(1), 1);
	assert_int_equal(prealloc_auto_threads(1000), nr);
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	one = cpus_nth(&before, 0);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(prealloc_auto_threads(0), 1);
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

static void test_nodes(void **state)
{
	struct cpus c;
	unsigned int i;

	cpus_read(&c);
	assert_true(c.nr_nodes >= 1 && c.nr_nodes <= CPUS_MAX_NODES);
	for (i = 0; i < c.nr_nodes; i++)
		assert_true(CPU_COUNT(&c.node[i].set) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists), cmocka_unit_test(test_nth),
		cmocka_unit_test(test_quota), cmocka_unit_test(test_auto),
		cmocka_unit_test(test_nodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
