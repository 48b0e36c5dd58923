/* SPDX-License-Identifier: MIT */
/*
 * One vCPU: its descriptors, stacks and what it is doing.
 *
 * 32 KiB, aligned, the kernel stack at the top: the stack pointer names the
 * vCPU in ring 0. All of it is mapped for ring 3 too; the rings exist for
 * speed, not for protection.
 */
#ifndef VMFERRY_GUEST_CPU_H
#define VMFERRY_GUEST_CPU_H

#include <stdbool.h>
#include <stdint.h>

#include "control.h"
#include "oracle.h"
#include "x86/insn.h"

#define CPU_BYTES 32768u
#define CPU_USER_STACK_BYTES 6144u
#define CPU_FAULT_STACK_BYTES 2048u
#define CPU_SCRATCH_BYTES 8192u

#define SEL_CODE 0x08u
#define SEL_DATA 0x10u
#define SEL_USER_DATA 0x1bu
#define SEL_USER_CODE 0x23u
#define SEL_TSS 0x28u

/* Interrupt vectors. The probe's is in a low class, so that a task priority
 * can hold it back while all others pass. */
#define VECTOR_PROBE 0x21u
#define VECTOR_UART 0x90u
#define VECTOR_TIMER 0xa0u
#define VECTOR_WAKE 0xb0u
#define VECTOR_SPURIOUS 0xffu

/* Source: Intel SDM 3A, 8.7 (64-bit TSS), 19.5.2 (I/O bitmap). */
struct __attribute__((packed)) tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3;
	uint16_t io_bitmap_offset;
	uint8_t io_bitmap[8192 + 1];
};

enum cpu_mode { CPU_IDLE = 0, CPU_FILL, CPU_RUN };

/* What the vCPU state check planted; see kern/plant.h. The first two fields'
 * offsets are known to work/vector.asm. */
#define CPU_PLANT_ITEMS 32u
struct cpu_plant {
	uint64_t seed; /* 0 = nothing is planted */
	uint64_t vector_level; /* registers that can be used: 0 none, 1 AVX,
				* 2 AVX-512 too */
	uint64_t expected[CPU_PLANT_ITEMS];
	uint64_t before[CPU_PLANT_ITEMS]; /* put back by the check */
	uint32_t present; /* what stuck: bit per item of the table */
	uint32_t gpr_differing; /* bit per register, from all halts */
	uint32_t gpr_halts;
	volatile uint32_t nr_probes; /* probe interrupts delivered */
	uint32_t compared; /* result of the last check */
	uint32_t differing; /* bit per item */
};

struct cpu {
	/* The first three: offsets known to entry.asm. */
	uint64_t resume; /* where a fault in a *_safe function continues */
	uint64_t user_stack;
	struct tss tss;

	uint64_t gdt[7] __attribute__((aligned(16)));
	uint32_t index;
	uint32_t apic_id;

	/* Ring 3 returns at its next step boundary. Set by interrupts. */
	volatile uint32_t attention;
	volatile uint32_t online;

	/* A job for this vCPU from the first one, see smp.h. */
	void (*volatile job)(struct cpu *cpu);
	volatile uint64_t job_wanted;
	volatile uint64_t job_done;

	/* The workload's state: everything lives here, not in registers. */
	volatile uint32_t mode; /* enum cpu_mode */
	volatile uint32_t fill_done;
	struct abi_vcpu *vcpu;
	struct abi_bad_log *bad;
	struct abi_stall *stall;
	uint64_t slice_first; /* index of the slice's first page */
	uint64_t slice_pages;
	uint64_t step_limit; /* ring 3 returns when steps reach this */
	/* Pacing: the quantum that is running ends at `quantum_end`. */
	uint64_t quantum_end; /* 0 = unpaced */
	uint64_t quantum_ticks;
	uint64_t quantum_steps; /* per quantum, 32.32 fixed point */
	uint64_t credit; /* 0.32: the fraction of a step carried over */
	/* Phases and bursts, see kern/tempo.h. */
	struct oracle_log *log;
	uint64_t change_tsc;
	uint32_t phase;
	uint32_t resting;
	/* Job arguments and results. */
	uint64_t result[2];
	uint32_t bad_printed; /* entries of `bad` that had their event */

	struct cpu_plant plant;

	uint8_t scratch[CPU_SCRATCH_BYTES] __attribute__((aligned(64)));
	uint8_t user_stack_area[CPU_USER_STACK_BYTES]
		__attribute__((aligned(64)));
	uint8_t fault_stack[CPU_FAULT_STACK_BYTES] __attribute__((aligned(16)));
};

_Static_assert(sizeof(struct cpu) + 4096 <= CPU_BYTES, "4 KiB kernel stack");

/* The first vCPU's, in .bss by linker/guest.ld. */
union cpu_area {
	struct cpu cpu;
	uint8_t bytes[CPU_BYTES];
};
extern union cpu_area cpu_boot;

/* Ring 0 only. */
static inline struct cpu *this_cpu(void)
{
	return (struct cpu *)(read_rsp() & ~(uint64_t)(CPU_BYTES - 1));
}

/**
 * user_enter() - call a function in ring 3, with interrupts on.
 * @fn: must not execute privileged instructions; may use SSE2.
 *
 * Context: ring 0, interrupts off; not nested.
 * Return: what @fn returned.
 */
uint64_t user_enter(uint64_t (*fn)(void *arg), void *arg);

/* 0, or -1 if the instruction faults. */
int msr_read_safe(uint32_t msr, uint64_t *ret_value);
int msr_write_safe(uint32_t msr, uint64_t value);
int xcr0_write_safe(uint64_t value);

/**
 * halt_planted() - halt until an interrupt with known general registers.
 *
 * Return: a bit for each register that held something else afterwards.
 */
uint32_t halt_planted(uint64_t seed);

/* The same by CPUID, whose answer must be @seed to @seed + 3 too: in L2, to
 * which L1 gives it. */
uint32_t cpuid_planted(uint64_t seed);

#endif
