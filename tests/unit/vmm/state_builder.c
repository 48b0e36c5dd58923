/* SPDX-License-Identifier: MIT */
#include "state_builder.h"

#include <string.h>

#include "vmm/compat.h"
#include "vmm/serial.h"

size_t state_size_of(uint32_t id)
{
	static const size_t size[STATE_NR_IDS] = {
		[STATE_CPUID] = 2 * sizeof(struct kvm_cpuid_entry2),
		[STATE_MP_STATE] = sizeof(struct kvm_mp_state),
		[STATE_EVENTS] = sizeof(struct kvm_vcpu_events),
		[STATE_REGS] = sizeof(struct kvm_regs),
		[STATE_SREGS2] = sizeof(struct kvm_sregs2),
		[STATE_XCRS] = sizeof(struct kvm_xcrs),
		[STATE_XSAVE] = sizeof(struct kvm_xsave),
		[STATE_DEBUGREGS] = sizeof(struct kvm_debugregs),
		[STATE_LAPIC] = sizeof(struct kvm_lapic_state),
		[STATE_MSRS] = 3 * sizeof(struct kvm_msr_entry),
		[STATE_TSC] = sizeof(struct state_tsc),
		[STATE_CLOCK] = sizeof(struct state_clock),
		[STATE_IRQCHIP] = sizeof(struct kvm_irqchip),
		[STATE_PIT2] = sizeof(struct kvm_pit_state2),
		[STATE_SERIAL] = sizeof(struct serial_state),
		[STATE_PCI] = sizeof(struct state_pci),
		[STATE_DEVICE] = sizeof(struct state_device) + 10,
	};

	return size[id];
}

/* Section @n of a whole state. */
void state_section(size_t n, enum state_id *id, uint32_t *index)
{
	static const enum state_id rest[] = { STATE_CLOCK,   STATE_IRQCHIP,
					      STATE_IRQCHIP, STATE_IRQCHIP,
					      STATE_PIT2,    STATE_SERIAL,
					      STATE_PCI,     STATE_DEVICE };
	static const uint32_t rest_index[] = { 0, 0, 1, 2, 0, 0, 0, 0 };

	if (n < NR_VCPUS * STATE_NR_VCPU_IDS) {
		*id = (enum state_id)(n % STATE_NR_VCPU_IDS);
		*index = (uint32_t)(n / STATE_NR_VCPU_IDS);
		return;
	}
	n -= NR_VCPUS * STATE_NR_VCPU_IDS;
	*id = rest[n];
	*index = rest_index[n];
}

/* All bytes are @fill, but for the number of devices. */
const uint8_t *state_payload(enum state_id id, uint8_t fill)
{
	static uint8_t payload[8192];
	const struct state_pci pci = { .address = fill, .nr_devices = 1 };

	memset(payload, fill, sizeof(payload));
	if (id == STATE_PCI)
		memcpy(payload, &pci, sizeof(pci));
	return payload;
}

struct buf state_build(size_t which, enum what what, uint8_t fill)
{
	struct buf b = BUF_INIT;
	size_t n, bytes;

	assert_int_equal(state_begin(&b, NR_VCPUS), 0);
	for (n = 0; n < NR_SECTIONS; n++) {
		enum what now = n == which ? what : KEEP;
		enum state_id id;
		uint32_t index;

		state_section(n, &id, &index);
		bytes = state_size_of(id) + (now == LONGER) - (now == SHORTER);
		if (now != DROP)
			state_append(&b, id, index, state_payload(id, fill),
				     bytes);
		if (now == DOUBLE)
			state_append(&b, id, index, state_payload(id, fill),
				     bytes);
	}
	state_finish(&b, 0);
	return b;
}
