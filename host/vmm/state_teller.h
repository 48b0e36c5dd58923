/* SPDX-License-Identifier: MIT */
/* Who is told the values of a state: state_describe.c, state_tell_devices.c. */
#ifndef VMFERRY_VMM_STATE_TELLER_H
#define VMFERRY_VMM_STATE_TELLER_H

#include "vmm/state.h"
#include "vmm/state_format.h"

struct teller {
	void (*each)(void *ctx, int vcpu, const char *name,
		     enum vm_value_kind kind, const void *value,
		     size_t value_bytes);
	void *ctx;
	int vcpu;
};

/* The bus and its devices; -EPROTO if one's fields make no sense. */
int teller_devices(const struct teller *t, const struct state_view *v,
		   struct error *err);

#endif
