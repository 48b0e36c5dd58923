/* SPDX-License-Identifier: MIT */
/*
 * Capabilities of KVM that the mini VMM uses where they are there.
 * Source: Documentation/virt/kvm/api.rst.
 */
#include <stdio.h>
#include <string.h>

#include "vmm/probe.h"
#include "vmm/vm_impl.h"

/* How a capability's number reads. */
enum cap_kind { CAP_YES, CAP_FLAGS, CAP_COUNT, CAP_BYTES, CAP_ENTRIES };

static const struct {
	int cap;
	enum cap_kind kind;
	const char *name;
	const char *advice; /* what it means that it lacks */
} caps[] = {
	{ KVM_CAP_MAX_VCPUS, CAP_COUNT, "kvm.max_vcpus", "" },
	{ KVM_CAP_NR_MEMSLOTS, CAP_COUNT, "kvm.memory_slots", "" },
	{ KVM_CAP_IRQ_ROUTING, CAP_COUNT, "kvm.gsi_routes",
	  "use a newer kernel for devices with MSI-X" },
	{ KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, CAP_FLAGS, "kvm.manual_protect",
	  "use Linux 5.1 or newer: without it each round write-protects all "
	  "at once" },
	{ KVM_CAP_DIRTY_LOG_RING, CAP_ENTRIES, "kvm.dirty_ring",
	  "use Linux 5.11 or newer to compare the dirty ring" },
	{ KVM_CAP_DISABLE_QUIRKS2, CAP_FLAGS, "kvm.disable_quirks2",
	  "use Linux 5.18 or newer" },
	{ KVM_CAP_TSC_CONTROL, CAP_YES, "kvm.tsc_scaling",
	  "migrate only between hosts with the same TSC frequency" },
	{ KVM_CAP_VM_TSC_CONTROL, CAP_YES, "kvm.vm_tsc_control",
	  "expect guests' TSCs to be set one vCPU at a time: it takes Linux "
	  "5.16 and a CPU that scales the TSC" },
	{ KVM_CAP_TSC_DEADLINE_TIMER, CAP_YES, "kvm.tsc_deadline", "" },
	{ KVM_CAP_XSAVE2, CAP_BYTES, "kvm.xsave2",
	  "use Linux 5.17 or newer: AMX state cannot migrate without it" },
	{ KVM_CAP_NESTED_STATE, CAP_BYTES, "kvm.nested_state",
	  "don't migrate a guest that runs guests of its own on this host" },
	{ KVM_CAP_X86_USER_SPACE_MSR, CAP_FLAGS, "kvm.user_space_msr",
	  "use Linux 5.10 or newer" },
	{ KVM_CAP_X86_MSR_FILTER, CAP_YES, "kvm.msr_filter",
	  "use Linux 5.10 or newer" },
	{ KVM_CAP_IRQFD, CAP_YES, "kvm.irqfd", "" },
	{ KVM_CAP_IOEVENTFD, CAP_YES, "kvm.ioeventfd", "" },
	{ KVM_CAP_BINARY_STATS_FD, CAP_YES, "kvm.binary_stats",
	  "use Linux 5.14 or newer for counts of exits" },
	{ KVM_CAP_PRE_FAULT_MEMORY, CAP_YES, "kvm.pre_fault_memory",
	  "compare preallocation by it elsewhere: it takes Linux 6.11 and "
	  "two-dimensional paging" },
	{ KVM_CAP_GUEST_MEMFD, CAP_YES, "kvm.guest_memfd", "" },
};

