/* SPDX-License-Identifier: MIT */
/* Hyper-V of our own, for as long as the machine: its timers, its leaves. */
#include "vmm/hyperv_user.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "vmm/hyperv_impl.h"

/* KVM's LAPIC timer counts nanoseconds. */
#define APIC_HZ 1000000000u

/* Sleeps until then, or until somebody changes something. */
static void sleep_until(struct hyperv *h, uint64_t now, uint64_t due)
{
	uint64_t ns =
		due - now > HV_CLOCK_HZ ? NSEC_PER_SEC : (due - now) * 100;
	uint64_t at = clock_now_ns() + ns;
	const struct timespec ts = {
		.tv_sec = (time_t)(at / NSEC_PER_SEC),
		.tv_nsec = (long)(at % NSEC_PER_SEC),
	};

	pthread_cond_timedwait(&h->wake, &h->lock, &ts);
}

static void *timers_main(void *arg)
{
	struct hyperv *h = arg;
	uint64_t now, due;

	pthread_setname_np(pthread_self(), "hv-timers");
	pthread_mutex_lock(&h->lock);
	while (!h->quit) {
		due = hv_next_due(&h->model);
		if (!h->running || due == UINT64_MAX) {
			pthread_cond_wait(&h->wake, &h->lock);
			continue;
		}
		h->caller = NULL;
		now = hv_now(&h->model);
		if (due <= now)
			hv_timer_expire(&h->model, now);
		else
			sleep_until(h, now, due);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

static int filter(struct vm *vm)
{
	uint8_t none[HV_NR_MSRS / 8] = { 0 }; /* is passed on */
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_X86_USER_SPACE_MSR,
		.args = { KVM_MSR_EXIT_REASON_FILTER },
	};
	struct kvm_msr_filter filter = {
		.flags = KVM_MSR_FILTER_DEFAULT_ALLOW,
		.ranges[0] = {
			.flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
			.nmsrs = HV_NR_MSRS,
			.base = HV_MSR_FIRST,
			.bitmap = none,
		},
	};
	int rc = kvm_ioctl(vm->fd, KVM_ENABLE_CAP, &cap);

	return rc ? rc : kvm_ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, &filter);
}

static int init_conditions(struct hyperv *h)
{
	pthread_condattr_t attr;
	int rc = -pthread_condattr_init(&attr);

	if (rc)
		return rc;
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&h->wake, &attr);
	pthread_condattr_destroy(&attr);
	pthread_cond_init(&h->left, NULL);
	pthread_mutex_init(&h->lock, NULL);
	return 0;
}

int hyperv_create(struct vm *vm, struct error *err)
{
	struct hyperv *h = calloc(1, sizeof(*h));
	int rc = h ? init_conditions(h) : -ENOMEM;

	if (rc) {
		free(h);
		return error_set(err, rc, "out of memory");
	}
	vm->hv = h;
	h->vm = vm;
	hv_model_init(&h->model, vm->nr_vcpus, vm->hv_wanted,
		      (enum hv_break)vm->hv_broken);
	h->model.ops = &hyperv_ops;
	h->model.ctx = h;
	h->model.apic_hz = APIC_HZ;
	rc = filter(vm);
	if (rc)
		return error_set(err, -EOPNOTSUPP,
				 "this host's KVM hands no registers to the "
				 "VMM (KVM_CAP_X86_USER_SPACE_MSR): %s; Linux "
				 "5.10 has it",
				 strerror(-rc));
	return 0;
}

int hyperv_start(struct vm *vm, struct error *err)
{
	struct hyperv *h = vm->hv;
	sigset_t all, before;
	int rc;

	h->model.tsc_hz = vm->tsc_khz * 1000ull;
	if (!hv_clock_scale(h->model.tsc_hz))
		return error_set(err, -EOPNOTSUPP,
				 "--hyperv user makes its clock of the TSC, "
				 "which this host's KVM calls unstable");
	hyperv_see_tsc(h, &vm->vcpu[0]);
	hv_clock_start(&h->model.clock, h->model.tsc_hz, h->seen_tsc, 0);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = -pthread_create(&h->thread, NULL, timers_main, h);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc)
		return error_set(err, rc, "cannot start the timers' thread: %s",
				 strerror(-rc));
	h->has_thread = true;
	return 0;
}

void hyperv_destroy(struct vm *vm)
{
	struct hyperv *h = vm->hv;

	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	h->quit = true;
	pthread_cond_signal(&h->wake);
	pthread_mutex_unlock(&h->lock);
	if (h->has_thread)
		pthread_join(h->thread, NULL);
	pthread_cond_destroy(&h->wake);
	pthread_cond_destroy(&h->left);
	pthread_mutex_destroy(&h->lock);
	free(h);
	vm->hv = NULL;
}

void hyperv_pause(struct vm *vm)
{
	struct hyperv *h = vm->hv;

	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	h->running = false;
	pthread_mutex_unlock(&h->lock);
}

void hyperv_resume(struct vm *vm)
{
	struct hyperv *h = vm->hv;

	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	if (!h->running)
		hyperv_see_tsc(h, &vm->vcpu[0]);
	if (h->moved)
		hv_write_tsc_page(&h->model);
	h->moved = false;
	h->running = true;
	pthread_cond_signal(&h->wake);
	pthread_mutex_unlock(&h->lock);
}

/* KVM's own; the first of them names the last. */
static void move_up(struct kvm_cpuid_entry2 *e)
{
	if (e->function == HV_LEAF_VENDOR && e->eax)
		e->eax += 0x100;
	e->function += 0x100;
}

int hyperv_leaves(const struct vm *vm, struct kvm_cpuid2 *c, uint32_t max)
{
	const struct hv_model *m = &vm->hv->model;
	uint32_t leaf, i;

	for (i = 0; i < c->nent; i++)
		if (c->entries[i].function >> 8 == HV_LEAF_VENDOR >> 8)
			move_up(&c->entries[i]);
	for (leaf = HV_LEAF_VENDOR; leaf <= HV_LEAF_HARDWARE; leaf++) {
		uint32_t reg[4];

		if (!hv_leaf(m, leaf, reg))
			continue;
		if (c->nent == max)
			return -E2BIG;
		c->entries[c->nent++] = (struct kvm_cpuid_entry2){
			.function = leaf,
			.eax = reg[0],
			.ebx = reg[1],
			.ecx = reg[2],
			.edx = reg[3],
		};
	}
	return 0;
}
