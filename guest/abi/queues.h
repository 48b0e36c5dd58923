/* SPDX-License-Identifier: MIT */
/*
 * The devices with many queues: what the guest's driver and the mini VMM's
 * model agree on beyond PCI itself.
 *
 * Shaped like virtio-pci, so that building and loading one costs what it costs
 * in production: vendor capabilities say where the common configuration, the
 * notify area, the ISR byte and the device configuration lie in the BARs; one
 * notify address and one MSI-X vector a queue, and one vector for
 * configuration. No descriptors: a queue does one thing. A kick (a write of
 * the queue's number to its notify address) makes the device add the number of
 * kicks seen to the queue's tally in guest memory, then raise its vector.
 *
 * Source: OASIS, Virtual I/O Device (VIRTIO) 1.2, sections 4.1.4 (PCI
 * capabilities) and 4.1.4.3 (common configuration).
 */
#ifndef VMFERRY_ABI_QUEUES_H
#define VMFERRY_ABI_QUEUES_H

#include <stdint.h>

/* Not virtio's own: a virtio driver must not bind to these. */
#define ABI_QUEUES_VENDOR 0x1234u
#define ABI_QUEUES_DEVICE_NET 0xfe01u
#define ABI_QUEUES_DEVICE_BLK 0xfe02u

#define ABI_QUEUES_MAX 64u /* of a device */
#define ABI_QUEUES_MAX_DEVICES 62u

/* cfg_type of a vendor capability, struct abi_queues_cap. */
#define ABI_QUEUES_CAP_COMMON 1u
#define ABI_QUEUES_CAP_NOTIFY 2u
#define ABI_QUEUES_CAP_ISR 3u
#define ABI_QUEUES_CAP_DEVICE 4u

struct abi_queues_cap {
	uint8_t id; /* 0x09, vendor */
	uint8_t next;
	uint8_t bytes; /* 16, or 20 with the multiplier */
	uint8_t type; /* ABI_QUEUES_CAP_* */
	uint8_t bar;
	uint8_t padding[3];
	uint32_t offset, length; /* in the BAR */
	/* ABI_QUEUES_CAP_NOTIFY only: a queue's notify address lies at offset
	 * + queue_notify_off * multiplier. */
	uint32_t multiplier;
};

_Static_assert(sizeof(struct abi_queues_cap) == 20, "a capability");

/* As struct virtio_pci_common_cfg, in the first 56 bytes. */
struct abi_queues_common {
	uint32_t device_feature_select, device_feature;
	uint32_t driver_feature_select, driver_feature;
	uint16_t config_vector, num_queues;
	uint8_t status, generation;
	uint16_t queue_select;
	/* Of the selected queue. */
	uint16_t queue_size, queue_vector, queue_enable, queue_notify_off;
	uint64_t queue_desc, queue_driver;
	uint64_t queue_device; /* gpa of its struct abi_queue_tally */
};

_Static_assert(sizeof(struct abi_queues_common) == 56, "as in virtio");

#define ABI_QUEUES_NO_VECTOR 0xffffu

#define ABI_QUEUES_STATUS_ACKNOWLEDGE 1u
#define ABI_QUEUES_STATUS_DRIVER 2u
#define ABI_QUEUES_STATUS_DRIVER_OK 4u
#define ABI_QUEUES_STATUS_FEATURES_OK 8u

/* In guest memory, 16-byte aligned; the device writes it. */
struct abi_queue_tally {
	uint64_t kicks; /* served since the queue was enabled */
	uint64_t reserved;
};

#endif
