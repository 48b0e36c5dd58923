/* SPDX-License-Identifier: MIT */
/*
 * The console's `queues`: does every queue of every device still answer?
 */
#ifndef VMFERRY_GUEST_QUEUE_TEST_H
#define VMFERRY_GUEST_QUEUE_TEST_H

/**
 * queues_command() - kick each queue, wait for its interrupt, reply.
 * @words: "rounds=N" or nothing.
 *
 * The first call sets the devices up, once in the guest's life: what is kicked
 * after a migration is what was set up before it. Interrupts and counts that
 * came between two calls, unasked, are counted as doubled by the second one.
 * This vCPU's workload goes on between the kicks.
 *
 * Context: the first vCPU, ring 0.
 */
void queues_command(char *words);

#endif
