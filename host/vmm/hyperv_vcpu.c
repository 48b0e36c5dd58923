/* SPDX-License-Identifier: MIT */
/* What a vCPU's own thread does about Hyper-V of our own. */
#include "vmm/hyperv_impl.h"

void hyperv_enter(struct vcpu *vcpu)
{
	struct hyperv *h = vcpu->vm->hv;

	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	h->vcpu[vcpu->index].in_run = true;
	/* KVM completes what is pending, and comes back: hyperv_kicked(). */
	if (h->vcpu[vcpu->index].flush)
		vcpu->run->immediate_exit = 1;
	pthread_mutex_unlock(&h->lock);
}

void hyperv_leave(struct vcpu *vcpu)
{
	struct hyperv *h = vcpu->vm->hv;

	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	h->vcpu[vcpu->index].in_run = false;
	pthread_cond_broadcast(&h->left);
	pthread_mutex_unlock(&h->lock);
}

/* A changed CR3, even there and back, has KVM drop all translations.
 * Source: Linux arch/x86/kvm/x86.c, __set_sregs(). */
static void forget_tlb(const struct vcpu *vcpu)
{
	struct kvm_sregs2 s;

	if (kvm_ioctl(vcpu->fd, KVM_GET_SREGS2, &s))
		return;
	s.cr3 ^= 1ull << 12;
	if (!kvm_ioctl(vcpu->fd, KVM_SET_SREGS2, &s)) {
		s.cr3 ^= 1ull << 12;
		kvm_ioctl(vcpu->fd, KVM_SET_SREGS2, &s);
	}
}

void hyperv_kicked(struct vcpu *vcpu)
{
	struct hyperv *h = vcpu->vm->hv;

	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	if (h->vcpu[vcpu->index].flush)
		forget_tlb(vcpu);
	h->vcpu[vcpu->index].flush = false;
	pthread_cond_broadcast(&h->left);
	pthread_mutex_unlock(&h->lock);
}

void hyperv_msr_exit(struct vcpu *vcpu)
{
	struct hyperv *h = vcpu->vm->hv;
	struct kvm_run *run = vcpu->run;
	uint64_t value = 0;
	int rc = -1;

	if (h) {
		pthread_mutex_lock(&h->lock);
		h->caller = vcpu;
		if (run->exit_reason == KVM_EXIT_X86_RDMSR)
			rc = hv_msr_read(&h->model, vcpu->index, run->msr.index,
					 &value);
		else
			rc = hv_msr_write(&h->model, vcpu->index,
					  run->msr.index, run->msr.data);
		pthread_mutex_unlock(&h->lock);
	}
	if (run->exit_reason == KVM_EXIT_X86_RDMSR)
		run->msr.data = value;
	run->msr.error = rc != 0;
}

bool hyperv_call_exit(struct vcpu *vcpu)
{
	struct hyperv *h = vcpu->vm->hv;
	struct kvm_regs regs;

	if (!h || kvm_ioctl(vcpu->fd, KVM_GET_REGS, &regs))
		return false;
	pthread_mutex_lock(&h->lock);
	if (!hv_may_call(&h->model)) {
		pthread_mutex_unlock(&h->lock);
		return false;
	}
	h->caller = vcpu;
	regs.rax = hv_call(&h->model, vcpu->index, regs.rcx, regs.rdx, regs.r8);
	pthread_mutex_unlock(&h->lock);
	kvm_ioctl(vcpu->fd, KVM_SET_REGS, &regs);
	return true;
}
