/* SPDX-License-Identifier: MIT */
/* The DMA engine: steps of the oracle, paced. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "vfio/device_priv.h"
#include "vfio/device_states.h"

/* So that messages are not left waiting. */
#define SLICE_NS NSEC_PER_MSEC
/* Quanta of the contract, and the lateness that is made good. */
#define QUANTUM_NS (10 * NSEC_PER_MSEC)
#define LATE_NS (15 * NSEC_PER_MSEC)
#define PATIENCE_MS 2000

bool device_engine_may(const struct vfio_device *d)
{
	bool may = device_state_has_dma(d->state);

	if (device_has_fault(d, FAULT_IGNORES_P2P))
		may |= d->state == MIG_STATE_RUNNING_P2P ||
		       d->state == MIG_STATE_PRE_COPY_P2P;
	if (device_has_fault(d, FAULT_DMA_AFTER_STOP))
		may |= d->state == MIG_STATE_STOP ||
		       d->state == MIG_STATE_STOP_COPY;
	return may && d->negotiated && device_pci_bus_master(&d->core.pci);
}

/* One message's worth. @reply_bytes: at least, with what follows @a. */
static int message_dma(struct vfio_device *d, uint16_t command,
		       const struct user_dma_access *a, const void *out,
		       void *in)
{
	const struct iovec iov[2] = { { (void *)a, sizeof(*a) },
				      { (void *)out, out ? a->count : 0 } };
	const struct user_payload p = { .iov = iov, .nr_iov = 2 };
	struct user_message reply;
	int rc = user_wire_call(d->wire, command, &p, &reply, PATIENCE_MS);

	if (rc)
		return rc == -EMSGSIZE ? rc : -ECONNRESET;
	user_message_close(&reply);
	if (user_message_error(&reply))
		return -EFAULT;
	if (!in)
		return 0;
	if (reply.payload_bytes < sizeof(*a) + a->count)
		return -EFAULT;
	memcpy(in, (const uint8_t *)reply.payload + sizeof(*a), a->count);
	return 0;
}

/* By messages no larger than the client takes. */
static int dma_by_messages(struct vfio_device *d, uint64_t gpa, const void *out,
			   void *in, size_t bytes)
{
	uint16_t command = out ? USER_DMA_WRITE : USER_DMA_READ;
	uint64_t most = d->peer.max_xfer_bytes;
	size_t at = 0;
	int rc = 0;

	while (!rc && at < bytes) {
		struct user_dma_access a = { gpa + at, bytes - at };

		if (a.count > most)
			a.count = most;
		rc = message_dma(d, command, &a,
				 out ? (const uint8_t *)out + at : NULL,
				 in ? (uint8_t *)in + at : NULL);
		at += a.count;
	}
	return rc;
}

/* 0; -EFAULT: not mapped, refused or gone; -ECONNRESET: so is the client. */
static int dma_write(struct vfio_device *d, uint64_t gpa, const void *data,
		     size_t bytes)
{
	const struct dma_region *r =
		dma_table_find(&d->dma, gpa, bytes, USER_DMA_WRITEABLE);
	int rc;

	if (!r)
		return -EFAULT;
	rc = r->hva ? dma_region_write(r, gpa, data, bytes)
		    : dma_by_messages(d, gpa, data, NULL, bytes);
	if (rc)
		return rc;
	if (++d->engine.nr_writes % 16 == 1 &&
	    device_has_fault(d, FAULT_MISSED_DIRTY))
		return 0;
	dma_log_mark(&d->log, gpa, bytes);
	if (device_has_fault(d, FAULT_EXTRA_DIRTY))
		dma_log_mark(&d->log, gpa + LOG_PAGE_BYTES, bytes);
	return 0;
}

static int dma_read(struct vfio_device *d, uint64_t gpa, void *data,
		    size_t bytes)
{
	const struct dma_region *r =
		dma_table_find(&d->dma, gpa, bytes, USER_DMA_READABLE);

	if (!r)
		return -EFAULT;
	return r->hva ? dma_region_read(r, gpa, data, bytes)
		      : dma_by_messages(d, gpa, NULL, data, bytes);
}

static int fail_dma(struct vfio_device *d, uint64_t gpa, int rc)
{
	if (rc != -EFAULT)
		return rc;
	d->core.regs.status = ABI_DMA_ERROR;
	d->core.regs.error = ABI_DMA_ERROR_ACCESS;
	d->core.regs.error_gpa = gpa;
	device_raise(d, ABI_DMA_VECTOR_EVENT);
	return 0;
}

static void hold(struct vfio_device *d, uint64_t gfn, uint64_t visit)
{
	struct abi_dma_regs *r = &d->core.regs;

	r->status = ABI_DMA_HELD;
	r->bad_gfn = gfn;
	r->bad_visit = visit;
	r->nr_bad++;
	device_raise(d, ABI_DMA_VECTOR_EVENT);
}