/* Shown in one row. */
static const struct {
	int cap;
	const char *name;
} hyperv[] = {
	{ KVM_CAP_HYPERV, "base" },
	{ KVM_CAP_HYPERV_SYNIC2, "synic2" },
	{ KVM_CAP_HYPERV_VP_INDEX, "vp-index" },
	{ KVM_CAP_HYPERV_CPUID, "cpuid" },
	{ KVM_CAP_HYPERV_TLBFLUSH, "tlbflush" },
	{ KVM_CAP_HYPERV_SEND_IPI, "send-ipi" },
	{ KVM_CAP_HYPERV_DIRECT_TLBFLUSH, "direct-tlbflush" },
	{ KVM_CAP_HYPERV_ENLIGHTENED_VMCS, "evmcs" },
	{ KVM_CAP_HYPERV_ENFORCE_CPUID, "enforce-cpuid" },
};

static int value_of(int fd, int cap)
{
	int value =
		kvm_ioctl_value(fd, KVM_CHECK_EXTENSION, (unsigned long)cap);

	return value > 0 ? value : 0;
}

static void describe(struct check *row, enum cap_kind kind, int value)
{
	switch (kind) {
	case CAP_YES:
		check_value(row, "yes");
		break;
	case CAP_FLAGS:
		check_value(row, "flags %#x", (unsigned int)value);
		break;
	case CAP_COUNT:
		check_value(row, "%d", value);
		break;
	case CAP_BYTES:
		check_value(row, "%d bytes", value);
		break;
	case CAP_ENTRIES:
		check_value(row, "%zu entries",
			    (size_t)value / sizeof(struct kvm_dirty_gfn));
		break;
	}
}

static void add_hyperv(int fd, struct checks *checks)
{
	char text[192] = "";
	struct check *row;
	size_t i, used = 0;

	for (i = 0; i < sizeof(hyperv) / sizeof(hyperv[0]); i++)
		if (value_of(fd, hyperv[i].cap) && used < sizeof(text))
			used += (size_t)snprintf(
				text + used, sizeof(text) - used, "%s%s",
				used ? " " : "", hyperv[i].name);
	if (used) {
		check_value(checks_add(checks, CHECK_OK, "kvm.hyperv"), "%s",
			    text);
		return;
	}
	row = checks_add(checks, CHECK_ABSENT, "kvm.hyperv");
	check_value(row, "no enlightenment");
	check_advice(row, "use a kernel with CONFIG_KVM_HYPERV for Hyper-V's "
			  "enlightenments");
}

static void add_tsc_offset(int vcpu_fd, struct checks *checks)
{
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
	};
	struct check *row;

	if (!kvm_ioctl(vcpu_fd, KVM_HAS_DEVICE_ATTR, &attr)) {
		check_value(checks_add(checks, CHECK_OK, "kvm.tsc_offset"),
			    "yes");
		return;
	}
	row = checks_add(checks, CHECK_ABSENT, "kvm.tsc_offset");
	check_value(row, "no");
	check_advice(row, "use Linux 5.16 or newer: guests' TSCs may differ "
			  "after a migration");
}

/* A quirk of its own: its bit is what matters. */
static void add_zap_all(int fd, struct checks *checks)
{
	bool there = value_of(fd, KVM_CAP_DISABLE_QUIRKS2) &
		     KVM_X86_QUIRK_SLOT_ZAP_ALL;
	struct check *row = checks_add(checks, there ? CHECK_OK : CHECK_NOTE,
				       "kvm.slot_zap_all");

	check_value(row, there ? "can be switched off" : "always on");
	if (!there)
		check_advice(row, "use Linux 6.14 or newer: here each change "
				  "of the memory map refaults all guest "
				  "memory");
}

void probe_kvm_caps(int fd, int vcpu_fd, struct checks *checks)
{
	struct check *row;
	size_t i;
	int value;

	for (i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
		value = value_of(fd, caps[i].cap);
		row = checks_add(checks, value ? CHECK_OK : CHECK_ABSENT,
				 caps[i].name);
		if (value)
			describe(row, caps[i].kind, value);
		else
			check_advice(check_value(row, "no"), "%s",
				     caps[i].advice);
	}
	add_zap_all(fd, checks);
	if (vcpu_fd >= 0)
		add_tsc_offset(vcpu_fd, checks);
	add_hyperv(fd, checks);
}
