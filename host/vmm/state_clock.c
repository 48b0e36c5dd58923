/* SPDX-License-Identifier: MIT */
/*
 * The guest's time across a migration: KVM's clock and the TSC go on as if
 * the machine had run.
 *
 * Where KVM reads kvmclock, real time and host TSC at one moment, on both
 * sides, it is done by TSC offsets:
 *
 *	new = old + tsc_src - tsc_dst + (kvmclock_dst - kvmclock_src) * freq
 *
 * which keeps the vCPUs' TSCs exactly as far apart as they were. Elsewhere
 * IA32_TSC is written with the saved value plus the real time that passed.
 * A KVM that gives the guest the host's raw TSC takes both and ignores them.
 *
 * Source: Documentation/virt/kvm/devices/vcpu.rst, KVM_VCPU_TSC_OFFSET;
 * Documentation/virt/kvm/api.rst, KVM_GET_CLOCK, KVM_SET_CLOCK.
 */
#include "vmm/vm_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "vmm/state_format.h"

#define PAIRED (KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC)

static uint64_t realtime_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static uint64_t ticks_of(int64_t ns, uint32_t tsc_khz)
{
	return (uint64_t)((__int128)ns * tsc_khz / 1000000);
}

int clock_save(const struct vm *vm, struct state_clock *ret_clock)
{
	struct kvm_clock_data data = { 0 };
	int rc = kvm_ioctl(vm->fd, KVM_GET_CLOCK, &data);

	if (rc)
		return rc;
	*ret_clock = (struct state_clock){
		.kvmclock_ns = data.clock,
		.realtime_ns = realtime_ns(),
		.tsc_khz = vm->tsc_khz,
	};
	if ((data.flags & PAIRED) == PAIRED) {
		ret_clock->flags = STATE_CLOCK_PAIRED;
		ret_clock->realtime_ns = data.realtime;
		ret_clock->host_tsc = data.host_tsc;
	}
	return 0;
}

/* Time that passed; a target whose clock is behind doesn't turn back time. */
static int64_t elapsed_ns(uint64_t then, uint64_t now)
{
	return now > then ? (int64_t)(now - then) : 0;
}

uint64_t clock_elapsed_ns(uint64_t then_ns)
{
	return (uint64_t)elapsed_ns(then_ns, realtime_ns());
}

int clock_load(const struct vm *vm, const struct state_clock *saved,
	       struct state_clock *ret_now)
{
	struct kvm_clock_data data = { .clock = saved->kvmclock_ns };
	int rc;

	if (saved->flags & STATE_CLOCK_PAIRED) {
		data.flags = KVM_CLOCK_REALTIME; /* KVM adds what passed */
		data.realtime = saved->realtime_ns;
	} else {
		data.clock +=
			(uint64_t)elapsed_ns(saved->realtime_ns, realtime_ns());
	}
	rc = kvm_ioctl(vm->fd, KVM_SET_CLOCK, &data);
	return rc ? rc : clock_save(vm, ret_now);
}

static struct kvm_device_attr offset_attr(uint64_t *offset)
{
	return (struct kvm_device_attr){
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)offset,
	};
}

int tsc_save(const struct vcpu *vcpu, struct state_tsc *ret_tsc)
{
	uint64_t offset = 0;
	struct kvm_device_attr attr = offset_attr(&offset);
	int rc;

	memset(ret_tsc, 0, sizeof(*ret_tsc));
	if (!kvm_ioctl(vcpu->fd, KVM_GET_DEVICE_ATTR, &attr)) {
		ret_tsc->offset = offset;
		ret_tsc->flags = STATE_TSC_OFFSET;
	}
	rc = msr_read(vcpu, MSR_TSC, &ret_tsc->guest_tsc);
	ret_tsc->realtime_ns = realtime_ns();
	return rc;
}

static int load_frequency(const struct vcpu *vcpu, uint32_t khz)
{
	uint32_t mine = vcpu->vm->tsc_khz;

	/* Within 250 ppm it is the same clock, measured twice: KVM's own
	 * tolerance. */
	if (!khz || (uint64_t)abs((int)(khz - mine)) * 4000 <= mine)
		return 0;
	if (!vcpu->vm->caps.tsc_control)
		return 0; /* goes on at this host's pace: clock_measure() */
	return kvm_ioctl_value(vcpu->fd, KVM_SET_TSC_KHZ, khz);
}

static int load_offset(const struct vcpu *vcpu, const struct state_tsc *saved,
		       const struct state_clock *then,
		       const struct state_clock *now)
{
	uint64_t offset =
		saved->offset + then->host_tsc - now->host_tsc +
		ticks_of((int64_t)(now->kvmclock_ns - then->kvmclock_ns),
			 then->tsc_khz);
	struct kvm_device_attr attr = offset_attr(&offset);

	return kvm_ioctl(vcpu->fd, KVM_SET_DEVICE_ATTR, &attr);
}

int tsc_load(const struct vcpu *vcpu, const struct state_tsc *saved,
	     const struct state_clock *then, const struct state_clock *now)
{
	uint32_t khz = then->tsc_khz ? then->tsc_khz : vcpu->vm->tsc_khz;
	int rc = load_frequency(vcpu, then->tsc_khz);

	if (rc)
		return rc;
	if ((then->flags & now->flags & STATE_CLOCK_PAIRED) &&
	    (saved->flags & STATE_TSC_OFFSET) &&
	    !load_offset(vcpu, saved, then, now))
		return 0;
	return msr_write(
		vcpu, MSR_TSC,
		saved->guest_tsc +
			ticks_of(elapsed_ns(saved->realtime_ns, realtime_ns()),
				 khz));
}

void clock_measure(struct vm *vm, const struct state_tsc *saved)
{
	struct vm_clock_report *r = &vm->clock;
	uint64_t now_tsc = 0, now_ns;
	int64_t ran_ns, slack_ns;
	bool known = !msr_read(&vm->vcpu[0], MSR_TSC, &now_tsc);

	now_ns = realtime_ns();
	r->tsc_hz = vm_tsc_hz(vm);
	r->tsc_ticks = (int64_t)(now_tsc - saved->guest_tsc);
	r->elapsed_ns = (int64_t)(now_ns - saved->realtime_ns);
	if (!vm->tsc_khz)
		goto out;
	ran_ns = (int64_t)((__int128)r->tsc_ticks * 1000000 / vm->tsc_khz);
	/* Real time is slewed (0.05 %), and we may have been preempted
	 * between the two readings. */
	slack_ns = r->elapsed_ns / 1000 + (int64_t)NSEC_PER_MSEC;
	r->tsc_ran = ran_ns > r->elapsed_ns - slack_ns &&
		     ran_ns < r->elapsed_ns + slack_ns;
out:
	/* Releases the report to whoever asks meanwhile. */
	atomic_store_explicit(&vm->has_clock, known, memory_order_release);
}

int vm_state_clock(const struct vm *vm, struct vm_clock_report *ret_report)
{
	if (!atomic_load_explicit(&vm->has_clock, memory_order_acquire))
		return -ENODATA;
	*ret_report = vm->clock;
	return 0;
}
