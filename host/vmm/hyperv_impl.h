/* SPDX-License-Identifier: MIT */
/* Inside of what joins the model of Hyper-V to KVM: hyperv*.c. */
#ifndef VMFERRY_VMM_HYPERV_IMPL_H
#define VMFERRY_VMM_HYPERV_IMPL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/hyperv_user.h"
#include "vmm/hyperv_model.h"
#include "vmm/vm_impl.h"

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
	const struct vcpu *caller; /* NULL: the timers' thread */
	uint64_t seen_tsc, seen_ns; /* the guest's TSC at some time */
	struct hyperv_vcpu vcpu[VM_MAX_VCPUS];
	struct hv_model model;
};

/* hyperv_ops.c: what the model does to the machine; its context: the lock. */
extern const struct hv_ops hyperv_ops;
/* Notes the guest's TSC: of a vCPU that is parked, or whose thread asks. */
void hyperv_see_tsc(struct hyperv *h, const struct vcpu *vcpu);

#endif
