/* SPDX-License-Identifier: MIT */
/* That the enlightened VMCS is in use, and can be left the clean way. */
#include "hv/nested.h"
#include "hv/vmx.h"

#include <stddef.h>

#include "x86/insn_vmx.h"

/* The ordinary VMCS is out of use: VMWRITE finds none. And out of the
 * enlightened one an ordinary one can be had again, and back. */
const char *vmx_prove_evmcs(void)
{
	uint32_t flags = l2_run.flags;
	const char *why;

	if (vmwrite(VMCS_guest_rip, 0))
		return "VMWRITE works: the enlightened VMCS is not in use";
	why = vmx_change(0);
	if (!why)
		why = l2_prove_cpuid(
			&nested_vmx,
			"an ordinary VMCS afterwards doesn't work");
	if (!why)
		why = vmx_change(flags);
	if (!why)
		why = l2_prove_cpuid(&nested_vmx,
				     "the enlightened VMCS doesn't work again");
	return why;
}
