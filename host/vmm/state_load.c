/* SPDX-License-Identifier: MIT */
/* Writes a state into KVM. */
#include "vmm/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/hyperv_user.h"
#include "vmm/state_format.h"
#include "vmm/vm_impl.h"

/*
 * In this order, what depends behind what it depends on: CPUID decides what
 * the others may hold; SREGS2 has the APIC base, which LAPIC reads, and EFER
 * and CR4, which MSRs read; KVM_SET_REGS drops pending exceptions, so that
 * VCPU_EVENTS comes behind it; TSC_DEADLINE is taken only in the LAPIC's mode
 * for it and with the right TSC.
 */
static const struct {
	enum state_id id;
	unsigned long request; /* 0 = a function below */
} order[] = {
	{ STATE_CPUID, 0 },
	{ STATE_SREGS2, KVM_SET_SREGS2 },
	{ STATE_XCRS, KVM_SET_XCRS },
	{ STATE_XSAVE, KVM_SET_XSAVE },
	{ STATE_MSRS, 0 },
	{ STATE_REGS, KVM_SET_REGS },
	{ STATE_DEBUGREGS, KVM_SET_DEBUGREGS },
	{ STATE_LAPIC, KVM_SET_LAPIC },
	{ STATE_TSC, 0 },
	{ STATE_MP_STATE, KVM_SET_MP_STATE },
	{ STATE_EVENTS, KVM_SET_VCPU_EVENTS },
};

_Static_assert(sizeof(order) / sizeof(order[0]) == STATE_NR_VCPU_IDS,
	       "every vCPU section is loaded");

struct load {
	struct vm *vm;
	const struct state_view *view;
	struct state_clock then, now;
	void *scratch; /* payloads, aligned */
};

static int explain(int rc, enum state_id id, uint32_t index, struct error *err)
{
	if (rc >= 0)
		return 0;
	return error_set(err, rc, "KVM refused section %s of %u: %s",
			 state_name(id), index, strerror(-rc));
}

static const void *aligned(struct load *l, const struct state_part *part)
{
	return memcpy(l->scratch, part->data, part->bytes);
}

static int load_deadline(const struct vcpu *vcpu,
			 const struct kvm_msr_entry *entries, uint32_t nr)
{
	uint32_t i;

	for (i = 0; i < nr; i++)
		if (entries[i].index == MSR_TSC_DEADLINE && entries[i].data)
			return msr_write(vcpu, MSR_TSC_DEADLINE,
					 entries[i].data);
	return 0;
}

static int load_tsc(struct load *l, const struct vcpu *vcpu)
{
	const struct state_part *part = l->view->vcpu[vcpu->index];
	const struct state_part *msrs = &part[STATE_MSRS];
	struct state_tsc tsc;
	int rc;

	memcpy(&tsc, part[STATE_TSC].data, sizeof(tsc));
	rc = tsc_load(vcpu, &tsc, &l->then, &l->now);
	return rc ? rc
		  : load_deadline(vcpu, aligned(l, msrs),
				  msrs->bytes / sizeof(struct kvm_msr_entry));
}

static int load_part(struct load *l, struct vcpu *vcpu, size_t i,
		     struct error *err)
{
	enum state_id id = order[i].id;
	const struct state_part *part = &l->view->vcpu[vcpu->index][id];
	int rc;

	if (id == STATE_XCRS && !vcpu->vm->caps.xcrs)
		rc = 0;
	else if (order[i].request)
		rc = kvm_ioctl(vcpu->fd, order[i].request,
			       (void *)aligned(l, part));
	else if (id == STATE_CPUID)
		rc = cpuid_load(vcpu, aligned(l, part),
				part->bytes / sizeof(struct kvm_cpuid_entry2),
				err);
	else if (id == STATE_MSRS)
		rc = msr_load(vcpu, aligned(l, part),
			      part->bytes / sizeof(struct kvm_msr_entry), err);
	else
		rc = load_tsc(l, vcpu);
	return explain(rc, id, vcpu->index, err);
}

/* Nested state comes behind what it is checked against, and before events. */
static int load_step(struct load *l, struct vcpu *vcpu, size_t i,
		     struct error *err)
{
	uint32_t n = vcpu->index;
	int rc = 0;

	if (order[i].id == STATE_MP_STATE)
		rc = explain(nested_load(vcpu, &l->view->nested[n]),
			     STATE_NESTED, n, err);
	return rc ? rc : load_part(l, vcpu, i, err);
}

/* After the LAPICs: an interrupt that a chip has pending goes to one. */
static int load_chips(struct load *l, struct error *err)
{
	const struct state_view *v = l->view;
	int fd = l->vm->fd;
	uint32_t i;
	int rc;

	for (i = 0; i < STATE_NR_CHIPS; i++) {
		struct kvm_irqchip chip;

		memcpy(&chip, v->chip[i].data, sizeof(chip));
		chip.chip_id = i;
		rc = kvm_ioctl(fd, KVM_SET_IRQCHIP, &chip);
		if (rc)
			return explain(rc, STATE_IRQCHIP, i, err);
	}
	rc = kvm_ioctl(fd, KVM_SET_PIT2, (void *)aligned(l, &v->pit));
	return explain(rc, STATE_PIT2, 0, err);
}

