/* SPDX-License-Identifier: MIT */
/* Say what happened, stop everybody, halt. */
#include "kern/panic.h"

#include "kern/console.h"
#include "kern/control.h"
#include "x86/apic.h"
#include "x86/smp.h"

static volatile bool stopping;

bool panic_stopping(void)
{
	return stopping;
}

void panic_halt(void)
{
	for (;;) {
		cli();
		hlt();
	}
}

static void panic_stop_all(void)
{
	uint32_t i;

	control_set_state(ABI_STATE_PANIC);
	for (i = 0; i < smp_nr_cpus(); i++)
		if (smp_cpu(i) != this_cpu() && smp_cpu(i)->online)
			apic_send(smp_cpu(i)->apic_id, VECTOR_WAKE);
	panic_halt();
}

void panic_exception(const struct exception_frame *f)
{
	bool second = stopping;

	stopping = true;
	if (second)
		panic_halt();
	console_print("event panic cpu=%u vector=%lu error=0x%lx rip=0x%lx "
		      "cr2=0x%lx rsp=0x%lx cs=0x%lx rflags=0x%lx rax=0x%lx "
		      "rbx=0x%lx rcx=0x%lx rdx=0x%lx rsi=0x%lx rdi=0x%lx "
		      "rbp=0x%lx r8=0x%lx r9=0x%lx r10=0x%lx r11=0x%lx "
		      "r12=0x%lx r13=0x%lx r14=0x%lx r15=0x%lx",
		      this_cpu()->index, f->vector, f->error, f->rip,
		      read_cr2(), f->rsp, f->cs, f->rflags, f->rax, f->rbx,
		      f->rcx, f->rdx, f->rsi, f->rdi, f->rbp, f->r8, f->r9,
		      f->r10, f->r11, f->r12, f->r13, f->r14, f->r15);
	panic_stop_all();
	panic_halt();
}

void panic(const char *why)
{
	stopping = true;
	console_print("event panic cpu=%u %s", this_cpu()->index, why);
	panic_stop_all();
	panic_halt();
}
