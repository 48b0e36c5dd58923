/* SPDX-License-Identifier: MIT */
/* A device with memory to write, and what the oracle says about it. */
#ifndef VMFERRY_TESTS_UNIT_VFIO_BENCH_H
#define VMFERRY_TESTS_UNIT_VFIO_BENCH_H

#include "client.h"
#include "dma.h"

#define BENCH_BASE 0x100000ull
#define BENCH_NR_PAGES 64u
#define BENCH_COUNTER (BENCH_BASE + BENCH_NR_PAGES * 4096)
#define BENCH_BYTES ((BENCH_NR_PAGES + 1) * 4096ull)
#define REG(field) offsetof(struct abi_dma_regs, field)

extern const struct oracle bench_epoch;

struct bench {
	struct client c;
	uint8_t *memory;
	int fd;
};

/* All registers are set, RUN is not. */
void bench_init(struct bench *b, const struct device_params *params,
		bool by_messages, bool sealed);
void bench_exit(struct bench *b);

void bench_set_command(struct client *c, uint16_t command);
void bench_run(struct bench *b, uint32_t control);
/* The counter in memory. */
uint64_t bench_counter(const struct bench *b);
/* Until at least @steps; asks the device, so that messages flow. */
void bench_wait_steps(struct bench *b, uint64_t steps);
/* Every page is what its last visit before the counter left. */
void bench_check_memory(struct bench *b);

int bench_start_logging(struct client *c, uint64_t iova, uint64_t length);
/* @bytes of bitmap. */
int bench_report(struct client *c, uint64_t iova, uint64_t length,
		 uint64_t page_size, uint64_t *map, size_t bytes);

#endif
