/* SPDX-License-Identifier: MIT */
/*
 * The registers of a device with many queues, as the guest sees them, and what
 * of them is in the memory map.
 *
 * Whatever a guest writes, the registers hold something legal afterwards: what
 * is not is not taken, and reads back as it was.
 * Source: OASIS, VIRTIO 1.2, 4.1.4.3, as far as abi/queues.h takes it over.
 */
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "vmm/queues_impl.h"
#include "vmm/vm_map.h"

#define QUEUE_SIZE 256u

/* The one that is selected; NULL: there is none of that number. */
static struct queue_registers *selected(struct queues_device *d)
{
	return d->state.queue_select < d->state.nr_queues
		       ? &d->state.queue[d->state.queue_select]
		       : NULL;
}

void queues_clear(struct queues_device *d)
{
	struct queues_state *s = &d->state;
	uint64_t count;
	unsigned int i;

	*s = (struct queues_state){
		.kind = s->kind,
		.nr_queues = s->nr_queues,
		.config_vector = ABI_QUEUES_NO_VECTOR,
	};
	for (i = 0; i < s->nr_queues; i++) {
		s->queue[i].size = QUEUE_SIZE;
		s->queue[i].vector = ABI_QUEUES_NO_VECTOR;
		/* A kick that was on its way has nobody to serve it. */
		if (d->queue[i].kick >= 0 &&
		    read(d->queue[i].kick, &count, sizeof(count)) < 0)
			continue;
	}
}

static bool rings(const struct queues_state *s, unsigned int i)
{
	return s->queue[i].enabled && s->status & ABI_QUEUES_STATUS_DRIVER_OK;
}

void queues_find_tallies(void *ctx)
{
	struct queues_device *d = ctx;
	unsigned int i;

	pthread_mutex_lock(&d->lock);
	for (i = 0; i < d->state.nr_queues; i++)
		d->queue[i].tally =
			d->state.queue[i].enabled
				? vm_ram_at(d->vm, d->state.queue[i].device,
					    sizeof(struct abi_queue_tally))
				: NULL;
	pthread_mutex_unlock(&d->lock);
}

int queues_update(struct queues_device *d)
{
	bool wanted[ABI_QUEUES_MAX] = { false };
	unsigned int i;
	int rc = 0, one;

	pthread_mutex_lock(&d->lock);
	for (i = 0; i < d->state.nr_queues; i++)
		wanted[i] = rings(&d->state, i);
	pthread_mutex_unlock(&d->lock);
	for (i = 0; i < d->state.nr_queues; i++) {
		const struct memmap_eventfd e = {
			.offset = i * QUEUES_NOTIFY_STEP,
			.bytes = 2,
			.fd = d->queue[i].kick,
		};

		if (wanted[i] == d->queue[i].rung)
			continue;
		one = wanted[i] ? memmap_add_eventfd(&d->notify.region, &e)
				: memmap_remove_eventfd(&d->notify.region, &e);
		rc = rc ? rc : one;
		d->queue[i].rung = wanted[i];
	}
	memmap_defer(vm_map(d->vm), &d->find_tallies);
	return rc;
}

/* ---- the common configuration -------------------------------------------- */

static void show(struct queues_device *d, struct abi_queues_common *ret)
{
	const struct queue_registers *q = selected(d);
	const struct queues_state *s = &d->state;

	*ret = (struct abi_queues_common){
		.device_feature_select = s->device_feature_select,
		.driver_feature_select = s->driver_feature_select,
		.driver_feature =
			s->driver_feature_select < 2
				? (uint32_t)(s->driver_feature >>
					     32 * s->driver_feature_select)
				: 0,
		.config_vector = s->config_vector,
		.num_queues = s->nr_queues,
		.status = s->status,
		.queue_select = s->queue_select,
	};
	if (!q)
		return;
	ret->queue_size = q->size;
	ret->queue_vector = q->vector;
	ret->queue_enable = q->enabled;
	ret->queue_notify_off = s->queue_select;
	ret->queue_desc = q->desc;
	ret->queue_driver = q->driver;
	ret->queue_device = q->device;
}

static uint16_t legal_vector(const struct queues_device *d, uint16_t vector)
{
	return vector <= d->state.nr_queues ? vector : ABI_QUEUES_NO_VECTOR;
}

static void set_feature_selects(struct queues_device *d,
				const struct abi_queues_common *c)
{
	d->state.device_feature_select = c->device_feature_select;
	d->state.driver_feature_select = c->driver_feature_select;
}

static void set_driver_feature(struct queues_device *d,
			       const struct abi_queues_common *c)
{
	unsigned int shift = 32 * (d->state.driver_feature_select & 1);

	if (d->state.driver_feature_select > 1)
		return;
	d->state.driver_feature &= ~(0xffffffffull << shift);
	d->state.driver_feature |= (uint64_t)c->driver_feature << shift;
}

static void set_config_vector(struct queues_device *d,
			      const struct abi_queues_common *c)
{
	d->state.config_vector = legal_vector(d, c->config_vector);
}

static void set_status(struct queues_device *d,
		       const struct abi_queues_common *c)
{
	if (c->status)
		d->state.status = c->status;
	else
		queues_clear(d);
}

