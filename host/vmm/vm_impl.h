/* SPDX-License-Identifier: MIT */
/* The inside of struct vm: for the files of this folder only. */
#ifndef VMFERRY_VMM_VM_IMPL_H
#define VMFERRY_VMM_VM_IMPL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "vmm/compat.h"
#include "vmm/nested.h"
#include "vmm/serial.h"
#include "vmm/state.h"
#include "vmm/vm.h"
#include "vmm/vm_map.h"

struct vcpu {
	struct vm *vm;
	unsigned int index; /* also the APIC id */
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	bool has_thread;
	bool parked; /* under vm->lock */
	/* Dirty ring, shared with KVM, and the entry that comes next: under
	 * vm->log.lock. NULL = none. */
	struct kvm_dirty_gfn *ring;
	uint32_t ring_next;
	/* KVM has run over it once, and is ahead of us by nobody knows how
	 * many entries. */
	bool ring_skewed;
	uint32_t ring_taken; /* since it was full last */
	unsigned int ring_futile; /* full so often, with nothing in it */
	/* KVM's counters; -1 = none. Opened before it runs: the call waits for
	 * KVM_RUN to return. */
	int stats_fd;
	bool has_evmcs; /* KVM_CAP_HYPERV_ENLIGHTENED_VMCS is enabled */
	pid_t tid; /* set before vm_create() returns */
	_Atomic uint64_t nr_exits;
};

enum vm_want {
	VM_WANT_PAUSE,
	VM_WANT_RUN,
	VM_WANT_QUIT, /* threads end */
};

/* What this host's KVM has, of the things that we can do without. */
struct vm_caps {
	bool tsc_control;
	bool tsc_deadline;
	bool xcrs; /* the CPU has XSAVE */
	size_t xsave_bytes; /* of KVM_GET_XSAVE2; 0 = only KVM_GET_XSAVE */
	unsigned int manual_dirty; /* flags of MANUAL_DIRTY_LOG_PROTECT2 */
	uint32_t ring_entries; /* dirty ring in use; 0 = bitmap */
	size_t nested_bytes; /* of KVM_GET_NESTED_STATE at most; 0 = none */
};

struct dirty_log {
	/* For all of it: a vCPU whose ring is full empties it itself. */
	pthread_mutex_t lock;
	bool on;
	bool unwanted; /* on, but to be stopped before a vCPU runs */
	int ring_broken; /* -errno: pages may be missed until the log stops */
	uint64_t ring_pages, ring_full_exits, ring_overruns;
	uint64_t ring_resets, ring_reset_ns;
	unsigned int flags; /* manual protection in use, 0 = none */
	/* Per region: KVM's answer before it is ORed; and, unless KVM keeps
	 * account by itself, what is dirty and not cleared yet. */
	uint64_t *fetched[GUESTMEM_MAX_REGIONS];
	uint64_t *kept[GUESTMEM_MAX_REGIONS];
	/* What devices of ours have written; as long as the machine. */
	_Atomic uint64_t *own[GUESTMEM_MAX_REGIONS];
};

struct vm {
	int kvm_fd;
	int fd;
	size_t run_bytes;
	const struct vm_events *events;
	void *ctx;
	struct vm_caps caps;
	struct guestmem mem;
	struct vm_map map;
	uint32_t tsc_khz;

	/* Hyper-V's interface: whose, and which features (HYPERV_BIT()). */
	enum hyperv_mode hyperv;
	uint32_t hv_wanted, hv_must;
	unsigned int hv_broken; /* hyperv_break_number() */
	struct hyperv *hv; /* of HYPERV_USER; else NULL */
	enum vm_nested nested_want;
	enum nested_kind nested; /* what the guest has */
	bool drop_nested; /* sabotage: saves leave it out */

	/* What KVM offers, patched; each vCPU gets its copy (cpuid.c). */
	struct kvm_cpuid2 *cpuid;
	/* What became of it on vCPU 0: KVM adds to it. */
	struct kvm_cpuid2 *cpuid_taken;
	/* MSRs that can be read on this host, ascending (msr.c). */
	uint32_t *msr;
	unsigned int nr_msrs;

	pthread_mutex_t lock;
	pthread_cond_t changed; /* want, parked */
	enum vm_want want;
	unsigned int nr_parked;
	bool ended; /* by exit port, shutdown or failure */
	bool broken; /* a state was loaded half-way */

	/* Devices: after @lock, never before it. */
	pthread_mutex_t device_lock;
	struct serial serial;
	bool frozen; /* between save and resume: no input */

	struct dirty_log log;
	_Atomic bool has_clock; /* after clock: others read it */
	struct vm_clock_report clock;

	unsigned int nr_vcpus;
	struct vcpu vcpu[];
};

/* ioctl() that goes on after signals. 0.. or -errno. */
int kvm_ioctl(int fd, unsigned long request, void *arg);
/* With a number for an argument. */
int kvm_ioctl_value(int fd, unsigned long request, unsigned long value);

