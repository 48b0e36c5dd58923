/* SPDX-License-Identifier: MIT */
/* Hyper-V's interface as KVM itself serves it: its CPUID leaves. */
#ifndef VMFERRY_VMM_HYPERV_KVM_H
#define VMFERRY_VMM_HYPERV_KVM_H

#include <stdint.h>

#include "base/error.h"
#include "vmm/compat.h"

struct vcpu;
struct vm;

/* Return: 0, or -EOPNOTSUPP with a sentence. */
int hyperv_kvm_check(const struct vm *vm, struct error *err);

/* Enable what must be asked for on each vCPU, before its leaves: the SynIC. */
void hyperv_kvm_enable(const struct vcpu *vcpu);

/* A hypercall that KVM leaves to us: we have no connections and no ports. Its
 * other exits only tell that a page has been placed. */
void hyperv_kvm_exit(struct kvm_run *run);

/* Are all features there that were asked for by name? 0, or -EOPNOTSUPP with a
 * sentence. Behind hyperv_kvm_leaves(). */
int hyperv_kvm_verify(const struct vm *vm, struct error *err);

/**
 * hyperv_kvm_leaves() - put Hyper-V's leaves in the place of KVM's own.
 * @vcpu: its KVM_GET_SUPPORTED_HV_CPUID is asked, so that what was enabled on
 *	it (nested_enable_evmcs()) is in them.
 * @cpuid: room for @max entries in all.
 *
 * Return: 0, -E2BIG, -ENOMEM, or what KVM said.
 * Source: Documentation/virt/kvm/api.rst, KVM_GET_SUPPORTED_HV_CPUID; TLFS,
 * "Hypervisor discovery".
 */
int hyperv_kvm_leaves(const struct vcpu *vcpu, struct kvm_cpuid2 *cpuid,
		      uint32_t max);

#endif
