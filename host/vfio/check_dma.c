/* SPDX-License-Identifier: MIT */
/* DMA and interrupts: where the device may write, and when. Our engine's, whose
 * every write is known. */
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "vfio/check_priv.h"

#define NEEDS (CHECK_DESTRUCTIVE | CHECK_NEEDS_ENGINE | CHECK_NEEDS_MIGRATION)
#define BOTH (USER_DMA_READABLE | USER_DMA_WRITEABLE)
/* As long as a device must keep still to be believed. */
#define STILL_NS (25 * NSEC_PER_MSEC)

static bool run_engine(struct check_run *r, uint64_t steps)
{
	return check_engine_control(r, ABI_DMA_CONTROL_RUN) &&
	       check_engine_wait(r, steps);
}

static void run_writes(struct check_run *r, const struct check_case *c)
{
	if (check_engine_init(r, false, BOTH) &&
	    check_engine_control(r,
				 ABI_DMA_CONTROL_RUN | ABI_DMA_CONTROL_CHECK) &&
	    check_engine_wait(r, 150) && check_engine_control(r, 0))
		check_engine_memory(r);
}

static void run_messages(struct check_run *r, const struct check_case *c)
{
	if (check_engine_init(r, true, BOTH) &&
	    check_engine_control(r,
				 ABI_DMA_CONTROL_RUN | ABI_DMA_CONTROL_CHECK) &&
	    check_engine_wait(r, 40) && check_engine_control(r, 0) &&
	    check_engine_memory(r))
		check_that(r, r->dma_writes && r->dma_reads,
			   "no messages came for memory without descriptor");
}

static bool is_still(struct check_run *r, const char *where)
{
	uint64_t before = check_engine_counter(r), after, steps;

	clock_sleep_until_ns(clock_now_ns() + STILL_NS);
	/* On a busy machine: the device has its turn between two answers. */
	if (!check_engine_reg(r, ENGINE_REG(steps), 8, &steps) ||
	    !check_engine_reg(r, ENGINE_REG(steps), 8, &steps))
		return false;
	after = check_engine_counter(r);
	return check_that(r, before == after, "%llu pages were written in %s",
			  (unsigned long long)(after - before), where);
}

/* Still in the state, and as far as it says. */
static void still_in(struct check_run *r, const uint32_t *states,
		     unsigned int nr)
{
	unsigned int i;
	uint64_t steps;

	if (!check_engine_init(r, false, BOTH) ||
	    !check_engine_control(r, ABI_DMA_CONTROL_RUN))
		return;
	for (i = 0; i < nr; i++) {
		if (!check_state_exists(r, states[i]))
			continue;
		if (!check_engine_wait(r, check_engine_counter(r) + 5) ||
		    !check_enter(r, states[i]) ||
		    !is_still(r, check_mig_state_name(states[i])) ||
		    !check_ok(r, r->port->set_state(r, MIG_STATE_RUNNING),
			      "back to RUNNING"))
			return;
	}
	if (!check_engine_control(r, 0) ||
	    !check_engine_reg(r, ENGINE_REG(steps), 8, &steps) ||
	    !check_engine_memory(r))
		return;
	check_that(r, steps == check_engine_counter(r),
		   "its register and its counter in memory differ");
}

static void run_stopped(struct check_run *r, const struct check_case *c)
{
	static const uint32_t states[] = { MIG_STATE_STOP,
					   MIG_STATE_STOP_COPY };

	still_in(r, states, 2);
}

static void run_p2p(struct check_run *r, const struct check_case *c)
{
	static const uint32_t states[] = { MIG_STATE_RUNNING_P2P,
					   MIG_STATE_PRE_COPY_P2P };

	still_in(r, states, 2);
}

static void run_unmap(struct check_run *r, const struct check_case *c)
{
	if (check_engine_init(r, false, BOTH) && run_engine(r, 20) &&
	    check_ok(r, r->port->unmap(r, ENGINE_BASE, ENGINE_BYTES),
		     "DMA_UNMAP"))
		is_still(r, "memory that was unmapped");
}

static void run_read_only(struct check_run *r, const struct check_case *c)
{
	uint64_t status;

	if (!check_engine_init(r, false, USER_DMA_READABLE) ||
	    !check_engine_control(r, ABI_DMA_CONTROL_RUN))
		return;
	if (is_still(r, "memory that may be read only") &&
	    check_engine_reg(r, ENGINE_REG(status), 4, &status))
		check_that(r, status == ABI_DMA_ERROR, "its status is %llu",
			   (unsigned long long)status);
}

static void run_bus(struct check_run *r, const struct check_case *c)
{
	const uint16_t command = 2;

	if (check_engine_init(r, false, BOTH) && run_engine(r, 10) &&
	    check_ok(r,
		     r->port->region_write(r, VFIO_PCI_CONFIG_REGION_INDEX, 4,
					   &command, sizeof(command)),
		     "bus mastering off"))
		is_still(r, "spite of bus mastering being off");
}

