/* SPDX-License-Identifier: MIT */
/*
 * Guests that are hypervisors: what this host's KVM lets them have (VMX or
 * SVM), and their nested state as a section of the machine's state.
 *
 * A vCPU that has never been in VMX operation, or whose SVM is as at reset,
 * has no such section: such a guest migrates to hosts without nesting too.
 */
#ifndef VMFERRY_VMM_NESTED_H
#define VMFERRY_VMM_NESTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "vmm/compat.h"

struct state_part;
struct vcpu;
struct vm;

/* What the CPUID of a vCPU offers to virtualize with. */
enum nested_kind { NESTED_NONE, NESTED_VMX, NESTED_SVM };

enum nested_kind nested_kind_of(const struct kvm_cpuid2 *cpuid);

/**
 * nested_resolve() - settle what guests of @vm may virtualize with.
 *
 * vm->nested_want decides: off takes VMX and SVM out of vm->cpuid; on wants
 * one of them there; auto leaves what KVM has.
 *
 * Context: vm->cpuid is what KVM supports.
 * Return: 0, or -EOPNOTSUPP with a sentence that has the remedy.
 * Source: Documentation/virt/kvm/x86/running-nested-guests.rst.
 */
int nested_resolve(struct vm *vm, struct error *err);

/**
 * nested_enable_evmcs() - let the guest of @vcpu use the enlightened VMCS.
 * @ret_version: lowest version in the low byte, highest in the next; 0 where
 *	KVM has none (AMD, or built without Hyper-V).
 *
 * Before the Hyper-V leaves are asked for (KVM_GET_SUPPORTED_HV_CPUID of this
 * vCPU then has them in 0x40000004 and 0x4000000A) and before KVM_SET_CPUID2.
 *
 * Return: 0 or what KVM said.
 * Source: Documentation/virt/kvm/api.rst, KVM_CAP_HYPERV_ENLIGHTENED_VMCS.
 */
int nested_enable_evmcs(struct vcpu *vcpu, uint16_t *ret_version);

/* Appends the section of @vcpu if there is anything in it. */
int nested_save(const struct vcpu *vcpu, struct buf *state);

/**
 * nested_check() - can @vm take this section?
 * @part: hostile; data NULL = there is none, which is fine.
 * @index: the vCPU, for sentences.
 *
 * Return: 0; -EPROTO if no KVM can have made it; -ENOTSUP if this host cannot
 * take it.
 */
int nested_check(const struct vm *vm, const struct state_part *part,
		 uint32_t index, struct error *err);

/**
 * nested_load() - hand a checked section to KVM.
 *
 * Context: CPUID, SREGS and MSRs are loaded (it needs EFER.SVME, CR4.VMXE and
 * IA32_FEATURE_CONTROL; and MSRs of VMX cannot be written behind it), events
 * are not (what is pending may be for L2).
 */
int nested_load(struct vcpu *vcpu, const struct state_part *part);

/* Sabotage: saves of @vm leave all nested state out. */
void vm_drop_nested(struct vm *vm, bool drop);

#endif