/* Drives the line again, which the irqchip takes for no new edge. */
static int load_serial(struct load *l, struct error *err)
{
	struct serial_state state;
	int rc;

	memcpy(&state, l->view->serial.data, sizeof(state));
	pthread_mutex_lock(&l->vm->device_lock);
	rc = serial_load(&l->vm->serial, &state);
	pthread_mutex_unlock(&l->vm->device_lock);
	return explain(rc, STATE_SERIAL, 0, err);
}

/* Its clock is made of the TSC, which is there now. */
static int load_hyperv(struct load *l, struct error *err)
{
	struct state_tsc tsc;

	memcpy(&tsc, l->view->vcpu[0][STATE_TSC].data, sizeof(tsc));
	return explain(hyperv_load(l->vm, &l->view->hyperv,
				   clock_elapsed_ns(tsc.realtime_ns)),
		       STATE_HYPERV, 0, err);
}

static int load_all(struct load *l, struct error *err)
{
	struct vm *vm = l->vm;
	unsigned int i;
	size_t step;
	int rc;

	memcpy(&l->then, l->view->clock.data, sizeof(l->then));
	rc = clock_load(vm, &l->then, &l->now);
	if (rc)
		return explain(rc, STATE_CLOCK, 0, err);
	for (i = 0; i < vm->nr_vcpus; i++)
		for (step = 0; !rc && step < STATE_NR_VCPU_IDS; step++)
			rc = load_step(l, &vm->vcpu[i], step, err);
	if (!rc)
		rc = load_hyperv(l, err);
	if (!rc)
		rc = load_chips(l, err);
	if (!rc)
		rc = load_serial(l, err);
	/* An interrupt that a device has pending goes to a LAPIC, too. */
	return rc ? rc : devices_load(vm, l->view, err);
}

/* What can be told before anything is loaded. */
static int check_shape(struct vm *vm, const struct state_view *view,
		       struct error *err)
{
	size_t xsave = vm->caps.xsave_bytes;
	struct serial_state serial;
	uint32_t i;
	int rc;

	if (xsave < sizeof(struct kvm_xsave))
		xsave = sizeof(struct kvm_xsave);
	if (view->nr_vcpus != vm->nr_vcpus)
		return error_set(err, -EPROTO,
				 "the state is of %u vCPUs, this machine has "
				 "%u",
				 view->nr_vcpus, vm->nr_vcpus);
	for (i = 0; i < view->nr_vcpus; i++)
		if (view->vcpu[i][STATE_XSAVE].bytes != xsave)
			return error_set(err, -ENOTSUP,
					 "section XSAVE of %u has %u bytes; "
					 "this host's vCPUs have %zu",
					 i, view->vcpu[i][STATE_XSAVE].bytes,
					 xsave);
	for (i = 0; i < view->nr_vcpus; i++) {
		rc = nested_check(vm, &view->nested[i], i, err);
		if (rc)
			return rc;
	}
	memcpy(&serial, view->serial.data, sizeof(serial));
	if (!serial_state_valid(&serial))
		return error_set(err, -EPROTO,
				 "section SERIAL holds a state that no serial "
				 "port can be in");
	rc = hyperv_check(vm, &view->hyperv, err);
	return rc ? rc : devices_check(vm, view, err);
}

static size_t largest_part(const struct state_view *view)
{
	size_t most = sizeof(struct kvm_pit_state2);
	uint32_t i, id;

	for (i = 0; i < view->nr_vcpus; i++)
		for (id = 0; id < STATE_NR_VCPU_IDS; id++)
			if (view->vcpu[i][id].bytes > most)
				most = view->vcpu[i][id].bytes;
	return most;
}

int vm_state_load(struct vm *vm, const uint8_t *state, size_t bytes,
		  struct error *err)
{
	struct state_view *view = calloc(1, sizeof(*view));
	struct load l = { .vm = vm, .view = view };
	struct state_tsc tsc;
	int rc;

	if (!view)
		return error_set(err, -ENOMEM, "out of memory");
	if (!vm_is_quiescent(vm)) {
		rc = error_set(err, -EBUSY, "the machine runs already");
		goto out;
	}
	rc = state_parse(state, bytes, view, err);
	if (!rc)
		rc = check_shape(vm, view, err);
	if (rc)
		goto out;
	l.scratch = malloc(largest_part(view));
	if (!l.scratch) {
		rc = error_set(err, -ENOMEM, "out of memory");
		goto out;
	}
	rc = load_all(&l, err);
	pthread_mutex_lock(&vm->lock);
	vm->broken = rc != 0;
	pthread_mutex_unlock(&vm->lock);
	if (!rc) {
		memcpy(&tsc, view->vcpu[0][STATE_TSC].data, sizeof(tsc));
		clock_measure(vm, &tsc);
	}
out:
	free(l.scratch);
	free(view);
	return rc;
}
