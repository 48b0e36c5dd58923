/* SPDX-License-Identifier: MIT */
/* Controls, as the capability MSRs allow them. Pure: also tested on hosts. */
#include "hv/vmx.h"

bool vmx_adjust(uint64_t capability, uint32_t wanted, uint32_t *ret_value)
{
	uint32_t must = (uint32_t)capability;
	uint32_t may = (uint32_t)(capability >> 32);

	*ret_value = (wanted | must) & may;
	return (*ret_value & wanted) == wanted;
}
