/* SPDX-License-Identifier: MIT */
/* What of a device with many queues moves: a table, saved and loaded by it. */
#include <errno.h>
#include <string.h>

#include "vmm/pci_proxy.h"
#include "vmm/queues_impl.h"

#define QUEUE(member, type, max)                                               \
	FIELD_NUMBER(struct queue_registers, member, type, 1, max)
#define STATE(member, type, max)                                               \
	FIELD_NUMBER(struct queues_state, member, type, 1, max)

static const struct field queue_field[] = {
	QUEUE(desc, FIELD_U64, 0),    QUEUE(driver, FIELD_U64, 0),
	QUEUE(device, FIELD_U64, 0),  QUEUE(kicks, FIELD_U64, 0),
	QUEUE(waiting, FIELD_U64, 0), QUEUE(size, FIELD_U16, 0),
	QUEUE(vector, FIELD_U16, 0),  QUEUE(enabled, FIELD_U8, 1),
};

static const struct fields queue_fields = {
	.name = "queue",
	.version = 1,
	.nr = sizeof(queue_field) / sizeof(queue_field[0]),
	.field = queue_field,
};

static const struct field state_field[] = {
	{ .name = "pci",
	  .type = FIELD_TABLE,
	  .since = 1,
	  .offset = offsetof(struct queues_state, pci),
	  .table = &pci_fields },
	STATE(kind, FIELD_U8, QUEUES_BLK),
	STATE(nr_queues, FIELD_U16, ABI_QUEUES_MAX),
	STATE(status, FIELD_U8, 0),
	STATE(isr, FIELD_U8, 1),
	STATE(config_vector, FIELD_U16, 0),
	STATE(queue_select, FIELD_U16, 0),
	STATE(device_feature_select, FIELD_U32, 0),
	STATE(driver_feature_select, FIELD_U32, 0),
	STATE(driver_feature, FIELD_U64, 0),
	{ .name = "queue",
	  .type = FIELD_LIST,
	  .since = 1,
	  .offset = offsetof(struct queues_state, queue),
	  .bytes = sizeof(struct queue_registers),
	  .table = &queue_fields,
	  .count = offsetof(struct queues_state, nr_queues),
	  .max_count = ABI_QUEUES_MAX },
};

const struct fields queues_fields = {
	.name = "queues",
	.version = 1,
	.nr = sizeof(state_field) / sizeof(state_field[0]),
	.field = state_field,
};

const struct fields *device_fields(const char *table, size_t *ret_bytes)
{
	if (!strcmp(table, pci_proxy_fields.name)) {
		*ret_bytes = sizeof(struct pci_proxy_state);
		return &pci_proxy_fields;
	}
	if (strcmp(table, queues_fields.name))
		return NULL;
	*ret_bytes = sizeof(struct queues_state);
	return &queues_fields;
}

int queues_save(struct device *device, struct buf *state)
{
	struct queues_device *d = queues_of(device);
	struct queues_state s;
	struct pci_state pci;

	/* A transaction: not within the lock. */
	pci_get_state(&d->pci, &pci);
	pthread_mutex_lock(&d->lock);
	s = d->state;
	pthread_mutex_unlock(&d->lock);
	s.pci = pci;
	return fields_save(&queues_fields, queues_fields.version, &s, state);
}

static bool vector_may_be(const struct queues_device *d, uint16_t vector)
{
	return vector <= d->state.nr_queues || vector == ABI_QUEUES_NO_VECTOR;
}

static const char *check(const struct queues_device *d,
			 const struct queues_state *s)
{
	unsigned int i;

	if (s->kind != d->state.kind)
		return "kind";
	if (s->nr_queues != d->state.nr_queues)
		return "nr_queues";
	if (!vector_may_be(d, s->config_vector))
		return "config_vector";
	for (i = 0; i < s->nr_queues; i++) {
		if (!vector_may_be(d, s->queue[i].vector))
			return "queue.vector";
		if (s->queue[i].device % sizeof(struct abi_queue_tally))
			return "queue.device";
		if (!s->queue[i].size ||
		    s->queue[i].size & (s->queue[i].size - 1))
			return "queue.size";
	}
	return NULL;
}

static int parse(struct queues_device *d, const uint8_t *state, size_t bytes,
		 struct queues_state *ret, struct error *err)
{
	const char *field;
	int rc = fields_load(&queues_fields, state, bytes, d->name, ret, err);

	if (rc)
		return rc;
	field = check(d, ret);
	if (field || pci_check_state(&d->pci, &ret->pci, &field))
		return error_set(err, -EPROTO,
				 "the state of %s: '%s' has a value that this "
				 "device cannot have",
				 d->name, field);
	return 0;
}

int queues_check(struct device *device, const uint8_t *state, size_t bytes,
		 struct error *err)
{
	struct queues_state s = { 0 };

	return parse(queues_of(device), state, bytes, &s, err);
}

int queues_load(struct device *device, const uint8_t *state, size_t bytes,
		struct error *err)
{
	struct queues_device *d = queues_of(device);
	struct queues_state s = { 0 };
	int rc = parse(d, state, bytes, &s, err), update;

	if (rc)
		return rc;
	/* The BARs first: a notify address of a BAR that is not there would
	 * come into the map only with it. */
	rc = pci_set_state(&d->pci, &s.pci);
	pthread_mutex_lock(&d->lock);
	d->state = s;
	pthread_mutex_unlock(&d->lock);
	update = queues_update(d);
	return rc ? rc : update;
}

int queues_reset(struct device *device)
{
	struct queues_device *d = queues_of(device);
	int rc = pci_reset(&d->pci), update;

	pthread_mutex_lock(&d->lock);
	queues_clear(d);
	pthread_mutex_unlock(&d->lock);
	update = queues_update(d);
	return rc ? rc : update;
}
