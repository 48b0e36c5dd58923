/* SPDX-License-Identifier: MIT */
/*
 * Hyper-V served by the mini VMM itself (--hyperv user): the model
 * (hyperv_model.h), joined to KVM.
 *
 * Its registers come out of KVM_RUN by an MSR filter, hypercalls by a port
 * that the hypercall page writes to. A thread of its own expires the timers.
 * Source: Documentation/virt/kvm/api.rst, KVM_CAP_X86_USER_SPACE_MSR,
 * KVM_X86_SET_MSR_FILTER.
 */
#ifndef VMFERRY_VMM_HYPERV_USER_H
#define VMFERRY_VMM_HYPERV_USER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "vmm/compat.h"

struct hyperv;
struct state_part;
struct teller;
struct vcpu;
struct vm;

/**
 * hyperv_create() - have @vm serve it: what vm->hv_wanted says.
 *
 * Before its vCPUs. Return: 0; -EOPNOTSUPP where KVM cannot hand registers to
 * us; -ENOMEM; or what KVM said.
 */
int hyperv_create(struct vm *vm, struct error *err);
/* The TSC's frequency is known now, and the vCPUs are there. -EOPNOTSUPP: they
 * have no steady TSC. */
int hyperv_start(struct vm *vm, struct error *err);
/* The vCPU threads have ended. */
void hyperv_destroy(struct vm *vm);

/* Puts the leaves in, and KVM's own 0x100 above them. Return: 0, -E2BIG. */
int hyperv_leaves(const struct vm *vm, struct kvm_cpuid2 *cpuid, uint32_t max);

/* All of these do nothing where vm->hv is NULL. Of a vCPU's own thread:
 * before and after each KVM_RUN; and after one that a kick ended. */
void hyperv_enter(struct vcpu *vcpu);
void hyperv_leave(struct vcpu *vcpu);
void hyperv_kicked(struct vcpu *vcpu);
/* KVM_EXIT_X86_RDMSR and _WRMSR; a register that is none of ours faults. */
void hyperv_msr_exit(struct vcpu *vcpu);
/* A write to HV_CALL_PORT. Return: false: there is no hypercall page. */
bool hyperv_call_exit(struct vcpu *vcpu);

/* The vCPUs are parked. */
void hyperv_pause(struct vm *vm);
void hyperv_resume(struct vm *vm);
/* Appends section HYPERV. */
int hyperv_save(struct vm *vm, struct buf *state);
/* Hostile @part; data NULL = there is none. 0, -EPROTO or -ENOTSUP. */
int hyperv_check(const struct vm *vm, const struct state_part *part,
		 struct error *err);
/* A checked one; behind the vCPUs' TSCs. @elapsed_ns: since the save. */
int hyperv_load(struct vm *vm, const struct state_part *part,
		uint64_t elapsed_ns);
/* Names the values of a section; 0, -EPROTO or -ENOMEM. Needs no machine. */
int hyperv_tell(const struct teller *t, const struct state_part *part,
		struct error *err);

#endif
