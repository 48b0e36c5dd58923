/* SPDX-License-Identifier: MIT */
/* Step counters from outside. */
#include "drive/counters.h"

#include <errno.h>

#include "drive/ram.h"

static uint64_t load(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_ACQUIRE);
}

int counters_read(const struct counters *c, struct abi_vcpu *ret_vcpu)
{
	unsigned int i;

	if (!c->mapped && !c->ram)
		return -ENODATA;
	if (!c->mapped)
		return ram_read(c->ram, c->gpa, ret_vcpu,
				c->nr_vcpus * sizeof(*ret_vcpu));
	for (i = 0; i < c->nr_vcpus; i++) {
		ret_vcpu[i].steps = load(&c->mapped[i].steps);
		ret_vcpu[i].step_tsc = load(&c->mapped[i].step_tsc);
		ret_vcpu[i].wait_until_tsc = load(&c->mapped[i].wait_until_tsc);
	}
	return 0;
}

uint64_t counters_steps(const struct counters *c)
{
	struct abi_vcpu vcpu[ABI_MAX_VCPUS];
	uint64_t sum = 0;
	unsigned int i;

	if (counters_read(c, vcpu))
		return 0;
	for (i = 0; i < c->nr_vcpus; i++)
		sum += vcpu[i].steps;
	return sum;
}
