/* SPDX-License-Identifier: MIT */
/*
 * Values of newer kernels than the headers of Debian 12 (6.1). The host is
 * probed at run time; these are only the names.
 */
#ifndef VMFERRY_VMM_COMPAT_H
#define VMFERRY_VMM_COMPAT_H

#include <linux/kvm.h>

/* Linux 6.14: deleting a slot need not zap every shadow page. */
#ifndef KVM_X86_QUIRK_SLOT_ZAP_ALL
#define KVM_X86_QUIRK_SLOT_ZAP_ALL (1 << 7)
#endif

/* Linux 6.1. */
#ifndef KVM_CAP_DIRTY_LOG_RING_ACQ_REL
#define KVM_CAP_DIRTY_LOG_RING_ACQ_REL 223
#endif

/* Linux 6.8 and 6.11. */
#ifndef KVM_CAP_GUEST_MEMFD
#define KVM_CAP_GUEST_MEMFD 234
#endif
#ifndef KVM_CAP_PRE_FAULT_MEMORY
#define KVM_CAP_PRE_FAULT_MEMORY 236
#endif

#endif
