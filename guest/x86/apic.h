/* SPDX-License-Identifier: MIT */
/* Local APIC (xAPIC or x2APIC), its timer, and the I/O APIC. */
#ifndef VMFERRY_GUEST_APIC_H
#define VMFERRY_GUEST_APIC_H

#include <stdbool.h>
#include <stdint.h>

/* Register numbers: xAPIC offset >> 4. Source: Intel SDM 3A, table 10-6. */
#define APIC_ID 0x02u
#define APIC_TPR 0x08u
#define APIC_EOI 0x0bu
#define APIC_SVR 0x0fu
#define APIC_IRR 0x20u
#define APIC_ICR 0x30u
#define APIC_LVT_TIMER 0x32u
#define APIC_LVT_THERMAL 0x33u
#define APIC_LVT_PERF 0x34u
#define APIC_LVT_LINT0 0x35u
#define APIC_LVT_LINT1 0x36u
#define APIC_LVT_ERROR 0x37u
#define APIC_TIMER_INITIAL 0x38u
#define APIC_TIMER_CURRENT 0x39u
#define APIC_TIMER_DIVIDE 0x3eu
#define APIC_LVT_MASKED 0x10000u

/* Has the running vCPU an APIC? */
bool apic_present(void);

/* Enable the running vCPU's APIC; the first call chooses the mode. */
void apic_init(void);

/* Choose and, if it must be, calibrate the timer. Once, after tsc_init(). */
void apic_timer_init(void);

/* Let the timer count down from ~0 until the TSC is @end_tsc. Return: what is
 * left. */
uint32_t apic_count_down(uint64_t end_tsc);

/* Does it take MSR accesses? */
bool apic_is_x2(void);

/* The timer's interrupt is @vector until apic_timer_start(). */
void apic_timer_vector(uint32_t vector);

/* Set up the running vCPU's timer; after apic_timer_init(). */
void apic_timer_start(void);

uint32_t apic_id(void);
uint32_t apic_read(uint32_t reg);
void apic_write(uint32_t reg, uint32_t value);
/* For registers that need not exist: 0, or -1 if the access faults. */
int apic_read_safe(uint32_t reg, uint32_t *ret_value);
int apic_write_safe(uint32_t reg, uint32_t value);
void apic_eoi(void);

/* Fixed interrupt @vector to the vCPU with @id. */
void apic_send(uint32_t id, uint32_t vector);
void apic_send_init(uint32_t id);
/* @page: below 256, the number of the trampoline's page. */
/* To all vCPUs but this one. */
void apic_send_init_others(void);
void apic_send_startup(uint32_t id, uint32_t page);

/* One interrupt VECTOR_TIMER on this vCPU at @tsc or soon after. */
void apic_timer_arm(uint64_t tsc);
void apic_timer_disarm(void);

/* Mask all of the PIC; before interrupts are on for the first time. */
void pic_mask(void);
/* Route ISA interrupt @irq to @vector on this vCPU. */
void ioapic_route(uint32_t irq, uint32_t vector);

#endif
