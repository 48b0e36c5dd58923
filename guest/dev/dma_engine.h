/* SPDX-License-Identifier: MIT */
/*
 * Driver of the DMA engines (abi/dma.h): workers of the epoch behind the vCPUs.
 *
 * Context of all of it: the first vCPU, ring 0.
 */
#ifndef VMFERRY_GUEST_DMA_ENGINE_H
#define VMFERRY_GUEST_DMA_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

/**
 * dma_open() - find and set up the engines; only the first call does.
 *
 * One that cannot be set up is left out, with an event that says why.
 *
 * Return: how many there are, ABI_MAX_DMA at most, and no more than there is
 * room for behind the vCPUs.
 */
uint32_t dma_open(void);

/**
 * dma_start() - have the first engines work from step 0 on.
 * @nr: of them, as dma_open() said or fewer; the epoch counts them.
 * @bytes_per_s: all of them together; 0 = unpaced.
 * @check: look at each page before it is overwritten.
 */
void dma_start(uint32_t nr, uint64_t bytes_per_s, bool check);

/* Stop them at a step boundary; nothing if none works. */
void dma_stop(void);

/* Answer interrupts, log bad pages. Cheap if there is nothing. */
void dma_poll(void);

/* The console's `dma`: what they say of themselves, and whether their memory
 * is what was written there when they were set up. */
void dma_command(char *words);

#endif
