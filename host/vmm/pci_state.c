/* SPDX-License-Identifier: MIT */
/* What of PCI moves with a device. */
#include "vmm/pci.h"

#include <errno.h>

#include "vmm/pci_impl.h"

#define PCI(member, type, max)                                                 \
	FIELD_NUMBER(struct pci_state, member, type, 1, max)
#define BAR(n)                                                                 \
	{                                                                      \
		.name = "bar" #n, .type = FIELD_U32, .since = 1,               \
		.offset = offsetof(struct pci_state, bar[n])                   \
	}
#define MSIX(member, max)                                                      \
	FIELD_NUMBER(struct pci_msix_entry, member, FIELD_U32, 1, max)

static const struct field msix_field[] = {
	MSIX(addr_low, 0),
	MSIX(addr_high, 0),
	MSIX(data, 0),
	MSIX(control, PCI_MSIX_MASKED),
};

static const struct fields msix_fields = {
	.name = "msix",
	.version = 1,
	.nr = sizeof(msix_field) / sizeof(msix_field[0]),
	.field = msix_field,
};

static const struct field pci_field[] = {
	PCI(command, FIELD_U16, COMMAND_BITS),
	PCI(interrupt_line, FIELD_U8, 0),
	PCI(cache_line, FIELD_U8, 0),
	PCI(msix_control, FIELD_U16, MSIX_CONTROL_BITS),
	PCI(nr_vectors, FIELD_U16, PCI_MAX_VECTORS),
	BAR(0),
	BAR(1),
	BAR(2),
	BAR(3),
	BAR(4),
	BAR(5),
	{ .name = "msix",
	  .type = FIELD_LIST,
	  .since = 1,
	  .offset = offsetof(struct pci_state, msix),
	  .bytes = sizeof(struct pci_msix_entry),
	  .table = &msix_fields,
	  .count = offsetof(struct pci_state, nr_vectors),
	  .max_count = PCI_MAX_VECTORS },
	{ .name = "pending",
	  .type = FIELD_BYTES,
	  .since = 1,
	  .offset = offsetof(struct pci_state, pending),
	  .bytes = sizeof(((struct pci_state *)0)->pending) },
};

const struct fields pci_fields = {
	.name = "pci",
	.version = 1,
	.nr = sizeof(pci_field) / sizeof(pci_field[0]),
	.field = pci_field,
};

void pci_get_state(struct pci_device *pci, struct pci_state *ret_state)
{
	struct pci_state *s = ret_state;
	unsigned int i;

	memset(s, 0, sizeof(*s));
	pci_begin(pci);
	s->command = config_get16(pci, CONFIG_COMMAND);
	s->interrupt_line = pci->config[CONFIG_INTERRUPT_LINE];
	s->cache_line = pci->config[CONFIG_CACHE_LINE];
	s->msix_control = pci_msix_control(pci);
	s->nr_vectors = (uint16_t)pci->nr_vectors;
	for (i = 0; i < PCI_NR_BARS; i++)
		s->bar[i] =
			config_get32(pci, CONFIG_BAR(i)) &
			~(pci->bar[i].kind == PCI_BAR_64_HIGH ? 0
							      : BAR_TYPE_BITS);
	for (i = 0; i < pci->nr_vectors; i++) {
		s->msix[i] = pci->vectors[i].entry;
		if (pci_vector_is_pending(pci, &pci->vectors[i]))
			s->pending[i / 8] |= (uint8_t)(1u << i % 8);
	}
	pci_commit(pci);
}

static bool bar_may_be(const struct pci_device *pci, unsigned int i,
		       uint32_t value)
{
	uint32_t writable;

	memcpy(&writable, &pci->writable[CONFIG_BAR(i)], sizeof(writable));
	return !(value & ~writable);
}

static bool msix_may_be(const struct pci_device *pci, const struct pci_state *s)
{
	static const struct pci_msix_entry none;
	unsigned int i;

	for (i = 0; i < PCI_MAX_VECTORS; i++) {
		if (i < pci->nr_vectors) {
			if (s->msix[i].control & ~PCI_MSIX_MASKED)
				return false;
		} else if (memcmp(&s->msix[i], &none, sizeof(none))) {
			return false;
		}
	}
	return true;
}

static bool pending_may_be(const struct pci_device *pci,
			   const struct pci_state *s)
{
	unsigned int i;

	for (i = pci->nr_vectors; i < PCI_MAX_VECTORS; i++)
		if (s->pending[i / 8] & 1u << i % 8)
			return false;
	return true;
}

int pci_check_state(const struct pci_device *pci, const struct pci_state *state,
		    const char **ret_field)
{
	static const char *const bars[PCI_NR_BARS] = { "bar0", "bar1", "bar2",
						       "bar3", "bar4", "bar5" };
	const char *field = NULL;
	unsigned int i;

	for (i = 0; i < PCI_NR_BARS; i++)
		if (!bar_may_be(pci, i, state->bar[i]))
			field = bars[i];
	if (state->command & ~COMMAND_BITS)
		field = "command";
	else if (state->msix_control & ~MSIX_CONTROL_BITS ||
		 (state->msix_control && !pci->msix_cap))
		field = "msix_control";
	else if (state->nr_vectors != pci->nr_vectors)
		field = "nr_vectors";
	else if (!msix_may_be(pci, state))
		field = "msix";
	else if (!pending_may_be(pci, state))
		field = "pending";
	if (!field)
		return 0;
	*ret_field = field;
	return -EPROTO;
}

static void set_registers(struct pci_device *pci, const struct pci_state *s)
{
	unsigned int i;

	config_set16(pci, CONFIG_COMMAND, s->command);
	pci->config[CONFIG_INTERRUPT_LINE] = s->interrupt_line;
	pci->config[CONFIG_CACHE_LINE] = s->cache_line;
	pci_set_msix_control(pci, s->msix_control);
	for (i = 0; i < PCI_NR_BARS; i++) {
		uint32_t flags = 0;

		if (pci->bar[i].kind != PCI_BAR_64_HIGH)
			flags = config_get32(pci, CONFIG_BAR(i)) &
				BAR_TYPE_BITS;
		config_set32(pci, CONFIG_BAR(i), s->bar[i] | flags);
	}
	for (i = 0; i < pci->nr_vectors; i++)
		pci->vectors[i].entry = s->msix[i];
}

/* A vector that KVM has is not pending; one that it gets and that was pending
 * fires. */
static void set_pending(struct pci_device *pci, const struct pci_state *s)
{
	unsigned int i;

	for (i = 0; i < pci->nr_vectors; i++) {
		struct pci_vector *v = &pci->vectors[i];
		bool pending = s->pending[i / 8] & 1u << i % 8;

		if (!v->connected && pending != pci_vector_is_pending(pci, v))
			pci_vector_set_pending(v, pending);
	}
}

int pci_set_state(struct pci_device *pci, const struct pci_state *state)
{
	const char *field;
	int rc, err;

	rc = pci_check_state(pci, state, &field);
	if (rc)
		return rc;
	pci_begin(pci);
	set_registers(pci, state);
	set_pending(pci, state);
	rc = pci_commit(pci);
	/* Outside: each change is the caller's transaction, or its own. */
	err = pci_update_bars(pci);
	rc = rc ? rc : err;
	err = pci_update_vectors(pci);
	return rc ? rc : err;
}
