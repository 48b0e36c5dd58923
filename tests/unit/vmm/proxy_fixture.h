/* SPDX-License-Identifier: MIT */
/* A bus without KVM, and a device that is elsewhere to be put onto it. */
#ifndef VMFERRY_TESTS_UNIT_VMM_PROXY_FIXTURE_H
#define VMFERRY_TESTS_UNIT_VMM_PROXY_FIXTURE_H

#include "vmm/io.h"
#include "vmm/pci_proxy.h"
#include "vmm/routes.h"

#define ADDRESS_PORT 0xcf8u
#define DATA_PORT 0xcfcu
#define DEVFN PCI_DEVFN(1, 0)
#define CAPS 0x34u
#define MSI 0x40u
#define VENDOR_CAP 0x60u
#define MSIX 0x70u
#define BAR_PAGES 4u

/* A device of three BARs: registers; MSI-X; memory that may be mapped. */
struct fixture {
	struct memmap *map;
	struct memmap_region memory, ports;
	struct memmap_space *memory_space, *port_space;
	struct kvm_calls calls;
	struct routes routes;
	struct pci_bus *bus;
	struct device *device;
	struct pci_proxy_params params;
	uint8_t config[PCI_CONFIG_BYTES];
	uint8_t bar[BAR_PAGES * 4096];
	int fds[PCI_MAX_VECTORS];
	unsigned int nr_fds;
	unsigned int nr_config_writes;
	int fail; /* what every call returns */
	int memory_fd;
};

/* Not created yet: f->params is what makes it. */
int proxy_setup(void **state);
int proxy_teardown(void **state);
/* Into its configuration space. */
void proxy_put32(struct fixture *f, unsigned int at, uint32_t value);

#endif
