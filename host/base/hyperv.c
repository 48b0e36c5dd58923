/* SPDX-License-Identifier: MIT */
/* Enlightenments: names, and what needs what. */
#include "base/hyperv.h"

#include <errno.h>
#include <string.h>

const char *const hyperv_mode_names[] = { "off", "kvm", "user", NULL };

const char *const hyperv_feature_names[HYPERV_NR_FEATURES] = {
	[HYPERV_RELAXED] = "relaxed",
	[HYPERV_VAPIC] = "vapic",
	[HYPERV_VPINDEX] = "vpindex",
	[HYPERV_RUNTIME] = "runtime",
	[HYPERV_TIME] = "time",
	[HYPERV_FREQUENCIES] = "frequencies",
	[HYPERV_SYNIC] = "synic",
	[HYPERV_STIMER] = "stimer",
	[HYPERV_STIMER_DIRECT] = "stimer-direct",
	[HYPERV_IPI] = "ipi",
	[HYPERV_TLBFLUSH] = "tlbflush",
};

const char *const hyperv_break_names[] = {
	"leaves",
	"os_id",
	"hypercall",
	"bad_calls",
	"vp_index",
	"vp_assist",
	"vp_runtime",
	"tsc_frequency",
	"apic_frequency",
	"tsc_page",
	"time_ref",
	"message",
	"event",
	"stimer_once",
	"stimer_periodic",
	"stimer_direct",
	"ipi",
	"flush",
	NULL,
};

/* Source: QEMU, docs/system/i386/hyperv.rst: what each one requires. */
static const uint32_t needs[HYPERV_NR_FEATURES] = {
	[HYPERV_SYNIC] = HYPERV_BIT(HYPERV_VPINDEX),
	[HYPERV_STIMER] = HYPERV_BIT(HYPERV_VPINDEX) |
			  HYPERV_BIT(HYPERV_SYNIC) | HYPERV_BIT(HYPERV_TIME),
	[HYPERV_STIMER_DIRECT] =
		HYPERV_BIT(HYPERV_VPINDEX) | HYPERV_BIT(HYPERV_SYNIC) |
		HYPERV_BIT(HYPERV_TIME) | HYPERV_BIT(HYPERV_STIMER),
	[HYPERV_IPI] = HYPERV_BIT(HYPERV_VPINDEX),
	[HYPERV_TLBFLUSH] = HYPERV_BIT(HYPERV_VPINDEX),
};

unsigned int hyperv_break_number(const char *name)
{
	unsigned int i;

	for (i = 0; name && hyperv_break_names[i]; i++)
		if (!strcmp(hyperv_break_names[i], name))
			return i + 1;
	return 0;
}

static int check_break(const struct hyperv_choice *c, struct error *err)
{
	if (!c->broken)
		return 0;
	if (c->mode != HYPERV_USER)
		return error_set(err, -EINVAL,
				 "--hv-break is for --hyperv user: only what "
				 "we serve can be broken");
	if (!hyperv_break_number(c->broken))
		return error_set(err, -EINVAL,
				 "--hv-break knows no '%s': it takes the name "
				 "of a check of the guest's, like time_ref",
				 c->broken);
	return 0;
}

int hyperv_resolve(const struct hyperv_choice *c, uint32_t *ret_wanted,
		   uint32_t *ret_must, struct error *err)
{
	uint32_t wanted = 0, must = 0, i, k;

	for (i = 0; i < HYPERV_NR_FEATURES; i++) {
		if (c->wish[i] && c->mode == HYPERV_OFF)
			return error_set(err, -EINVAL,
					 "--hv-%s: there is nothing to choose "
					 "from with --hyperv off",
					 hyperv_feature_names[i]);
		must |= c->wish[i] == HYPERV_ON ? HYPERV_BIT(i) : 0;
		wanted |= c->wish[i] != HYPERV_NOT ? HYPERV_BIT(i) : 0;
	}
	/* In the order of the table a need comes before who has it. */
	for (i = 0; i < HYPERV_NR_FEATURES; i++) {
		uint32_t lacks = needs[i] & ~wanted;

		if (!lacks)
			continue;
		for (k = 0; !(lacks & HYPERV_BIT(k)); k++)
			;
		if (must & HYPERV_BIT(i))
			return error_set(err, -EINVAL,
					 "--hv-%s on needs --hv-%s, which is "
					 "off",
					 hyperv_feature_names[i],
					 hyperv_feature_names[k]);
		wanted &= ~HYPERV_BIT(i);
	}
	*ret_wanted = c->mode == HYPERV_OFF ? 0 : wanted;
	if (ret_must)
		*ret_must = must;
	return check_break(c, err);
}
