/* SPDX-License-Identifier: MIT */
/* Reads the state out of KVM. */
#include "vmm/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/hyperv_user.h"
#include "vmm/state_format.h"
#include "vmm/vm_impl.h"

/*
 * In this order: KVM_GET_MP_STATE lets a pending INIT or SIPI take effect,
 * which may change what the others read.
 */
static const struct {
	enum state_id id;
	unsigned long request;
	size_t bytes;
} plain[] = {
	{ STATE_MP_STATE, KVM_GET_MP_STATE, sizeof(struct kvm_mp_state) },
	{ STATE_EVENTS, KVM_GET_VCPU_EVENTS, sizeof(struct kvm_vcpu_events) },
	{ STATE_REGS, KVM_GET_REGS, sizeof(struct kvm_regs) },
	{ STATE_SREGS2, KVM_GET_SREGS2, sizeof(struct kvm_sregs2) },
	{ STATE_XCRS, KVM_GET_XCRS, sizeof(struct kvm_xcrs) },
	{ STATE_DEBUGREGS, KVM_GET_DEBUGREGS, sizeof(struct kvm_debugregs) },
	{ STATE_LAPIC, KVM_GET_LAPIC, sizeof(struct kvm_lapic_state) },
};

static int explain(int rc, enum state_id id, uint32_t index, struct error *err)
{
	if (rc >= 0)
		return 0;
	return error_set(err, rc, "cannot save section %s of %u: %s",
			 state_name(id), index, strerror(-rc));
}

static int save_plain(const struct vcpu *vcpu, size_t i, struct buf *state,
		      struct error *err)
{
	union {
		struct kvm_lapic_state largest;
		uint8_t bytes[sizeof(struct kvm_lapic_state)];
	} u = { .bytes = { 0 } };
	int rc;

	_Static_assert(sizeof(struct kvm_sregs2) <= sizeof(u), "fits");
	_Static_assert(sizeof(struct kvm_xcrs) <= sizeof(u), "fits");
	/* A CPU without XSAVE has no XCR0: saved as 0. */
	if (plain[i].id == STATE_XCRS && !vcpu->vm->caps.xcrs)
		rc = 0;
	else
		rc = kvm_ioctl(vcpu->fd, plain[i].request, &u);
	if (rc >= 0)
		rc = state_append(state, plain[i].id, vcpu->index, &u,
				  plain[i].bytes);
	return explain(rc, plain[i].id, vcpu->index, err);
}

static int save_xsave(const struct vcpu *vcpu, struct buf *state,
		      struct error *err)
{
	size_t bytes = vcpu->vm->caps.xsave_bytes;
	unsigned long request = bytes ? KVM_GET_XSAVE2 : KVM_GET_XSAVE;
	void *data;
	int rc = -ENOMEM;

	if (bytes < sizeof(struct kvm_xsave))
		bytes = sizeof(struct kvm_xsave);
	data = calloc(1, bytes);
	if (data)
		rc = kvm_ioctl(vcpu->fd, request, data);
	if (!rc)
		rc = state_append(state, STATE_XSAVE, vcpu->index, data, bytes);
	free(data);
	return explain(rc, STATE_XSAVE, vcpu->index, err);
}

static int save_msrs(const struct vcpu *vcpu, struct buf *state,
		     struct error *err)
{
	struct kvm_msr_entry *entries =
		calloc(vcpu->vm->nr_msrs + 1, sizeof(*entries));
	uint32_t nr = 0;
	int rc = -ENOMEM;

	if (entries)
		rc = msr_save(vcpu, entries, &nr, err);
	if (!rc)
		rc = state_append(state, STATE_MSRS, vcpu->index, entries,
				  nr * sizeof(*entries));
	free(entries);
	return explain(rc, STATE_MSRS, vcpu->index, err);
}

static int save_cpuid(const struct vcpu *vcpu, struct buf *state,
		      struct error *err)
{
	struct kvm_cpuid2 *c = cpuid_get(vcpu);
	int rc = -ENOMEM;

