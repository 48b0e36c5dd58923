/* SPDX-License-Identifier: MIT */
/*
 * The DMA engine: a PCI device that writes guest memory as a vCPU's workload
 * does, so that the oracle knows each of its pages too. What the guest's driver
 * and the device's model agree on beyond PCI itself.
 *
 * The device is a *worker* of the epoch (oracle.h): vCPUs are workers 0, 1, ...
 * (oracle.nr_vcpus counts all workers), the DMA engines come behind them, each
 * with its slice of the working set, its order in that slice, and its step
 * counter, which lies in the control area behind the vCPUs' (struct abi_vcpu,
 * line nr_vcpus + n). Whoever verifies needs to know nothing of devices.
 *
 * What the device does, while it runs (STATUS is RUNNING):
 *
 *	oracle_cursor_seek(&c, &regs.oracle, regs.worker, NULL, regs.steps);
 *	for each step, paced by rate_bytes_per_s:
 *		index = oracle_cursor_next(&c, &regs.oracle, &visit);
 *		gfn = oracle_gfn(&regs.oracle, index);
 *		if CONTROL has CHECK: read the page; unless
 *			oracle_page_ok(&regs.oracle, gfn, visit - 1, page): HOLD
 *		make the page oracle_page(&regs.oracle, gfn, visit), by DMA
 *		regs.steps++, and store it at counter_gpa, by DMA
 *		each irq_every steps: interrupt (below)
 *
 * - There are no changes of order for a device: it keeps order[0] (hence the
 *   NULL), and the rests of ORACLE_BURST are not its own.
 * - The fill (visit 0) is the driver's. The device begins at step 1.
 * - To write all 4096 bytes or only those that the visit renews
 *   (oracle_write_visit()) is the same: the page is then the same.
 * - *Page first, then counter*: the page's bytes are all in guest memory before
 *   the 8 bytes of the counter are stored, in one piece, little endian. Where
 *   DMA goes by messages: the page's write has been answered before the
 *   counter's is sent. So a device that is frozen has at most one page, that of
 *   its next step, ahead of the counter or half written. One that is stopped in
 *   order (CONTROL without RUN, or a migration state that allows no DMA) ends
 *   between two steps, with the counter stored, before it says that it stopped.
 * - Dirty logging: the page *and* the counter's page are dirty. A page's bit is
 *   set after its bytes are stored: set before, a report may clear it and have
 *   the old bytes copied. Before the device says that it stopped, all bits are
 *   set.
 * - Addresses are guest-physical: the working set lies in RAM, the counter in
 *   the control area, which may be a mapping of its own. Both must be mapped
 *   for DMA (and be in the ranges of dirty logging). A DMA that fails: STATUS
 *   becomes ERROR, `steps` stays at what was made, error_gpa says where.
 * - Pace: steps * 4096 bytes at rate_bytes_per_s, in quanta of at most 10 ms.
 *   Time in which the device was stopped or held is not caught up, and of other
 *   delays no more than 15 ms.
 *
 * HOLD: the page is not what the step before left. STATUS becomes HELD, bad_gfn
 * and bad_visit say which page and what it should have held, nr_bad goes up by
 * one, ABI_DMA_VECTOR_EVENT is raised, and nothing is written: the driver looks
 * at the damage. Then it writes 1 to `release`: the device writes the page,
 * unchecked, and goes on. Stopped while held, the device stays at that step.
 *
 * Interrupts. ABI_DMA_VECTOR_STEPS is raised when irq_every steps (0 = never)
 * have been made since it was raised last, or since RUN was set if that is
 * later, *and* the driver has answered the last one: irqs_raised goes up by
 * one, then the vector is raised. The driver answers each with a write to
 * `doorbell` of how many it has had since irqs_raised was 0 (low 32 bits). A
 * number that is not irqs_raised means that one was lost or doubled: the
 * device counts it in irqs_wrong, and takes it as an answer. So none is ever
 * merged with another, and both sides know the count. ABI_DMA_VECTOR_EVENT is
 * raised once when STATUS becomes HELD or ERROR.
 *
 * Registers: BAR 0, struct abi_dma_regs, little endian. Accesses are aligned
 * and of 4 or 8 bytes; of a field of 8 bytes the halves may come by themselves,
 * of two fields of 4 both at once. Any other access reads zero and writes
 * nothing. RO: writes are ignored. RW: always. IDLE: writes are ignored unless
 * STATUS is IDLE or ERROR.
 *
 * CONTROL: setting RUN (it was 0, or STATUS is ERROR) starts the device at
 * `steps`: abi_dma_regs_valid() is asked, and what it refuses is ERROR with
 * ABI_DMA_ERROR_PARAMETERS. Clearing RUN stops the device in order, also out of
 * HELD and ERROR; the write may be answered before that, STATUS then says
 * STOPPING: the driver reads it until it is IDLE. CHECK may be changed at any
 * time. With bus mastering off (PCI command register) or in a migration state
 * without DMA the device rests, STATUS as before.
 *
 * Reset (of the device or of its migration state): all registers zero but the
 * first three.
 *
 * BAR 1: MSI-X, table at 0, pending bits at ABI_DMA_PBA_OFFSET.
 * BAR 2: ABI_DMA_MEMORY_BYTES of memory that means nothing to the device, which
 * may be mapped into the guest. It moves with the state: the guest writes there
 * and looks whether it has stayed. A device without it has no BAR 2.
 *
 * State that moves: all registers, BAR 2, what PCI has (command, BARs, MSI-X);
 * steps made since the last interrupt and whether it was answered.
 */
