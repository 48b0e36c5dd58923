/* SPDX-License-Identifier: MIT */
/* A PCI proxy's accesses: from the guest to the device. */
#include "vmm/pci_proxy.h"

#include <string.h>

#include "vmm/pci_proxy_impl.h"

static uint64_t read_bar(void *ctx, uint64_t offset, unsigned int bytes)
{
	const struct proxy_bar *bar = ctx;
	const struct pci_proxy *p = bar->proxy;
	uint64_t value = 0;

	if (p->ops->bar_read(p->ctx, bar->index, offset, &value, bytes))
		return UINT64_MAX;
	return value;
}

static void write_bar(void *ctx, uint64_t offset, unsigned int bytes,
		      uint64_t value)
{
	const struct proxy_bar *bar = ctx;
	const struct pci_proxy *p = bar->proxy;

	p->ops->bar_write(p->ctx, bar->index, offset, &value, bytes);
}

const struct io_ops proxy_bar_ops = {
	.read = read_bar,
	.write = write_bar,
};

static bool is_all_own(const struct pci_proxy *p, unsigned int offset,
		       unsigned int bytes)
{
	unsigned int i;

	for (i = 0; i < bytes; i++)
		if (!p->own[offset + i])
			return false;
	return true;
}

/* As pci_config_read() has it; past that nobody is asked. */
static bool is_access(unsigned int offset, unsigned int bytes)
{
	return (bytes == 1 || bytes == 2 || bytes == 4) &&
	       offset <= PCI_CONFIG_BYTES - bytes && !(offset % bytes);
}

static uint32_t read_config(struct pci_device *pci, unsigned int offset,
			    unsigned int bytes, uint32_t value)
{
	const struct pci_proxy *p = proxy_of_pci(pci);
	uint8_t theirs[4], *ours = (uint8_t *)&value;
	unsigned int i;

	if (!is_access(offset, bytes) || is_all_own(p, offset, bytes))
		return value;
	if (p->ops->config_read(p->ctx, offset, theirs, bytes))
		return UINT32_MAX;
	for (i = 0; i < bytes; i++)
		if (!p->own[offset + i])
			ours[i] = theirs[i];
	return value;
}

static void config_written(struct pci_device *pci, unsigned int offset,
			   unsigned int bytes, uint32_t value)
{
	const struct pci_proxy *p = proxy_of_pci(pci);

	if (is_access(offset, bytes))
		p->ops->config_write(p->ctx, offset, &value, bytes);
}

const struct pci_hooks proxy_hooks = {
	.read = read_config,
	.written = config_written,
};
