/* SPDX-License-Identifier: MIT */
/* Names for every value of the devices in a state. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/fields.h"
#include "vmm/state_teller.h"

/* For fields_tell(): which device it is of. */
struct device_teller {
	const struct teller *t;
	const char *device;
};

static void tell_device_field(void *ctx, const char *name, const void *value,
			      size_t bytes)
{
	const struct device_teller *d = ctx;
	char whole[120];

	snprintf(whole, sizeof(whole), "%.15s.%s", d->device, name);
	d->t->each(d->t->ctx, d->t->vcpu, whole, VM_VALUE_FIXED, value, bytes);
}

/* A table that we do not know: its bytes as they are. */
static int tell_device(const struct teller *t, const struct state_part *part,
		       struct error *err)
{
	struct device_teller d = { .t = t };
	struct state_device head;
	const struct fields *table;
	void *structure;
	size_t bytes;
	int rc;

	memcpy(&head, part->data, sizeof(head));
	head.name[sizeof(head.name) - 1] = head.table[sizeof(head.table) - 1] =
		'\0';
	d.device = head.name;
	table = device_fields(head.table, &bytes);
	if (!table) {
		tell_device_field(&d, "state", part->data + sizeof(head),
				  part->bytes - sizeof(head));
		return 0;
	}
	structure = calloc(1, bytes);
	if (!structure)
		return -ENOMEM;
	rc = fields_load(table, part->data + sizeof(head),
			 part->bytes - sizeof(head), head.name, structure, err);
	if (!rc)
		fields_tell(table, structure, tell_device_field, &d);
	free(structure);
	return rc;
}

int teller_devices(const struct teller *t, const struct state_view *v,
		   struct error *err)
{
	struct state_pci pci;
	uint32_t i;
	int rc = 0;

	if (!v->pci.data)
		return 0;
	memcpy(&pci, v->pci.data, sizeof(pci));
	t->each(t->ctx, t->vcpu, "pci.address", VM_VALUE_FIXED, &pci.address,
		sizeof(pci.address));
	for (i = 0; !rc && i < pci.nr_devices; i++)
		rc = tell_device(t, &v->device[i], err);
	return rc;
}
