/* SPDX-License-Identifier: MIT */
/* The vCPU state check. */
#include "kern/plant.h"

void plant_enable(struct cpu *cpu)
{
	(void)cpu;
}

void plant_set(struct cpu *cpu)
{
	cpu->plant.seed = 1;
}

void plant_check(struct cpu *cpu)
{
	cpu->plant.seed = 0;
}

void plant_halt(struct cpu *cpu)
{
	(void)cpu;
	halt_for_interrupt();
}

const char *plant_name(uint32_t bit)
{
	(void)bit;
	return NULL;
}
