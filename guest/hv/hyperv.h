/* SPDX-License-Identifier: MIT */
/*
 * Hyper-V's interface, used: found, set up, undone. All on the first vCPU.
 */
#ifndef VMFERRY_GUEST_HYPERV_H
#define VMFERRY_GUEST_HYPERV_H

#include <stdbool.h>
#include <stdint.h>

#include "hv_checks.h"
#include "hyperv.h"

/* Pages of ours that the hypervisor is told of; a spare one. */
enum hyperv_page {
	HYPERV_CALL,
	HYPERV_TSC,
	HYPERV_ASSIST,
	HYPERV_MESSAGES,
	HYPERV_EVENTS,
	HYPERV_SPARE,
	HYPERV_NR_PAGES,
};
extern uint8_t hyperv_pages[HYPERV_NR_PAGES][4096];

/* The SINT that all goes to. */
#define HYPERV_SINT 2u
#define HYPERV_OS_ID 0xf600000000010001ull

/* EAX to EDX of HV_LEAF_FEATURES, EAX of HV_LEAF_ADVICE; all 0 without the
 * interface. */
extern uint32_t hyperv_word[HV_NR_WORDS];

/* Look at CPUID. NULL, or why word @word lacks some of @bits. Ring 0. */
const char *hyperv_lacks(uint32_t word, uint32_t bits);

/* Whatever is offered is switched on, or off again. What faults is left out. */
void hyperv_open(void);
void hyperv_close(void);
extern bool hyperv_is_open;

/* Interrupts that vCPU @cpu has taken at hyperv_vector(). */
uint32_t hyperv_vector(void);
volatile uint32_t *hyperv_taken(uint32_t cpu);

/* By the hypercall page. Return: RAX, or ~0 as it was before. */
uint64_t hyperv_call(uint64_t control, uint64_t input, uint64_t output);
/* HvCallFlushVirtualAddressSpace: everything, everywhere. */
uint64_t hyperv_flush(void);
/* HvCallSendSyntheticClusterIpi. @vps: bit for each VP_INDEX. */
uint64_t hyperv_send(uint32_t vector, uint64_t vps);

/* By the reference TSC page; 0 = it says that it isn't valid. Both rings. */
uint64_t hyperv_page_time(void);

/* The console's `hv`: "", "open", "close", "check=NAME". */
void hyperv_command(char *words);

/* One check: hyperv_check*.c. */
struct hyperv_found {
	const char *skip;
	uint32_t step; /* at which it failed; 0 = it did not */
	uint32_t tries;
	uint64_t saw, wanted;
};
extern struct hyperv_found hyperv_found;

/* What must be so: the first that isn't is the check's result. */
void hyperv_see(uint32_t step, bool holds, uint64_t saw, uint64_t wanted);
void hyperv_equal(uint32_t step, uint64_t saw, uint64_t wanted);
void hyperv_at_least(uint32_t step, uint64_t saw, uint64_t wanted);
/* Registers that must not fault. */
uint64_t hyperv_get(uint32_t msr);
void hyperv_put(uint32_t msr, uint64_t value);
/* Sleep until @count is no longer @before. Return: false after @us. */
bool hyperv_await(const volatile uint32_t *count, uint32_t before, uint32_t us);

void hyperv_check(enum hv_check check);
void hyperv_check_synic(enum hv_check check);
void hyperv_check_smp(enum hv_check check);

#endif
