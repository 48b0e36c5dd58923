/* SPDX-License-Identifier: MIT */
/* Reads and writes of the device's regions. */
#include <errno.h>
#include <string.h>

#include "vfio/device_priv.h"
#include "vfio/device_server.h"
#include "vfio/uapi.h"

static bool in_region(const struct vfio_device *d,
		      const struct user_region_access *a)
{
	uint64_t bytes = device_region_bytes(d, a->region);

	return a->offset <= bytes && a->count <= bytes - a->offset && bytes;
}

static int read_region(struct vfio_device *d,
		       const struct user_region_access *a, void *data)
{
	switch (a->region) {
	case VFIO_PCI_BAR0_REGION_INDEX:
		device_regs_read(d, a->offset, data, a->count);
		return 0;
	case VFIO_PCI_BAR1_REGION_INDEX:
		device_pci_msix_read(&d->core.pci, a->offset, data, a->count);
		return 0;
	case VFIO_PCI_BAR2_REGION_INDEX:
		memcpy(data, d->memory + a->offset, a->count);
		return 0;
	case VFIO_PCI_CONFIG_REGION_INDEX:
		device_pci_config_read(&d->core.pci, a->offset, data, a->count);
		return 0;
	default:
		return device_v1_read(d, a->offset, data, a->count);
	}
}

static int write_region(struct vfio_device *d,
			const struct user_region_access *a, const void *data)
{
	switch (a->region) {
	case VFIO_PCI_BAR0_REGION_INDEX:
		device_regs_write(d, a->offset, data, a->count);
		return 0;
	case VFIO_PCI_BAR1_REGION_INDEX:
		device_pci_msix_write(&d->core.pci, a->offset, data, a->count);
		return 0;
	case VFIO_PCI_BAR2_REGION_INDEX:
		memcpy(d->memory + a->offset, data, a->count);
		return 0;
	case VFIO_PCI_CONFIG_REGION_INDEX:
		device_pci_config_write(&d->core.pci, a->offset, data,
					a->count);
		return 0;
	default:
		return device_v1_write(d, a->offset, data, a->count);
	}
}

int device_handle_region_read(struct vfio_device *d, struct user_message *m,
			      struct device_reply *r)
{
	struct user_region_access a;
	int rc = 0;

	memcpy(&a, m->payload, sizeof(a));
	if (a.count > USER_DEFAULT_XFER_BYTES)
		return -EINVAL;
	device_reply_put(r, &a, sizeof(a));
	if (in_region(d, &a))
		rc = read_region(d, &a, r->data + r->bytes);
	else if (device_has_fault(d, FAULT_RANGE_UNCHECKED))
		memset(r->data + r->bytes, 0, a.count);
	else
		rc = -EINVAL;
	r->bytes += a.count;
	return rc;
}

int device_handle_region_write(struct vfio_device *d, struct user_message *m,
			       struct device_reply *r)
{
	struct user_region_access a;
	int rc = 0;

	memcpy(&a, m->payload, sizeof(a));
	if (a.count > USER_DEFAULT_XFER_BYTES ||
	    m->payload_bytes != sizeof(a) + a.count)
		return -EINVAL;
	if (in_region(d, &a))
		rc = write_region(d, &a,
				  (const uint8_t *)m->payload + sizeof(a));
	else if (!device_has_fault(d, FAULT_RANGE_UNCHECKED))
		rc = -EINVAL;
	device_reply_put(r, &a, sizeof(a));
	return rc;
}

int device_handle_write_multi(struct vfio_device *d, struct user_message *m,
			      struct device_reply *r)
{
	const uint8_t *at = (const uint8_t *)m->payload;
	struct user_write_multi multi, done = { 0 };
	struct user_write_one one;
	struct user_region_access a;

	memcpy(&multi, at, sizeof(multi));
	at += sizeof(multi);
	if ((m->payload_bytes - sizeof(multi)) % sizeof(one) ||
	    (m->payload_bytes - sizeof(multi)) / sizeof(one) != multi.count)
		return -EINVAL;
	/* Up to the first that fails. */
	for (; done.count < multi.count; done.count++, at += sizeof(one)) {
		memcpy(&one, at, sizeof(one));
		a = (struct user_region_access){ one.offset, one.region,
						 one.count };
		if (one.count > sizeof(one.data) || !in_region(d, &a) ||
		    write_region(d, &a, one.data))
			break;
	}
	if (multi.count && !done.count)
		return -EINVAL;
	device_reply_put(r, &done, sizeof(done));
	return 0;
}
