/* SPDX-License-Identifier: MIT */
/* A workload of two vCPUs, and of some DMA engines, in this process. */
#ifndef VMFERRY_TESTS_UNIT_GUEST_WORK_FIXTURE_H
#define VMFERRY_TESTS_UNIT_GUEST_WORK_FIXTURE_H

#include "work/work.h"

#define NR_PAGES 37u /* no power of two */
#define NR_CPUS 2u
#define NR_DMA 3u

struct fixture {
	uint8_t *area;
	struct cpu cpu[NR_CPUS];
	struct abi_vcpu vcpu[NR_CPUS + NR_DMA];
	struct abi_bad_log bad[NR_CPUS];
	struct abi_stall stall[NR_CPUS];
	struct oracle_log log[NR_CPUS + NR_DMA];
};

int work_setup(void **state);
int work_teardown(void **state);

/* A new epoch, filled. */
void begin(struct fixture *f, uint32_t pattern, uint32_t write,
	   uint32_t content, bool check);
void begin_with(struct fixture *f, uint32_t pattern, uint32_t write,
		uint32_t content, bool check, uint32_t nr_dma);

/* So many steps more, none of them bad. */
void run(struct cpu *cpu, uint64_t steps);

#endif
