/* SPDX-License-Identifier: MIT */
/* What of a PCI proxy moves with the machine. */
#include <errno.h>
#include <string.h>

#include "vmm/pci_impl.h"
#include "vmm/pci_proxy_impl.h"

#define BYTES(n)                                                               \
	{                                                                      \
		.name = "bar" #n "_bytes", .type = FIELD_U64, .since = 1,      \
		.offset = offsetof(struct pci_proxy_state, bar_bytes[n])       \
	}

static const struct field state_field[] = {
	{ .name = "pci",
	  .type = FIELD_TABLE,
	  .since = 1,
	  .offset = offsetof(struct pci_proxy_state, pci),
	  .table = &pci_fields },
	FIELD_NUMBER(struct pci_proxy_state, vendor, FIELD_U16, 1, 0),
	FIELD_NUMBER(struct pci_proxy_state, device, FIELD_U16, 1, 0),
	BYTES(0),
	BYTES(1),
	BYTES(2),
	BYTES(3),
	BYTES(4),
	BYTES(5),
};

const struct fields pci_proxy_fields = {
	.name = "proxy",
	.version = 1,
	.nr = sizeof(state_field) / sizeof(state_field[0]),
	.field = state_field,
};

static void get_state(struct pci_proxy *p, struct pci_proxy_state *s)
{
	unsigned int i;

	pci_get_state(&p->pci, &s->pci);
	s->vendor = config_get16(&p->pci, CONFIG_VENDOR);
	s->device = config_get16(&p->pci, CONFIG_DEVICE);
	for (i = 0; i < PCI_NR_BARS; i++)
		s->bar_bytes[i] = p->bar[i].bytes;
}

int proxy_save(struct device *device, struct buf *state)
{
	struct pci_proxy_state s;

	get_state(proxy_of(device), &s);
	return fields_save(&pci_proxy_fields, pci_proxy_fields.version, &s,
			   state);
}

static const char *differing(const struct pci_proxy *p,
			     const struct pci_proxy_state *s)
{
	static const char *const bars[PCI_NR_BARS] = {
		"bar0_bytes", "bar1_bytes", "bar2_bytes",
		"bar3_bytes", "bar4_bytes", "bar5_bytes",
	};
	unsigned int i;

	if (s->vendor != config_get16(&p->pci, CONFIG_VENDOR))
		return "vendor";
	if (s->device != config_get16(&p->pci, CONFIG_DEVICE))
		return "device";
	for (i = 0; i < PCI_NR_BARS; i++)
		if (s->bar_bytes[i] != p->bar[i].bytes)
			return bars[i];
	return NULL;
}

static int parse(struct pci_proxy *p, const uint8_t *state, size_t bytes,
		 struct pci_proxy_state *ret, struct error *err)
{
	const char *field;
	int rc =
		fields_load(&pci_proxy_fields, state, bytes, p->name, ret, err);

	if (rc)
		return rc;
	field = differing(p, ret);
	if (field || pci_check_state(&p->pci, &ret->pci, &field))
		return error_set(err, -EPROTO,
				 "the state of %s: '%s' has a value that this "
				 "device cannot have",
				 p->name, field);
	return 0;
}

int proxy_check(struct device *device, const uint8_t *state, size_t bytes,
		struct error *err)
{
	struct pci_proxy_state s = { 0 };

	return parse(proxy_of(device), state, bytes, &s, err);
}

int proxy_load(struct device *device, const uint8_t *state, size_t bytes,
	       struct error *err)
{
	struct pci_proxy *p = proxy_of(device);
	struct pci_proxy_state s = { 0 };
	int rc = parse(p, state, bytes, &s, err);

	return rc ? rc : pci_set_state(&p->pci, &s.pci);
}

int proxy_reset(struct device *device)
{
	return pci_reset(&proxy_of(device)->pci);
}
