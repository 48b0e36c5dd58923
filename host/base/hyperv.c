/* SPDX-License-Identifier: MIT */
/* Enlightenments: names, and what needs what. */
#include "base/hyperv.h"

#include <errno.h>
#include <string.h>

#include "hv_checks.h"

const char *const hyperv_mode_names[] = { "off", "kvm", "user", NULL };

const char *const hyperv_wish_names[] = { "auto", "on", "off", NULL };

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
	[HYPERV_RESET] = "reset",
	[HYPERV_CRASH] = "crash",
	[HYPERV_REENLIGHTENMENT] = "reenlightenment",
	[HYPERV_XMM_INPUT] = "xmm-input",
	[HYPERV_TLBFLUSH_EXT] = "tlbflush-ext",
	[HYPERV_EVMCS] = "evmcs",
	[HYPERV_EMSR_BITMAP] = "emsr-bitmap",
	[HYPERV_TLBFLUSH_DIRECT] = "tlbflush-direct",
};

#define NAME(name, word, bits) #name,
const char *const hyperv_break_names[] = { HV_CHECKS(NAME) NULL };
#undef NAME

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
	[HYPERV_TLBFLUSH_EXT] =
		HYPERV_BIT(HYPERV_VPINDEX) | HYPERV_BIT(HYPERV_TLBFLUSH),
	[HYPERV_EVMCS] = HYPERV_BIT(HYPERV_VAPIC),
	[HYPERV_EMSR_BITMAP] =
		HYPERV_BIT(HYPERV_VAPIC) | HYPERV_BIT(HYPERV_EVMCS),
	[HYPERV_TLBFLUSH_DIRECT] = HYPERV_BIT(HYPERV_VAPIC),
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
				 "--hv-break knows no '%s': 'vmferry vmm "
				 "--hv-break list' names the guest's checks",
				 c->broken);
	return 0;
}

/* What is asked for by name, and what is not refused. */
static int read_wishes(const struct hyperv_choice *c, uint32_t *wanted,
		       uint32_t *must, struct error *err)
{
	uint32_t i;

	for (i = 0; i < HYPERV_NR_FEATURES; i++) {
		const char *name = hyperv_feature_names[i];

		if (c->wish[i] && c->mode == HYPERV_OFF)
			return error_set(err, -EINVAL,
					 "--hv-%s: there is nothing to choose "
					 "from with --hyperv off",
					 name);
		if (c->wish[i] == HYPERV_ON && c->mode == HYPERV_USER &&
		    !(HYPERV_USER_FEATURES & HYPERV_BIT(i)))
			return error_set(err, -EINVAL,
					 "--hv-%s is not for --hyperv user: "
					 "only KVM can serve it",
					 name);
		*must |= c->wish[i] == HYPERV_ON ? HYPERV_BIT(i) : 0;
		*wanted |= c->wish[i] != HYPERV_NOT ? HYPERV_BIT(i) : 0;
	}
	if (c->mode == HYPERV_OFF)
		*wanted = 0;
	if (c->mode == HYPERV_USER)
		*wanted &= HYPERV_USER_FEATURES;
	return 0;
}

int hyperv_resolve(const struct hyperv_choice *c, uint32_t *ret_wanted,
		   uint32_t *ret_must, struct error *err)
{
	uint32_t wanted = 0, must = 0, i;
	int rc = read_wishes(c, &wanted, &must, err);

	if (rc)
		return rc;
	/* In the order of the table a need comes before who has it. */
	for (i = 0; i < HYPERV_NR_FEATURES; i++) {
		uint32_t lacks = needs[i] & ~wanted;

		if (!lacks)
			continue;
		if (must & HYPERV_BIT(i))
			return error_set(
				err, -EINVAL,
				"--hv-%s on needs --hv-%s, which is off",
				hyperv_feature_names[i],
				hyperv_feature_names[__builtin_ctz(lacks)]);
		wanted &= ~HYPERV_BIT(i);
	}
	rc = check_break(c, err);
	if (rc)
		return rc;
	*ret_wanted = wanted;
	if (ret_must)
		*ret_must = must;
	return 0;
}
