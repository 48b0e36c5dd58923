/* SPDX-License-Identifier: MIT */
/* Descriptor tables. Source: Intel SDM 3A, chapters 3, 6 and 8. */
#include "x86/desc.h"

#include <stddef.h>

#define NR_EXCEPTIONS 22
#define GATE_INTERRUPT 0x8e00ull
#define GATE_USER 0x6000ull /* DPL 3 */
#define GATE_FAULT_STACK 1ull /* IST 1 */

extern const uint64_t isr_table[NR_EXCEPTIONS];
void isr_service(void);
void isr_wake(void);
void isr_timer(void);
void isr_uart(void);
void isr_probe(void);
void isr_spurious(void);

struct gate {
	uint64_t lo, hi;
};

static struct gate idt[256] __attribute__((aligned(16)));

/* entry.asm knows these. */
_Static_assert(offsetof(struct cpu, resume) == 0, "CPU_RESUME");
_Static_assert(offsetof(struct cpu, user_stack) == 8, "CPU_USER_STACK");
_Static_assert(offsetof(struct cpu, tss) == 16, "CPU_RSP0");

static void set_gate(uint32_t vector, uint64_t handler, uint64_t flags)
{
	idt[vector].lo = (handler & 0xffff) | (uint64_t)SEL_CODE << 16 |
			 flags << 32 | (handler >> 16 & 0xffff) << 48;
	idt[vector].hi = handler >> 32;
}

void desc_set_interrupt(uint32_t vector, uint64_t handler)
{
	set_gate(vector, handler, GATE_INTERRUPT);
}

void desc_init(void)
{
	unsigned i;

	for (i = 0; i < NR_EXCEPTIONS; i++)
		set_gate(i, isr_table[i], GATE_INTERRUPT | GATE_FAULT_STACK);
	/* Faults that *_safe functions expect return to the same stack. */
	set_gate(6, isr_table[6], GATE_INTERRUPT);
	set_gate(13, isr_table[13], GATE_INTERRUPT);
	set_gate(3, (uint64_t)isr_service, GATE_INTERRUPT | GATE_USER);
	set_gate(VECTOR_PROBE, (uint64_t)isr_probe, GATE_INTERRUPT);
	set_gate(VECTOR_UART, (uint64_t)isr_uart, GATE_INTERRUPT);
	set_gate(VECTOR_TIMER, (uint64_t)isr_timer, GATE_INTERRUPT);
	set_gate(VECTOR_WAKE, (uint64_t)isr_wake, GATE_INTERRUPT);
	set_gate(VECTOR_SPURIOUS, (uint64_t)isr_spurious, GATE_INTERRUPT);
}

void desc_load(struct cpu *cpu)
{
	uint64_t base = (uint64_t)&cpu->tss;
	uint64_t limit = sizeof(cpu->tss) - 1;
	struct descriptor_pointer gdtr = { sizeof(cpu->gdt) - 1,
					   (uint64_t)cpu->gdt };
	struct descriptor_pointer idtr = { sizeof(idt) - 1, (uint64_t)idt };

	cpu->gdt[1] = 0x00af9b000000ffffull;
	cpu->gdt[2] = 0x00cf93000000ffffull;
	cpu->gdt[3] = 0x00cff3000000ffffull;
	cpu->gdt[4] = 0x00affb000000ffffull;
	cpu->gdt[5] = (limit & 0xffff) | (base & 0xffffff) << 16 |
		      0x89ull << 40 | (base >> 24 & 0xff) << 56;
	cpu->gdt[6] = base >> 32;
	cpu->tss.ist[0] = (uint64_t)(cpu->fault_stack + CPU_FAULT_STACK_BYTES);
	cpu->tss.io_bitmap_offset = offsetof(struct tss, io_bitmap);
	cpu->user_stack =
		(uint64_t)(cpu->user_stack_area + CPU_USER_STACK_BYTES);
	lgdt(&gdtr);
	lidt(&idtr);
	ltr(SEL_TSS);
}
