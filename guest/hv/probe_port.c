/* SPDX-License-Identifier: MIT */
/* Probes of ports and device memory, answered in the kernel or by the VMM. */
#include "hv/probe.h"

#include "kern/console.h"

/* The PIC's mask: KVM's own PIC, wherever its irqchip is in the kernel. */
#define PORT_KERNEL 0x21u
/* The UART's scratch register, which does nothing: always the VMM's. */
#define PORT_USER 0x3ffu
/* The I/O APIC's index register, as the PIC; and where nobody is. */
#define MMIO_KERNEL 0xfec00000u
#define MMIO_USER 0xfed40000u

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

static void begin_kernel(void)
{
	before = inb(PORT_KERNEL);
	switch_port(PORT_KERNEL, true);
}

static void undo_kernel(void)
{
	outb(PORT_KERNEL, before);
	switch_port(PORT_KERNEL, false);
}

static void begin_user(void)
{
	before = inb(PORT_USER);
	switch_port(PORT_USER, true);
}

static void undo_user(void)
{
	outb(PORT_USER, before);
	switch_port(PORT_USER, false);
}

static void op_in_kernel(void)
{
	inb(PORT_KERNEL);
}

static void op_out_kernel(void)
{
	outb(PORT_KERNEL, before);
}

static void op_in_user(void)
{
	inb(PORT_USER);
}

static void op_out_user(void)
{
	outb(PORT_USER, before);
}

static void op_mmio_kernel(void)
{
	(void)*(volatile uint32_t *)(uint64_t)MMIO_KERNEL;
}

static void op_mmio_user(void)
{
	(void)*(volatile uint32_t *)(uint64_t)MMIO_USER;
}

const struct probe probes_port[] = {
	{ "port_in_kernel", PROBE_BOTH, NULL, begin_kernel, undo_kernel,
	  .op = op_in_kernel },
	{ "port_out_kernel", PROBE_BOTH, NULL, begin_kernel, undo_kernel,
	  .op = op_out_kernel },
	{ "port_in_user", PROBE_BOTH, missing_uart, begin_user, undo_user,
	  .op = op_in_user },
	{ "port_out_user", PROBE_BOTH, missing_uart, begin_user, undo_user,
	  .op = op_out_user },
	{ "mmio_kernel", PROBE_BOTH, .op = op_mmio_kernel },
	{ "mmio_user", PROBE_BOTH, .op = op_mmio_user },
	{ .name = NULL },
};