/* vm_host.c: what must be asked of /dev/kvm. */
int vm_open_kvm(const char *path, int *ret_fd, struct error *err);
int vm_probe_caps(struct vm *vm, struct error *err);

/* dirty.c: what vm_log_stop_later() left; before vCPUs run. */
int vm_log_settle(struct vm *vm);
/* With the memory there. 0 or -ENOMEM. */
int vm_log_init(struct vm *vm);
/* The machine is going, KVM's part of it first. */
void vm_log_exit(struct vm *vm);

/* vcpu.c: threads. vcpu_start() returns with the thread parked. */
int vcpu_create(struct vm *vm, unsigned int index, struct error *err);
int vcpu_start(struct vcpu *vcpu, struct error *err);
void vcpu_destroy(struct vcpu *vcpu);
/* Makes all vCPUs, or one, leave KVM_RUN. Context: vm->lock held. */
void vcpu_kick_all(struct vm *vm);
void vcpu_kick(struct vcpu *vcpu);

/* vcpu_exit.c: handles one exit. Return: true = enter the guest again. */
bool vcpu_handle_exit(struct vcpu *vcpu);
/* KVM_RUN itself failed. */
void vcpu_run_failed(struct vcpu *vcpu, int rc);

/* dirty_ring.c: before the vCPUs; -EOPNOTSUPP if KVM has no such ring. */
int dirty_ring_enable(struct vm *vm, unsigned int nr_entries,
		      struct error *err);
int dirty_ring_map(struct vcpu *vcpu);
void dirty_ring_unmap(struct vcpu *vcpu);
/*
 * Takes what the rings of all vCPUs hold into vm->log.kept (NULL: forgets it)
 * and has those pages protected again: read after that, they are current or
 * will be logged again. Also if KVM has overwritten entries: then all pages are
 * dirty. An error stays one until the log stops.
 * Context: vm->log.lock held.
 */
int dirty_ring_collect(struct vm *vm);
/* A vCPU has left KVM_RUN because its ring is full. -EIO: KVM does not let it
 * go on, whatever we do. */
int dirty_ring_full(struct vcpu *vcpu);

/* dirty.c: logging of all regions, by KVM. Context: vm->log.lock held. */
int dirty_set_flags(struct vm *vm, uint32_t flags);
/* All pages count as dirty, where that is ours to remember. */
void dirty_keep_all(struct vm *vm);

/* cpuid.c */
int cpuid_build(struct vm *vm, struct error *err);
int cpuid_apply(struct vcpu *vcpu, struct error *err);
/* What @vcpu has now; to be freed. NULL: out of memory. */
struct kvm_cpuid2 *cpuid_get(const struct vcpu *vcpu);
/*
 * Gives @vcpu the entries of a migrated one. -ENOTSUP and a sentence if they
 * have features that this host lacks.
 */
int cpuid_load(struct vcpu *vcpu, const struct kvm_cpuid_entry2 *entries,
	       uint32_t nr, struct error *err);

/* msr.c */
int msr_probe(struct vm *vm, struct error *err);
/* 0, or -EIO if KVM doesn't have it. */
int msr_read(const struct vcpu *vcpu, uint32_t index, uint64_t *ret_value);
int msr_write(const struct vcpu *vcpu, uint32_t index, uint64_t value);
/* All of vm->msr, IA32_TSC apart: @entries has room for vm->nr_msrs. */
int msr_save(const struct vcpu *vcpu, struct kvm_msr_entry *entries,
	     uint32_t *ret_nr, struct error *err);
int msr_load(const struct vcpu *vcpu, const struct kvm_msr_entry *entries,
	     uint32_t nr, struct error *err);

#define MSR_TSC 0x10u
#define MSR_TSC_DEADLINE 0x6e0u

/* state_clock.c: the guest's time across the gap. */
struct state_clock;
struct state_tsc;
int clock_save(const struct vm *vm, struct state_clock *ret_clock);
int clock_load(const struct vm *vm, const struct state_clock *saved,
	       struct state_clock *ret_now);
int tsc_save(const struct vcpu *vcpu, struct state_tsc *ret_tsc);
int tsc_load(const struct vcpu *vcpu, const struct state_tsc *saved,
	     const struct state_clock *then, const struct state_clock *now);
/* Since a CLOCK_REALTIME of the source; 0 if our clock is behind. */
uint64_t clock_elapsed_ns(uint64_t then_ns);
/* Fills vm->clock. */
void clock_measure(struct vm *vm, const struct state_tsc *saved);

/* state_devices.c */
struct state_view;
int devices_save(struct vm *vm, struct buf *state, struct error *err);
/* Could they be loaded? Nothing changes. */
int devices_check(struct vm *vm, const struct state_view *view,
		  struct error *err);
int devices_load(struct vm *vm, const struct state_view *view,
		 struct error *err);

/* vm.c. Are all vCPUs parked, and meant to be? */
bool vm_is_quiescent(struct vm *vm);
int vm_set_slot(struct vm *vm, unsigned int region, uint32_t flags);

#endif