static void set_queue_select(struct queues_device *d,
			     const struct abi_queues_common *c)
{
	d->state.queue_select = c->queue_select;
}

/* Only before the queue is enabled; its vector at any time. */
static void set_queue(struct queues_device *d,
		      const struct abi_queues_common *c)
{
	struct queue_registers *q = selected(d);

	if (!q)
		return;
	q->vector = legal_vector(d, c->queue_vector);
	if (q->enabled)
		return;
	if (c->queue_size && c->queue_size <= QUEUE_SIZE &&
	    !(c->queue_size & (c->queue_size - 1)))
		q->size = c->queue_size;
	q->desc = c->queue_desc;
	q->driver = c->queue_driver;
	/* Aligned, as the tally says: a write to it is one write. */
	q->device = c->queue_device &
		    ~(uint64_t)(sizeof(struct abi_queue_tally) - 1);
	if (c->queue_enable == 1) {
		q->enabled = 1;
		q->kicks = 0;
	}
}

#define PLACE(member)                                                          \
	offsetof(struct abi_queues_common, member),                            \
		sizeof(((struct abi_queues_common *)0)->member)

struct device_register {
	void (*set)(struct queues_device *d, const struct abi_queues_common *c);
	uint8_t offset, bytes;
	bool maps; /* what it says is in the memory map */
};

static const struct device_register registers[] = {
	{ set_feature_selects, PLACE(device_feature_select), false },
	{ set_feature_selects, PLACE(driver_feature_select), false },
	{ set_driver_feature, PLACE(driver_feature), false },
	{ set_config_vector, PLACE(config_vector), false },
	{ set_status, PLACE(status), true },
	{ set_queue_select, PLACE(queue_select), false },
	{ set_queue, PLACE(queue_size), false },
	{ set_queue, PLACE(queue_vector), false },
	{ set_queue, PLACE(queue_enable), true },
	{ set_queue, PLACE(queue_desc), false },
	{ set_queue, PLACE(queue_driver), false },
	{ set_queue, PLACE(queue_device), false },
};

static uint64_t read_common(void *ctx, uint64_t offset, unsigned int bytes)
{
	struct queues_device *d = ctx;
	struct abi_queues_common c;
	uint64_t value = 0;

	pthread_mutex_lock(&d->lock);
	show(d, &c);
	pthread_mutex_unlock(&d->lock);
	memcpy(&value, (const uint8_t *)&c + offset, bytes);
	return value;
}

/* Of a write that lies in one register; of others nothing happens. */
static void write_common(void *ctx, uint64_t offset, unsigned int bytes,
			 uint64_t value)
{
	struct queues_device *d = ctx;
	struct abi_queues_common c;
	size_t i;

	for (i = 0; i < sizeof(registers) / sizeof(registers[0]); i++)
		if (offset >= registers[i].offset &&
		    offset + bytes <=
			    registers[i].offset + (uint64_t)registers[i].bytes)
			break;
	if (i == sizeof(registers) / sizeof(registers[0]))
		return;
	memmap_begin(vm_map(d->vm));
	pthread_mutex_lock(&d->lock);
	show(d, &c);
	memcpy((uint8_t *)&c + offset, &value, bytes);
	registers[i].set(d, &c);
	pthread_mutex_unlock(&d->lock);
	if (registers[i].maps)
		queues_update(d);
	memmap_commit(vm_map(d->vm));
}

const struct io_ops queues_common_ops = { read_common, write_common };

/* ---- the others ----------------------------------------------------------- */

static uint64_t read_isr(void *ctx, uint64_t offset, unsigned int bytes)
{
	struct queues_device *d = ctx;
	uint8_t isr;

	pthread_mutex_lock(&d->lock);
	isr = d->state.isr;
	d->state.isr = 0;
	pthread_mutex_unlock(&d->lock);
	return isr;
}

const struct io_ops queues_isr_ops = { .read = read_isr };

/* Its kind and its number of queues: 32 bits each. */
static uint64_t read_config(void *ctx, uint64_t offset, unsigned int bytes)
{
	struct queues_device *d = ctx;
	const uint32_t config[2] = { d->state.kind, d->state.nr_queues };
	uint64_t value = 0;

	memcpy(&value, (const uint8_t *)config + offset, bytes);
	return value;
}

const struct io_ops queues_config_ops = { .read = read_config };

/* A write that is not as wide as KVM looks for: it counts all the same. */
static void write_notify(void *ctx, uint64_t offset, unsigned int bytes,
			 uint64_t value)
{
	struct queues_device *d = ctx;
	unsigned int i = (unsigned int)(offset / QUEUES_NOTIFY_STEP);
	const uint64_t one = 1;
	bool wanted;

	pthread_mutex_lock(&d->lock);
	wanted = i < d->state.nr_queues && rings(&d->state, i);
	pthread_mutex_unlock(&d->lock);
	/* Full, it has been rung often enough. */
	if (wanted && write(d->queue[i].kick, &one, sizeof(one)) < 0)
		return;
}

const struct io_ops queues_notify_ops = { .write = write_notify };
