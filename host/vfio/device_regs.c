/* SPDX-License-Identifier: MIT */
/* BAR 0: the registers of the DMA engine. */
#include <string.h>

#include "vfio/device_priv.h"

#define AT(field) offsetof(struct abi_dma_regs, field)

static bool is_read_only(uint64_t at)
{
	return at < AT(control) || at == AT(status) || at == AT(error) ||
	       at - AT(reserved0) < AT(oracle) - AT(reserved0) ||
	       at >= sizeof(struct abi_dma_regs);
}

static void start(struct vfio_device *d)
{
	struct abi_dma_regs *r = &d->core.regs;

	r->error = ABI_DMA_ERROR_NONE;
	d->core.irq_steps = 0;
	d->core.released = 0;
	d->engine.seeked = false;
	d->engine.budget_bytes = 0;
	r->status = ABI_DMA_RUNNING;
	if (abi_dma_regs_valid(r))
		return;
	r->status = ABI_DMA_ERROR;
	r->error = ABI_DMA_ERROR_PARAMETERS;
	device_raise(d, ABI_DMA_VECTOR_EVENT);
}

/* We are between two steps whenever a message is handled. */
static void write_control(struct vfio_device *d, uint32_t value)
{
	struct abi_dma_regs *r = &d->core.regs;
	bool ran = r->control & ABI_DMA_CONTROL_RUN;

	r->control = value & (ABI_DMA_CONTROL_RUN | ABI_DMA_CONTROL_CHECK);
	if (!(value & ABI_DMA_CONTROL_RUN))
		r->status = ABI_DMA_IDLE;
	else if (!ran || r->status == ABI_DMA_ERROR)
		start(d);
}

static void write_doorbell(struct vfio_device *d, uint32_t value)
{
	struct abi_dma_regs *r = &d->core.regs;

	r->doorbell = value;
	if (value != (uint32_t)r->irqs_raised)
		r->irqs_wrong++;
	d->core.irq_unanswered = 0;
}

static void write_release(struct vfio_device *d, uint32_t value)
{
	if (value != 1 || d->core.regs.status != ABI_DMA_HELD)
		return;
	d->core.released = 1;
	d->core.regs.status = ABI_DMA_RUNNING;
}

static void write_word(struct vfio_device *d, uint64_t at, uint32_t value)
{
	struct abi_dma_regs *r = &d->core.regs;

	if (is_read_only(at))
		return;
	if (at == AT(control)) {
		write_control(d, value);
	} else if (at == AT(doorbell)) {
		write_doorbell(d, value);
	} else if (at == AT(release)) {
		write_release(d, value);
	} else if (abi_dma_always_writable(at) || r->status == ABI_DMA_IDLE ||
		   r->status == ABI_DMA_ERROR) {
		memcpy((uint8_t *)r + at, &value, sizeof(value));
	}
}

static bool is_access(uint64_t offset, size_t bytes)
{
	return (bytes == 4 || bytes == 8) && !(offset % bytes);
}

void device_regs_read(const struct vfio_device *d, uint64_t offset, void *data,
		      size_t bytes)
{
	const size_t all = sizeof(d->core.regs);

	memset(data, 0, bytes);
	if (!is_access(offset, bytes) || offset >= all)
		return;
	memcpy(data, (const uint8_t *)&d->core.regs + offset,
	       bytes < all - offset ? bytes : all - offset);
}

void device_regs_write(struct vfio_device *d, uint64_t offset, const void *data,
		       size_t bytes)
{
	uint32_t word[2];

	if (!is_access(offset, bytes))
		return;
	memcpy(word, data, bytes);
	write_word(d, offset, word[0]);
	if (bytes == 8)
		write_word(d, offset + 4, word[1]);
}
