/* SPDX-License-Identifier: MIT */
/* The registers that PVH promises at its entry point. */
#include "vmm/vm.h"

#include <errno.h>

#include "vmm/vm_impl.h"

#define CR0_PE 1u
#define CR0_ET (1u << 4)
#define RFLAGS_FIXED 2u

static struct kvm_segment flat(uint8_t type, uint16_t selector)
{
	return (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.db = 1,
		.s = 1,
		.g = 1,
	};
}

int vm_set_boot(struct vm *vm, uint64_t entry_gpa, uint64_t start_info_gpa)
{
	struct kvm_regs regs = {
		.rip = entry_gpa,
		.rbx = start_info_gpa,
		.rflags = RFLAGS_FIXED,
	};
	struct kvm_sregs sregs;
	int fd = vm->vcpu[0].fd;
	int rc = kvm_ioctl(fd, KVM_GET_SREGS, &sregs);

	if (rc)
		return rc;
	sregs.cs = flat(0xb, 0x8); /* execute, read, accessed */
	sregs.ds = flat(0x3, 0x10); /* read, write, accessed */
	sregs.es = sregs.fs = sregs.gs = sregs.ss = sregs.ds;
	/* "TR: a 32-bit TSS (active) with a base of 0 and limit of 0x67" */
	sregs.tr = (struct kvm_segment){ .limit = 0x67,
					 .type = 0xb,
					 .present = 1 };
	sregs.cr0 = CR0_PE | CR0_ET;
	sregs.cr3 = sregs.cr4 = sregs.efer = 0;
	rc = kvm_ioctl(fd, KVM_SET_SREGS, &sregs);
	return rc ? rc : kvm_ioctl(fd, KVM_SET_REGS, &regs);
}
