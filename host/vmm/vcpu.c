/* SPDX-License-Identifier: MIT */
/*
 * vCPU threads: run, park, be kicked.
 *
 * A kick is immediate_exit plus a signal that only KVM_RUN lets through: all
 * signals are blocked in a vCPU thread, and KVM_SET_SIGNAL_MASK unblocks this
 * one inside. No handler, nothing process-wide; what was pending is taken
 * with sigtimedwait(). A thread parks only when KVM_RUN gave EINTR, never
 * right after an exit that we served: the next KVM_RUN then first completes
 * the I/O instruction, and leaves at once because of immediate_exit.
 */
#include "vmm/hyperv_user.h"
#include "vmm/vm_impl.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define KICK_SIGNAL SIGUSR1

/* The kernel's sigset, not libc's: 64 signals. */
#define KERNEL_SIGSET_BYTES 8u

static int set_signal_mask(int fd)
{
	struct {
		struct kvm_signal_mask head;
		uint8_t set[KERNEL_SIGSET_BYTES];
	} mask = { .head.len = KERNEL_SIGSET_BYTES };
	uint64_t blocked = ~(1ull << (KICK_SIGNAL - 1));

	memcpy(mask.head.sigset, &blocked, sizeof(blocked));
	return kvm_ioctl(fd, KVM_SET_SIGNAL_MASK, &mask);
}

int vcpu_create(struct vm *vm, unsigned int index, struct error *err)
{
	struct vcpu *vcpu = &vm->vcpu[index];
	int rc = kvm_ioctl_value(vm->fd, KVM_CREATE_VCPU, index);
	void *run;

	if (rc < 0)
		goto out_err;
	vcpu->fd = rc;
	if (kvm_ioctl_value(vm->fd, KVM_CHECK_EXTENSION,
			    KVM_CAP_BINARY_STATS_FD) > 0)
		vcpu->stats_fd = kvm_ioctl_value(vcpu->fd, KVM_GET_STATS_FD, 0);
	run = mmap(NULL, vm->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		   vcpu->fd, 0);
	if (run == MAP_FAILED) {
		rc = -errno;
		goto out_err;
	}
	vcpu->run = run;
	rc = set_signal_mask(vcpu->fd);
	if (!rc)
		rc = dirty_ring_map(vcpu);
	if (!rc)
		return 0;
out_err:
	return error_set(err, rc, "KVM refused vCPU %u: %s", index,
			 strerror(-rc));
}

void vcpu_kick(struct vcpu *vcpu)
{
	if (!vcpu->has_thread || vcpu->parked)
		return;
	vcpu->run->immediate_exit = 1;
	pthread_kill(vcpu->thread, KICK_SIGNAL);
}

void vcpu_kick_all(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->nr_vcpus; i++)
		vcpu_kick(&vm->vcpu[i]);
}

static void drain_kicks(void)
{
	const struct timespec now = { 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, KICK_SIGNAL);
	while (sigtimedwait(&set, NULL, &now) > 0)
		;
}

/* Waits until it may run. Return: false = the thread shall end. */
static bool park(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	bool run;

	pthread_mutex_lock(&vm->lock);
	if (vm->want != VM_WANT_RUN) {
		vcpu->parked = true;
		vm->nr_parked++;
		pthread_cond_broadcast(&vm->changed);
		while (vm->want == VM_WANT_PAUSE)
			pthread_cond_wait(&vm->changed, &vm->lock);
		vcpu->parked = false;
		vm->nr_parked--;
	}
	run = vm->want == VM_WANT_RUN;
	/* Under the lock: no kick can get lost between here and KVM_RUN. */
	drain_kicks();
	vcpu->run->immediate_exit = 0;
	pthread_mutex_unlock(&vm->lock);
	return run;
}

/* Return: false when KVM_RUN was interrupted or cannot go on. */
static bool run_once(struct vcpu *vcpu)
{
	int rc;

	hyperv_enter(vcpu);
	rc = ioctl(vcpu->fd, KVM_RUN, 0) ? -errno : 0;
	hyperv_leave(vcpu);
	switch (rc) {
	case 0:
		atomic_fetch_add_explicit(&vcpu->nr_exits, 1,
					  memory_order_relaxed);
		return vcpu_handle_exit(vcpu);
	case -EAGAIN: /* woken while it waits for INIT and SIPI */
		return true;
	case -EINTR:
		hyperv_kicked(vcpu);
		return false;
	default:
		vcpu_run_failed(vcpu, rc);
		return false;
	}
}

static void *thread_main(void *arg)
{
	struct vcpu *vcpu = arg;
	char name[16];

	snprintf(name, sizeof(name), "vcpu%u", vcpu->index);
	pthread_setname_np(pthread_self(), name);
	vcpu->tid = gettid();
	while (park(vcpu))
		while (run_once(vcpu))
			;
	return NULL;
}

int vcpu_start(struct vcpu *vcpu, struct error *err)
{
	struct vm *vm = vcpu->vm;
	sigset_t all, before;
	int rc;

	/* Inherited: no signal can hit the thread before it blocks them. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = -pthread_create(&vcpu->thread, NULL, thread_main, vcpu);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc)
		return error_set(err, rc, "cannot start vCPU %u's thread: %s",
				 vcpu->index, strerror(-rc));
	pthread_mutex_lock(&vm->lock);
	vcpu->has_thread = true;
	while (!vcpu->parked)
		pthread_cond_wait(&vm->changed, &vm->lock);
	pthread_mutex_unlock(&vm->lock);
	return 0;
}

void vcpu_destroy(struct vcpu *vcpu)
{
	if (vcpu->has_thread)
		pthread_join(vcpu->thread, NULL);
	dirty_ring_unmap(vcpu);
	if (vcpu->run)
		munmap(vcpu->run, vcpu->vm->run_bytes);
	if (vcpu->stats_fd >= 0)
		close(vcpu->stats_fd);
	if (vcpu->fd >= 0)
		close(vcpu->fd);
}
