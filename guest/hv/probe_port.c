/* SPDX-License-Identifier: MIT */
/* Probes of ports and device memory, answered in the kernel or by the VMM. */
#include "hv/probe.h"

#include "kern/console.h"

/* The PIC's mask: answered in the kernel wherever KVM's whole irqchip is. */
#define PORT_PIC 0x21u
/* The UART's scratch register, which does nothing: always the VMM's. */
#define PORT_UART 0x3ffu
/* The I/O APIC's index register: as the PIC. Where nobody is: the VMM. */
#define MMIO_IOAPIC 0xfec00000u
#define MMIO_NOBODY 0xfed40000u

static uint8_t before;

static void switch_port(uint32_t port, bool open)
{
	uint8_t *map = cpu_boot.cpu.tss.io_bitmap, bit = 1u << port % 8;

	map[port / 8] = open ? map[port / 8] & ~bit : map[port / 8] | bit;
}

static const char *missing_uart(void)
{
	return console_present() ? NULL : "no uart";
}

static void begin_pic(void)
{
	before = inb(PORT_PIC);
	switch_port(PORT_PIC, true);
}

static void undo_pic(void)
{
	outb(PORT_PIC, before);
	switch_port(PORT_PIC, false);
}

static void begin_uart(void)
{
	before = inb(PORT_UART);
	switch_port(PORT_UART, true);
}

static void undo_uart(void)
{
	outb(PORT_UART, before);
	switch_port(PORT_UART, false);
}

static void op_in_pic(void)
{
	inb(PORT_PIC);
}

static void op_out_pic(void)
{
	outb(PORT_PIC, before);
}

static void op_in_uart(void)
{
	inb(PORT_UART);
}

static void op_out_uart(void)
{
	outb(PORT_UART, before);
}

static void op_mmio_ioapic(void)
{
	(void)*(volatile uint32_t *)(uint64_t)MMIO_IOAPIC;
}

static void op_mmio_nobody(void)
{
	(void)*(volatile uint32_t *)(uint64_t)MMIO_NOBODY;
}

const struct probe probes_port[] = {
	{ "port_in_pic", PROBE_BOTH | PROBE_L2, NULL, begin_pic, undo_pic,
	  .op = op_in_pic },
	{ "port_out_pic", PROBE_BOTH, NULL, begin_pic, undo_pic,
	  .op = op_out_pic },
	{ "port_in_uart", PROBE_BOTH | PROBE_L2, missing_uart, begin_uart,
	  undo_uart, .op = op_in_uart },
	{ "port_out_uart", PROBE_BOTH, missing_uart, begin_uart, undo_uart,
	  .op = op_out_uart },
	{ "mmio_ioapic", PROBE_BOTH, .op = op_mmio_ioapic },
	{ "mmio_nobody", PROBE_BOTH | PROBE_L2, .op = op_mmio_nobody },
	{ .name = NULL },
};
