/* SPDX-License-Identifier: MIT */
/* The console's `cycles`: exit probes, one line each. */
#ifndef VMFERRY_GUEST_CYCLES_H
#define VMFERRY_GUEST_CYCLES_H

#define CYCLES_MAX_ROUNDS 2000u

/**
 * cycles_command() - run a probe, or say which there are.
 * @words: "list=K": the probes of table K and their rings (bits: 1 ring 0,
 *	2 ring 3); "probe=NAME ring=0|3 rounds=N"; else cpuid in both rings.
 *
 *	"nested=list": which variants of nested virtualization there are;
 *	"nested=VARIANT": does it have its effect; with "probe=NAME" too: the
 *	probe in a guest of this guest (nested.h).
 *
 * Times are in TSC ticks, nothing taken off; `empty` is what a round takes
 * that does nothing, to be taken off. All of them, sorted, lie at `gpa` until
 * the next command. A probe ends early after LIMIT_MS.
 */
void cycles_command(char *words);

#endif