	if (c)
		rc = state_append(state, STATE_CPUID, vcpu->index, c->entries,
				  c->nent * sizeof(c->entries[0]));
	free(c);
	return explain(rc, STATE_CPUID, vcpu->index, err);
}

static int save_tsc(const struct vcpu *vcpu, struct buf *state,
		    struct error *err)
{
	struct state_tsc tsc;
	int rc = tsc_save(vcpu, &tsc);

	if (!rc)
		rc = state_append(state, STATE_TSC, vcpu->index, &tsc,
				  sizeof(tsc));
	return explain(rc, STATE_TSC, vcpu->index, err);
}

static int save_vcpu(const struct vcpu *vcpu, struct buf *state,
		     struct error *err)
{
	int rc = 0;
	size_t i;

	for (i = 0; !rc && i < sizeof(plain) / sizeof(plain[0]); i++)
		rc = save_plain(vcpu, i, state, err);
	if (!rc)
		rc = save_xsave(vcpu, state, err);
	if (!rc)
		rc = save_msrs(vcpu, state, err);
	if (!rc)
		rc = save_cpuid(vcpu, state, err);
	if (!rc)
		rc = explain(nested_save(vcpu, state), STATE_NESTED,
			     vcpu->index, err);
	return rc ? rc : save_tsc(vcpu, state, err);
}

static int save_chips(const struct vm *vm, struct buf *state, struct error *err)
{
	struct kvm_pit_state2 pit = { 0 };
	uint32_t i;
	int rc;

	for (i = 0; i < STATE_NR_CHIPS; i++) {
		struct kvm_irqchip chip = { .chip_id = i };

		rc = kvm_ioctl(vm->fd, KVM_GET_IRQCHIP, &chip);
		if (!rc)
			rc = state_append(state, STATE_IRQCHIP, i, &chip,
					  sizeof(chip));
		if (rc)
			return explain(rc, STATE_IRQCHIP, i, err);
	}
	rc = kvm_ioctl(vm->fd, KVM_GET_PIT2, &pit);
	if (!rc)
		rc = state_append(state, STATE_PIT2, 0, &pit, sizeof(pit));
	return explain(rc, STATE_PIT2, 0, err);
}

static int save_serial(struct vm *vm, struct buf *state, struct error *err)
{
	struct serial_state serial;

	pthread_mutex_lock(&vm->device_lock);
	vm->frozen = true;
	serial_save(&vm->serial, &serial);
	pthread_mutex_unlock(&vm->device_lock);
	return explain(
		state_append(state, STATE_SERIAL, 0, &serial, sizeof(serial)),
		STATE_SERIAL, 0, err);
}

/* Last: the closer to the load, the less the guest's time has to guess. */
static int save_clock(const struct vm *vm, struct buf *state, struct error *err)
{
	struct state_clock clock;
	int rc = clock_save(vm, &clock);

	if (!rc)
		rc = state_append(state, STATE_CLOCK, 0, &clock, sizeof(clock));
	return explain(rc, STATE_CLOCK, 0, err);
}

int vm_state_save(struct vm *vm, struct buf *state, struct error *err)
{
	size_t start = state->bytes;
	unsigned int i;
	int rc;

	if (!vm_is_quiescent(vm))
		return error_set(err, -EBUSY,
				 "the machine runs: its state would change "
				 "while it is read");
	rc = state_begin(state, vm->nr_vcpus);
	/* Before the chips: a line that changes now is still in them. */
	if (!rc)
		rc = save_serial(vm, state, err);
	if (!rc)
		rc = devices_save(vm, state, err);
	if (!rc)
		rc = explain(hyperv_save(vm, state), STATE_HYPERV, 0, err);
	for (i = 0; !rc && i < vm->nr_vcpus; i++)
		rc = save_vcpu(&vm->vcpu[i], state, err);
	if (!rc)
		rc = save_chips(vm, state, err);
	if (!rc)
		rc = save_clock(vm, state, err);
	if (rc)
		state->bytes = start;
	else
		state_finish(state, start);
	return rc;
}