/* Where it was when it was saved, it goes on when it is loaded. */
static void run_moves(struct check_run *r, const struct check_case *c)
{
	struct check_blob b = { NULL, 0, 0 };
	uint64_t at;

	if (!check_engine_init(r, false, BOTH) || !run_engine(r, 30) ||
	    !check_save(r, &b))
		goto free;
	at = check_engine_counter(r);
	if (!check_loads(r, &b, "the stream") ||
	    !check_ok(r, r->port->set_state(r, MIG_STATE_RUNNING),
		      "STOP to RUNNING") ||
	    !check_engine_wait(r, at + 30) || !check_engine_control(r, 0))
		goto free;
	check_engine_memory(r);
free:
	check_blob_free(&b);
}

#define NR_TRIGGERS 16u

static bool trigger(struct check_run *r)
{
	const struct user_irq_set set = { sizeof(set),
					  VFIO_IRQ_SET_DATA_NONE |
						  VFIO_IRQ_SET_ACTION_TRIGGER,
					  VFIO_PCI_MSIX_IRQ_INDEX, 0, 1 };

	return check_ok(r,
			check_user_call(r, USER_SET_IRQS, &set, sizeof(set),
					NULL, 0, NULL, 0),
			"triggering an interrupt");
}

/* On any device: the client may trigger an interrupt itself. */
static void run_trigger(struct check_run *r, const struct check_case *c)
{
	const struct user_irq_set set = { sizeof(set),
					  VFIO_IRQ_SET_DATA_EVENTFD |
						  VFIO_IRQ_SET_ACTION_TRIGGER,
					  VFIO_PCI_MSIX_IRQ_INDEX, 0, 1 };
	struct vfio_irq_info info = { .argsz = sizeof(info),
				      .index = VFIO_PCI_MSIX_IRQ_INDEX };
	struct pollfd p = { .events = POLLIN };
	uint64_t n;
	unsigned int i;

	if (!check_ok(r,
		      check_user_call(r, USER_GET_IRQ_INFO, &info, sizeof(info),
				      NULL, 0, NULL, 0),
		      "GET_IRQ_INFO"))
		return;
	if (r->reply.payload_bytes < sizeof(info) ||
	    !((const struct vfio_irq_info *)r->reply.payload)->count)
		return check_skip(r, "no MSI-X");
	p.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p.fd < 0)
		return check_skip(r, "no eventfd");
	if (check_ok(r,
		     check_user_call(r, USER_SET_IRQS, &set, sizeof(set), NULL,
				     0, &p.fd, 1),
		     "SET_IRQS with an eventfd"))
		for (i = 0; i < NR_TRIGGERS && trigger(r); i++)
			if (!check_that(r,
					poll(&p, 1, 1000) == 1 &&
						read(p.fd, &n, sizeof(n)) > 0,
					"trigger %u of %u did not come", i + 1,
					NR_TRIGGERS))
				break;
	close(p.fd);
}

const struct check_case check_dma_cases[] = {
	CHECK_CASE(
		"dma.writes",
		"guest/abi/dma.h: each page is what the oracle says, page first, "
		"then counter",
		CHECK_MUST, NEEDS, run_writes),
	CHECK_CASE(
		"dma.messages",
		"vfio-user, DMA_MAP without descriptor: by DMA_READ and DMA_WRITE",
		CHECK_MUST, NEEDS | CHECK_NEEDS_USER, run_messages),
	CHECK_CASE(
		"dma.stopped",
		"linux/vfio.h, STOP and STOP_COPY: the device changes neither "
		"inner nor outer state",
		CHECK_MUST, NEEDS, run_stopped),
	CHECK_CASE(
		"dma.p2p",
		"linux/vfio.h, RUNNING_P2P and PRE_COPY_P2P: the device starts no "
		"transaction",
		CHECK_MUST, NEEDS | CHECK_NEEDS_P2P, run_p2p),
	CHECK_CASE(
		"dma.unmapped",
		"vfio-user, DMA_UNMAP: all references are released before the "
		"reply",
		CHECK_MUST, NEEDS, run_unmap),
	CHECK_CASE("dma.read-only",
		   "vfio-user, DMA_MAP: memory without the flag is not written",
		   CHECK_MUST, NEEDS | CHECK_NEEDS_USER, run_read_only),
	CHECK_CASE("dma.bus-master",
		   "PCI Local Bus 3.0, 6.2.2: without bus mastering no DMA",
		   CHECK_MUST, NEEDS, run_bus),
	CHECK_CASE("dma.moves",
		   "guest/abi/dma.h: the engine goes on where it was saved",
		   CHECK_MUST, NEEDS | CHECK_NEEDS_STREAM, run_moves),
	CHECK_CASE("irq.trigger",
		   "vfio-user, SET_IRQS: each trigger signals the eventfd",
		   CHECK_MUST, CHECK_DESTRUCTIVE | CHECK_NEEDS_USER,
		   run_trigger),
};
const size_t check_dma_nr =
	sizeof(check_dma_cases) / sizeof(check_dma_cases[0]);
