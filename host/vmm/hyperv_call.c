/* SPDX-License-Identifier: MIT */
/* Hypercalls. Source: TLFS 3 (calling convention), 9.4 (flush), 10.5 (IPI),
 * 11.11 (events). */
#include "vmm/hyperv_model.h"

#include <string.h>

struct call {
	struct hv_model *hv;
	unsigned int vp;
	uint64_t control, input, output;
	uint32_t reps, start;
	uint32_t done;
};

static bool is_fast(const struct call *c)
{
	return c->control & HV_CALL_FAST;
}

/* The input block, whole, within one page; not to be read twice. */
static uint16_t fetch(const struct call *c, void *to, size_t bytes)
{
	const void *from;

	if (c->input & 7 || (c->input & 4095) + bytes > 4096)
		return HV_STATUS_INVALID_ALIGNMENT;
	from = c->hv->ops->memory(c->hv->ctx, c->input, bytes);
	if (!from)
		return HV_STATUS_INVALID_PARAMETER;
	memcpy(to, from, bytes);
	return HV_STATUS_SUCCESS;
}

static uint64_t all_vps(const struct hv_model *hv)
{
	return ~0ull >> (64 - hv->nr_vps);
}

/* Whatever the addresses, all is flushed: more than was asked for is allowed. */
static uint16_t flush(struct call *c)
{
	struct hv_model *hv = c->hv;
	struct hv_flush_input in;
	uint16_t status;

	if (is_fast(c))
		return HV_STATUS_INVALID_INPUT;
	status = fetch(c, &in, sizeof(in));
	if (status)
		return status;
	if (in.flags & ~7ull)
		return HV_STATUS_INVALID_PARAMETER;
	if (in.flags & HV_FLUSH_ALL_PROCESSORS)
		in.processors = all_vps(hv);
	if (hv->broken != HV_BREAK_FLUSH)
		hv->ops->flush(hv->ctx, in.processors & all_vps(hv));
	c->done = c->reps;
	return HV_STATUS_SUCCESS;
}

static uint16_t flush_list(struct call *c)
{
	if (!c->reps || c->start >= c->reps)
		return HV_STATUS_INVALID_INPUT;
	if ((c->input & 4095) + sizeof(struct hv_flush_input) + c->reps * 8ull >
	    4096)
		return HV_STATUS_INVALID_ALIGNMENT;
	return flush(c);
}

static uint16_t send_ipi(struct call *c)
{
	uint64_t in[2] = { c->input, c->output };
	struct hv_model *hv = c->hv;
	uint16_t status = 0;
	unsigned int i;

	if (!is_fast(c))
		status = fetch(c, in, sizeof(in));
	if (status)
		return status;
	/* Vector in 32 bits; the target's VTL, of which there is one. */
	if (in[0] >> 32 || in[0] < HV_SINT_MIN_VECTOR || in[0] > 255)
		return HV_STATUS_INVALID_PARAMETER;
	if (in[1] & ~all_vps(hv))
		return HV_STATUS_INVALID_PARAMETER;
	for (i = 0; i < hv->nr_vps; i++)
		if (in[1] >> i & 1 && hv->broken != HV_BREAK_IPI)
			hv->ops->interrupt(hv->ctx, i, (uint8_t)in[0]);
	return HV_STATUS_SUCCESS;
}

/* Connection in 32 bits, number of the flag in 16, and 16 of zero. */
static uint16_t signal_event(struct call *c)
{
	uint64_t in = c->input;
	uint16_t status = 0;

	if (!is_fast(c))
		status = fetch(c, &in, sizeof(in));
	if (status)
		return status;
	if (in >> 48)
		return HV_STATUS_INVALID_PARAMETER;
	if (((uint32_t)in & ~0xf0u) != HV_LOOP_CONNECTION)
		return HV_STATUS_INVALID_CONNECTION;
	return hv_signal(c->hv, c->vp, (unsigned int)in >> 4 & 15,
			 (unsigned int)(in >> 32));
}

static const struct {
	uint16_t code;
	bool repeats;
	enum hyperv_feature feature;
	uint16_t (*run)(struct call *c);
} calls[] = {
	{ HV_CALL_FLUSH_SPACE, false, HYPERV_TLBFLUSH, flush },
	{ HV_CALL_FLUSH_LIST, true, HYPERV_TLBFLUSH, flush_list },
	{ HV_CALL_SEND_IPI, false, HYPERV_IPI, send_ipi },
	{ HV_CALL_SIGNAL_EVENT, false, HYPERV_SYNIC, signal_event },
};

static uint16_t run(struct call *c)
{
	size_t i;

	if (c->control & HV_CALL_RESERVED)
		return HV_STATUS_INVALID_INPUT;
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (calls[i].code != (c->control & HV_CALL_CODE))
			continue;
		if (!(c->hv->features & HYPERV_BIT(calls[i].feature)))
			return HV_STATUS_ACCESS_DENIED;
		/* None of them has a header of variable size. */
		if ((c->control >> HV_CALL_HEADER_SHIFT & 0x3ff) ||
		    (!calls[i].repeats && (c->reps || c->start)))
			return HV_STATUS_INVALID_INPUT;
		return calls[i].run(c);
	}
	return c->hv->broken == HV_BREAK_BAD_CALLS ? HV_STATUS_SUCCESS
						   : HV_STATUS_INVALID_CODE;
}

bool hv_may_call(const struct hv_model *hv)
{
	return hv->hypercall & HV_PAGE_ENABLED;
}

uint64_t hv_call(struct hv_model *hv, unsigned int vp, uint64_t control,
		 uint64_t input, uint64_t output)
{
	struct call c = {
		.hv = hv,
		.vp = vp,
		.control = control,
		.input = input,
		.output = output,
		.reps = control >> HV_CALL_REPS_SHIFT & 0xfff,
		.start = control >> HV_CALL_START_SHIFT & 0xfff,
	};
	uint16_t status = run(&c);

	return status | (uint64_t)c.done << HV_CALL_REPS_SHIFT;
}