#ifndef VMFERRY_ABI_DMA_H
#define VMFERRY_ABI_DMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi.h"
#include "oracle.h"

#define ABI_DMA_VENDOR 0x1234u
#define ABI_DMA_DEVICE 0xfe10u
#define ABI_DMA_CLASS 0x088000u /* base system peripheral, other */

#define ABI_DMA_BAR_REGS 0u
#define ABI_DMA_BAR_MSIX 1u
#define ABI_DMA_BAR_MEMORY 2u
#define ABI_DMA_REGS_BYTES 4096u
#define ABI_DMA_MSIX_BYTES 4096u
#define ABI_DMA_PBA_OFFSET 2048u
#define ABI_DMA_MEMORY_BYTES 65536u

#define ABI_DMA_VECTOR_STEPS 0u
#define ABI_DMA_VECTOR_EVENT 1u
#define ABI_DMA_NR_VECTORS 2u

#define ABI_DMA_MAGIC 0x31414d4459525246ull /* "FRRYDMA1" */
#define ABI_DMA_VERSION 1u

#define ABI_DMA_CONTROL_RUN 1u
#define ABI_DMA_CONTROL_CHECK 2u

enum abi_dma_status {
	ABI_DMA_IDLE = 0,
	ABI_DMA_RUNNING = 1,
	ABI_DMA_HELD = 2,
	ABI_DMA_STOPPING = 3,
	ABI_DMA_ERROR = 4,
};

enum abi_dma_error {
	ABI_DMA_ERROR_NONE = 0,
	ABI_DMA_ERROR_PARAMETERS = 1, /* RUN refused */
	ABI_DMA_ERROR_ACCESS = 2, /* a DMA failed, at error_gpa */
};

struct abi_dma_regs {
	uint64_t magic; /* RO */
	uint32_t version; /* RO */
	uint32_t nr_vectors; /* RO: ABI_DMA_NR_VECTORS */
	uint32_t control; /* RW: ABI_DMA_CONTROL_* */
	uint32_t status; /* RO: enum abi_dma_status */
	uint32_t error; /* RO: enum abi_dma_error; RUN clears it */
	uint32_t irq_every; /* RW: steps; 0 = no interrupts */
	uint64_t rate_bytes_per_s; /* RW: 0 = as fast as it goes */
	uint64_t counter_gpa; /* IDLE: a multiple of 8 */
	uint64_t steps; /* IDLE: made so far; the driver writes 0 for a new
			 * epoch */
	uint32_t worker; /* IDLE: below oracle.nr_vcpus */
	uint32_t doorbell; /* RW: interrupts had; reads as written last */
	uint32_t release; /* RW: 1 = go on after HELD; reads as 0 */
	uint32_t reserved0;
	uint64_t irqs_raised; /* RO: ABI_DMA_VECTOR_STEPS, since reset */
	uint64_t irqs_wrong; /* RO: answers that did not fit, since reset */
	uint64_t nr_bad; /* RO: holds, since reset */
	uint64_t bad_gfn; /* RO: of the last hold */
	uint64_t bad_visit; /* RO: what it should have held */
	uint64_t error_gpa; /* RO */
	uint64_t pages_written; /* RO: since reset */
	uint64_t pages_checked; /* RO: since reset */
	uint64_t reserved1[12];
	/* IDLE: the epoch. Its ranges are the region table. */
	struct oracle oracle;
};

/* May the device start? All fields are the guest's, and hostile. */
static inline bool abi_dma_regs_valid(const struct abi_dma_regs *r)
{
	return oracle_valid(&r->oracle) && r->worker < r->oracle.nr_vcpus &&
	       oracle_slice(&r->oracle, r->worker).nr_pages &&
	       !(r->counter_gpa % 8) &&
	       r->counter_gpa < 1ull << (ORACLE_GFN_BITS + ABI_PAGE_SHIFT) &&
	       !(r->steps >> ORACLE_VISIT_BITS);
}

/* May the driver write this register while STATUS is not IDLE or ERROR? */
static inline bool abi_dma_always_writable(uint64_t offset)
{
	return offset == offsetof(struct abi_dma_regs, control) ||
	       offset == offsetof(struct abi_dma_regs, irq_every) ||
	       offset - offsetof(struct abi_dma_regs, rate_bytes_per_s) < 8 ||
	       offset == offsetof(struct abi_dma_regs, doorbell) ||
	       offset == offsetof(struct abi_dma_regs, release);
}

_Static_assert(sizeof(struct oracle) == 304, "in registers");
_Static_assert(offsetof(struct abi_dma_regs, control) == 16, "ABI");
_Static_assert(offsetof(struct abi_dma_regs, counter_gpa) == 40, "ABI");
_Static_assert(offsetof(struct abi_dma_regs, irqs_raised) == 72, "ABI");
_Static_assert(offsetof(struct abi_dma_regs, oracle) == 232, "ABI");
_Static_assert(sizeof(struct abi_dma_regs) <= ABI_DMA_REGS_BYTES, "one page");

#endif
