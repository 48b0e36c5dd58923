/* SPDX-License-Identifier: MIT */
/*
 * Interrupts of devices: vectors to give away, and who took how many of which.
 */
#ifndef VMFERRY_GUEST_IRQ_H
#define VMFERRY_GUEST_IRQ_H

#include <stdbool.h>
#include <stdint.h>

/* vCPUs that take them: the first ones. */
#define IRQ_MAX_CPUS 32u

/* Vectors for queues, by number; and others, of which each one makes the vCPU's
 * loop look around. */
#define IRQ_NR_QUEUE_VECTORS 160u
#define IRQ_NR_LOUD_VECTORS 16u

/* Install the gates. Once; not before the cold part is unpacked. Context: the
 * first vCPU, ring 0. */
void irq_open(void);

/* Which vector is number @i, below IRQ_NR_QUEUE_VECTORS? */
uint32_t irq_queue_vector(uint32_t i);
/* Likewise, below IRQ_NR_LOUD_VECTORS. */
uint32_t irq_loud_vector(uint32_t i);

struct irq_cpu {
	volatile uint64_t tsc; /* of the last one */
	volatile uint32_t total;
	volatile uint32_t taken[256]; /* by vector */
};

extern struct irq_cpu irq_cpus[IRQ_MAX_CPUS];

/* The first vCPU halts for one of them, whoever takes it. */
extern volatile bool irq_awaited;

/* Called by vectors.asm. */
void irq_take(uint32_t vector, uint64_t tsc);

#endif
