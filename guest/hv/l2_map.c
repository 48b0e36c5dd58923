/* SPDX-License-Identifier: MIT */
/*
 * L2's second level of address translation: everything where it is. EPT and
 * nested page tables differ in a leaf's bits only.
 */
#include "hv/l2.h"

#define ENTRIES 512u
#define LOW_GIB 4u

/* EPT: read, write, execute. NPT: present, writable, user. */
#define MAY 7ull
#define LARGE (1ull << 7)

#define PAGE __attribute__((section(".bss.page")))
static uint64_t pml4[ENTRIES] PAGE;
static uint64_t pdpt[ENTRIES] PAGE;
static uint64_t pd[LOW_GIB * ENTRIES] PAGE;

uint64_t l2_map(bool huge, uint64_t leaf)
{
	uint64_t i;

	leaf |= MAY | LARGE;
	pml4[0] = (uint64_t)pdpt | MAY;
	for (i = 0; i < (huge ? ENTRIES : LOW_GIB); i++)
		pdpt[i] = huge ? i << 30 | leaf
			       : (uint64_t)&pd[i * ENTRIES] | MAY;
	for (i = 0; i < LOW_GIB * ENTRIES; i++)
		pd[i] = i << 21 | leaf;
	return (uint64_t)pml4;
}