/* Is the page what the step before left? Holds if not. */
static int check_page(struct vfio_device *d, uint64_t gfn, uint64_t visit)
{
	struct abi_dma_regs *r = &d->core.regs;
	uint8_t page[ABI_PAGE_BYTES] __attribute__((aligned(64)));
	int rc;

	if (!(r->control & ABI_DMA_CONTROL_CHECK) || d->core.released)
		return 0;
	rc = dma_read(d, gfn << ABI_PAGE_SHIFT, page, sizeof(page));
	if (rc)
		return fail_dma(d, gfn << ABI_PAGE_SHIFT, rc);
	r->pages_checked++;
	if (!oracle_page_ok(&r->oracle, gfn, visit - 1, page))
		hold(d, gfn, visit - 1);
	return 0;
}

static void interrupt(struct vfio_device *d)
{
	struct abi_dma_regs *r = &d->core.regs;

	if (!r->irq_every || ++d->core.irq_steps < r->irq_every ||
	    d->core.irq_unanswered)
		return;
	d->core.irq_steps = 0;
	d->core.irq_unanswered = 1;
	r->irqs_raised++;
	device_raise(d, ABI_DMA_VECTOR_STEPS);
}

/* The page, and then the counter. */
static int write_page(struct vfio_device *d, uint64_t gfn, uint64_t visit)
{
	struct abi_dma_regs *r = &d->core.regs;
	uint8_t page[ABI_PAGE_BYTES] __attribute__((aligned(64)));
	uint64_t steps = r->steps + 1;
	int rc;

	oracle_page(&r->oracle, gfn, visit, page);
	rc = dma_write(d, gfn << ABI_PAGE_SHIFT, page, sizeof(page));
	if (rc)
		return fail_dma(d, gfn << ABI_PAGE_SHIFT, rc);
	r->pages_written++;
	rc = dma_write(d, r->counter_gpa, &steps, sizeof(steps));
	if (rc)
		return fail_dma(d, r->counter_gpa, rc);
	r->steps = steps;
	d->core.released = 0;
	interrupt(d);
	return 0;
}

static int step(struct vfio_device *d)
{
	struct abi_dma_regs *r = &d->core.regs;
	struct oracle_cursor c;
	uint64_t gfn, visit;
	int rc;

	if (!d->engine.seeked)
		oracle_cursor_seek(&d->engine.cursor, &r->oracle, r->worker,
				   NULL, r->steps);
	d->engine.seeked = true;
	c = d->engine.cursor;
	gfn = oracle_gfn(&r->oracle,
			 oracle_cursor_next(&c, &r->oracle, &visit));
	rc = check_page(d, gfn, visit);
	if (rc || r->status != ABI_DMA_RUNNING)
		return rc;
	rc = write_page(d, gfn, visit);
	if (!rc && r->status == ABI_DMA_RUNNING)
		d->engine.cursor = c;
	return rc;
}

/* The bytes that may be written by now. */
static void earn(struct vfio_device *d, uint64_t now)
{
	struct device_engine *e = &d->engine;
	uint64_t rate = d->core.regs.rate_bytes_per_s, most;
	uint64_t ns = now - e->last_ns < LATE_NS ? now - e->last_ns : LATE_NS;

	e->last_ns = now;
	/* Beyond any memory's rate; and the product stays in range. */
	if (rate > 1ull << 40)
		rate = 1ull << 40;
	e->budget_bytes += rate * ns / NSEC_PER_SEC;
	most = rate * LATE_NS / NSEC_PER_SEC + ABI_PAGE_BYTES;
	if (e->budget_bytes > most)
		e->budget_bytes = most;
}

static uint64_t wait_for_page(const struct vfio_device *d)
{
	uint64_t need = ABI_PAGE_BYTES - d->engine.budget_bytes;
	uint64_t rate = d->core.regs.rate_bytes_per_s, ns;

	ns = rate > 1ull << 40 ? 0 : need * NSEC_PER_SEC / rate;
	if (ns > QUANTUM_NS)
		return QUANTUM_NS;
	return ns < NSEC_PER_MSEC ? NSEC_PER_MSEC : ns;
}

int device_engine_run(struct vfio_device *d, uint64_t *ret_wait_ns)
{
	struct device_engine *e = &d->engine;
	const struct abi_dma_regs *r = &d->core.regs;
	uint64_t now = clock_now_ns(), end = now + SLICE_NS;
	int rc = 0;

	*ret_wait_ns = UINT64_MAX;
	if (!device_engine_may(d) || r->status != ABI_DMA_RUNNING) {
		e->last_ns = now;
		return 0;
	}
	earn(d, now);
	while (!rc && r->status == ABI_DMA_RUNNING && clock_now_ns() < end) {
		if (r->rate_bytes_per_s) {
			if (e->budget_bytes < ABI_PAGE_BYTES)
				break;
			e->budget_bytes -= ABI_PAGE_BYTES;
		}
		rc = step(d);
	}
	if (r->status != ABI_DMA_RUNNING)
		return rc;
	*ret_wait_ns = 0;
	if (r->rate_bytes_per_s && e->budget_bytes < ABI_PAGE_BYTES)
		*ret_wait_ns = wait_for_page(d);
	return rc;
}
