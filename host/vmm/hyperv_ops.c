/* SPDX-License-Identifier: MIT */
/* What the model of Hyper-V does to the machine: memory, time, interrupts. */
#include "vmm/hyperv_impl.h"

#include <time.h>

#include "base/clock.h"
#include "vmm/dirty.h"

#define MSI_GPA 0xfee00000u

static uint64_t raw_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static void *memory(void *ctx, uint64_t gpa, uint64_t bytes)
{
	const struct hyperv *h = ctx;

	return guestmem_at(&h->vm->mem, gpa, bytes);
}

static void wrote(void *ctx, uint64_t gpa, uint64_t bytes)
{
	const struct hyperv *h = ctx;

	vm_mark_dirty(h->vm, gpa, bytes);
}

void hyperv_see_tsc(struct hyperv *h, const struct vcpu *vcpu)
{
	uint64_t tsc;

	if (msr_read(vcpu, MSR_TSC, &tsc))
		return;
	h->seen_tsc = tsc;
	h->seen_ns = raw_ns();
}

/* KVM says exactly, but to a vCPU's own thread only. */
static uint64_t tsc(void *ctx)
{
	struct hyperv *h = ctx;

	if (h->caller) {
		hyperv_see_tsc(h, h->caller);
		return h->seen_tsc;
	}
	return h->seen_tsc +
	       (uint64_t)((unsigned __int128)(raw_ns() - h->seen_ns) *
			  h->model.tsc_hz / NSEC_PER_SEC);
}

static void interrupt(void *ctx, unsigned int vp, uint8_t vector)
{
	const struct hyperv *h = ctx;
	struct kvm_msi msi = {
		.address_lo = MSI_GPA | vp << 12,
		.data = vector,
	};

	kvm_ioctl(h->vm->fd, KVM_SIGNAL_MSI, &msi);
}

static void kick(struct vcpu *vcpu)
{
	pthread_mutex_lock(&vcpu->vm->lock);
	vcpu_kick(vcpu);
	pthread_mutex_unlock(&vcpu->vm->lock);
}

/* Who is outside of KVM_RUN sees to it before it goes in again. */
static void flush(void *ctx, uint64_t vps)
{
	struct hyperv *h = ctx;
	const struct vcpu *caller = h->caller;
	unsigned int i;

	for (i = 0; i < h->vm->nr_vcpus; i++) {
		if (!(vps >> i & 1))
			continue;
		h->vcpu[i].flush = true;
		if (h->vcpu[i].in_run)
			kick(&h->vm->vcpu[i]);
	}
	for (i = 0; i < h->vm->nr_vcpus; i++)
		while ((vps >> i & 1) && h->vcpu[i].in_run && h->vcpu[i].flush)
			pthread_cond_wait(&h->left, &h->lock);
	h->caller = caller;
}

static void rearm(void *ctx)
{
	struct hyperv *h = ctx;

	pthread_cond_signal(&h->wake);
}

static uint64_t runtime(void *ctx, unsigned int vp)
{
	const struct hyperv *h = ctx;
	struct timespec ts = { 0 };
	clockid_t clock;

	if (!pthread_getcpuclockid(h->vm->vcpu[vp].thread, &clock))
		clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * HV_CLOCK_HZ + (uint64_t)ts.tv_nsec / 100;
}

/* KVM takes them from us in the mode of an x2APIC only. */
static int apic_read(void *ctx, unsigned int vp, uint32_t msr,
		     uint64_t *ret_value)
{
	const struct hyperv *h = ctx;

	return msr_read(&h->vm->vcpu[vp], msr, ret_value) ? -1 : 0;
}

static int apic_write(void *ctx, unsigned int vp, uint32_t msr, uint64_t value)
{
	const struct hyperv *h = ctx;

	return msr_write(&h->vm->vcpu[vp], msr, value) ? -1 : 0;
}

const struct hv_ops hyperv_ops = {
	.memory = memory,
	.wrote = wrote,
	.tsc = tsc,
	.interrupt = interrupt,
	.flush = flush,
	.rearm = rearm,
	.runtime = runtime,
	.apic_read = apic_read,
	.apic_write = apic_write,
};
