/* SPDX-License-Identifier: MIT */
/* What this host's KVM can do, and what to do where it cannot. */
#include "vmm/vm_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int kvm_ioctl(int fd, unsigned long request, void *arg)
{
	int rc;

	do {
		rc = ioctl(fd, request, arg);
	} while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : rc;
}

int kvm_ioctl_value(int fd, unsigned long request, unsigned long value)
{
	return kvm_ioctl(fd, request, (void *)value);
}

static int explain_open(int rc, const char *path, struct error *err)
{
	if (rc == -EACCES || rc == -EPERM)
		return error_set(err, -EACCES,
				 "no permission to open %s: run as root or "
				 "join its group (usermod -aG kvm USER)",
				 path);
	if (rc == -ENOENT || rc == -ENXIO || rc == -ENODEV)
		return error_set(err, -ENODEV,
				 "this host offers no KVM (%s: %s): load "
				 "kvm_intel or kvm_amd, and enable "
				 "virtualization in the firmware or, in a "
				 "virtual machine, nesting in its hypervisor",
				 path, strerror(-rc));
	return error_set(err, rc, "cannot open %s: %s", path, strerror(-rc));
}

int vm_open_kvm(const char *path, int *ret_fd, struct error *err)
{
	int fd, version;

	if (!path)
		path = "/dev/kvm";
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return explain_open(-errno, path, err);
	version = kvm_ioctl_value(fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION) {
		close(fd);
		return error_set(err, -ENODEV,
				 "%s does not speak KVM's API version %d: "
				 "it is no KVM device",
				 path, KVM_API_VERSION);
	}
	*ret_fd = fd;
	return 0;
}

static const struct {
	int cap;
	const char *name;
} needed[] = {
	{ KVM_CAP_USER_MEMORY, "USER_MEMORY" },
	{ KVM_CAP_IRQCHIP, "IRQCHIP" },
	{ KVM_CAP_PIT2, "PIT2" },
	{ KVM_CAP_PIT_STATE2, "PIT_STATE2" },
	{ KVM_CAP_EXT_CPUID, "EXT_CPUID" },
	{ KVM_CAP_IMMEDIATE_EXIT, "IMMEDIATE_EXIT" },
	{ KVM_CAP_MP_STATE, "MP_STATE" },
	{ KVM_CAP_VCPU_EVENTS, "VCPU_EVENTS" },
	{ KVM_CAP_DEBUGREGS, "DEBUGREGS" },
	{ KVM_CAP_SREGS2, "SREGS2" },
	{ KVM_CAP_XSAVE, "XSAVE" },
	{ KVM_CAP_ADJUST_CLOCK, "ADJUST_CLOCK" },
	{ KVM_CAP_GET_TSC_KHZ, "GET_TSC_KHZ" },
};

static int check_cap(const struct vm *vm, int cap)
{
	int rc = kvm_ioctl_value(vm->fd, KVM_CHECK_EXTENSION,
				 (unsigned long)cap);

	return rc > 0 ? rc : 0;
}

/* Deleting a slot then zaps that slot's shadow pages alone: a cost, no more. */
static void disable_zap_all(struct vm *vm)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_DISABLE_QUIRKS2,
		.args = { KVM_X86_QUIRK_SLOT_ZAP_ALL },
	};

	if (check_cap(vm, KVM_CAP_DISABLE_QUIRKS2) & KVM_X86_QUIRK_SLOT_ZAP_ALL)
		kvm_ioctl(vm->fd, KVM_ENABLE_CAP, &cap);
}

int vm_probe_caps(struct vm *vm, struct error *err)
{
	struct vm_caps *caps = &vm->caps;
	unsigned int i;
	int most;

	for (i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (!check_cap(vm, needed[i].cap))
			return error_set(err, -EOPNOTSUPP,
					 "this host's KVM lacks KVM_CAP_%s: a "
					 "newer kernel is needed",
					 needed[i].name);
	most = check_cap(vm, KVM_CAP_MAX_VCPUS);
	if (most && vm->nr_vcpus > (unsigned int)most)
		return error_set(err, -EINVAL,
				 "this host's KVM allows %d vCPUs, not %u",
				 most, vm->nr_vcpus);
	caps->tsc_control = check_cap(vm, KVM_CAP_TSC_CONTROL);
	caps->tsc_deadline = check_cap(vm, KVM_CAP_TSC_DEADLINE_TIMER);
	caps->xsave_bytes = (size_t)check_cap(vm, KVM_CAP_XSAVE2);
	caps->xcrs = check_cap(vm, KVM_CAP_XCRS);
	caps->nested_bytes = (size_t)check_cap(vm, KVM_CAP_NESTED_STATE);
	caps->manual_dirty =
		(unsigned int)check_cap(vm, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2);
	disable_zap_all(vm);
	return 0;
}
