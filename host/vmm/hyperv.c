/* SPDX-License-Identifier: MIT */
/* Joins what is served of Hyper-V to KVM, its vCPUs and time. */
#include "vmm/hyperv.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "vmm/dirty.h"
#include "vmm/hyperv_model.h"
#include "vmm/state_format.h"
#include "vmm/vm_impl.h"

#define MSI_GPA 0xfee00000u
/* KVM's LAPIC timer counts nanoseconds. */
#define APIC_HZ 1000000000u

struct hyperv_vcpu {
	bool in_run;
	bool flush; /* before it runs again */
};

struct hyperv {
	struct vm *vm;
	pthread_mutex_t lock; /* for all of it; vm->lock comes behind */
	pthread_cond_t wake; /* the timers' thread */
	pthread_cond_t left; /* a vCPU has left KVM_RUN, or flushed */
	pthread_t thread;
	bool has_thread, running, quit;
	bool moved; /* the page's contents are to be written anew */
	struct vcpu *caller; /* NULL: the timers' thread */
	uint64_t seen_tsc, seen_ns; /* the guest's TSC at some time */
	struct hyperv_vcpu vcpu[VM_MAX_VCPUS];
	struct hv_model model;
};

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

static void see_tsc(struct hyperv *h, const struct vcpu *vcpu)
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
		see_tsc(h, h->caller);
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
	if (vcpu->has_thread && !vcpu->parked)
		vcpu_kick(vcpu);
	pthread_mutex_unlock(&vcpu->vm->lock);
}

/* Who is outside of KVM_RUN sees to it before it goes in again. */
static void flush(void *ctx, uint64_t vps)
{
	struct hyperv *h = ctx;
	struct vcpu *caller = h->caller;
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

static const struct hv_ops ops = {
	.memory = memory,
	.wrote = wrote,
	.tsc = tsc,
	.interrupt = interrupt,
	.flush = flush,
	.rearm = rearm,
	.runtime = runtime,
};

/* Sleeps until then, or until somebody changes something. */
static void sleep_until(struct hyperv *h, uint64_t now, uint64_t due)
{
	uint64_t ns = due - now > HV_CLOCK_HZ ? NSEC_PER_SEC
					      : (due - now) * 100;
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
	static uint8_t none[HV_NR_MSRS / 8]; /* is passed on */
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
	hv_model_init(&h->model, vm->nr_vcpus, vm->hv_features,
		      (enum hv_break)hyperv_break_number(vm->hv_broken));
	h->model.ops = &ops;
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
	see_tsc(h, &vm->vcpu[0]);
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
		see_tsc(h, &vm->vcpu[0]);
	if (h->moved)
		hv_write_tsc_page(&h->model);
	h->moved = false;
	h->running = true;
	pthread_cond_signal(&h->wake);
	pthread_mutex_unlock(&h->lock);
}

int hyperv_save(struct vm *vm, struct buf *state)
{
	struct hyperv *h = vm->hv;
	struct buf bytes = BUF_INIT;
	int rc;

	if (!h)
		return 0;
	pthread_mutex_lock(&h->lock);
	h->caller = &vm->vcpu[0];
	rc = hv_model_save(&h->model, &bytes);
	pthread_mutex_unlock(&h->lock);
	if (!rc)
		rc = state_append(state, STATE_HYPERV, 0, bytes.data,
				  bytes.bytes);
	buf_exit(&bytes);
	return rc;
}

int hyperv_check(const struct vm *vm, const struct state_part *part,
		 struct error *err)
{
	int rc;

	if (!vm->hv == !part->data)
		rc = part->data ? hv_model_check(&vm->hv->model, part->data,
						 part->bytes)
				: 0;
	else
		rc = -ENOTSUP;
	if (rc == -ENOTSUP)
		error_set(err, rc,
			  "the source has another Hyper-V interface than this "
			  "machine: the same --hyperv and --hv-... are needed");
	else if (rc)
		error_set(err, rc,
			  "section HYPERV holds a state that no machine can "
			  "be in");
	return rc;
}

int hyperv_load(struct vm *vm, const struct state_part *part,
		uint64_t elapsed_ns)
{
	struct hyperv *h = vm->hv;
	struct hv_clock_move move = { .elapsed_100ns = elapsed_ns / 100 };
	int rc;

	if (!h)
		return 0;
	pthread_mutex_lock(&h->lock);
	rc = hv_model_load(&h->model, part->data, part->bytes, &move.ref,
			   &move.saved_tsc_hz);
	if (!rc) {
		/* A host that can scale the TSC has it as it was. */
		if (vm->caps.tsc_control)
			h->model.tsc_hz = move.saved_tsc_hz;
		see_tsc(h, &vm->vcpu[0]);
		move.tsc = h->seen_tsc;
		move.tsc_hz = h->model.tsc_hz;
		hv_clock_move(&h->model.clock, &move);
		h->moved = true;
	}
	pthread_mutex_unlock(&h->lock);
	return rc;
}

int hyperv_leaves(const struct vm *vm, struct kvm_cpuid2 *c, uint32_t max)
{
	const struct hv_model *m = &vm->hv->model;
	uint32_t leaf, i;

	for (i = 0; i < c->nent; i++)
		if (c->entries[i].function >> 8 == HV_LEAF_VENDOR >> 8)
			c->entries[i].function += 0x100;
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
