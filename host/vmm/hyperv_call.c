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
	uint32_t header; /* words of a header of variable size */
	uint32_t done;
};

static bool is_fast(const struct call *c)
{
	return c->control & HV_CALL_FAST;
}

/* @bytes of the input block, at @offset; not to be read twice. */
static uint16_t fetch(const struct call *c, size_t offset, void *to,
		      size_t bytes)
{
	const void *from;

	if (c->input & 7 || (c->input & 4095) + offset + bytes > 4096)
		return HV_STATUS_INVALID_ALIGNMENT;
	from = c->hv->ops->memory(c->hv->ctx, c->input + offset, bytes);
	if (!from)
		return HV_STATUS_INVALID_PARAMETER;
	memcpy(to, from, bytes);
	return HV_STATUS_SUCCESS;
}

static uint64_t all_vps(const struct hv_model *hv)
{
	return ~0ull >> (64 - hv->nr_vps);
}

/* A set of processors that may have any index; those above 63 are nobody. */
static uint16_t fetch_set(const struct call *c, size_t offset,
			  uint64_t *ret_vps, bool *ret_nobody)
{
	struct hv_set set;
	uint64_t bank[64];
	uint16_t status = fetch(c, offset, &set, sizeof(set));
	unsigned int nr, i;

	if (status)
		return status;
	*ret_nobody = false;
	*ret_vps = all_vps(c->hv);
	if (set.format == HV_SET_ALL)
		return HV_STATUS_SUCCESS;
	nr = (unsigned int)__builtin_popcountll(set.banks);
	if (set.format != HV_SET_SPARSE)
		return HV_STATUS_INVALID_PARAMETER;
	if (nr != c->header)
		return HV_STATUS_INVALID_INPUT;
	status = fetch(c, offset + sizeof(set), bank, nr * sizeof(bank[0]));
	if (status)
		return status;
	*ret_vps = set.banks & 1 ? bank[0] : 0;
	for (i = set.banks & 1; i < nr; i++)
		*ret_nobody = *ret_nobody || bank[i];
	return HV_STATUS_SUCCESS;
}

/* Whatever the addresses, all is flushed: more than was asked for is allowed. */
static uint16_t flush_vps(struct call *c, uint64_t vps)
{
	struct hv_model *hv = c->hv;

	if (hv->broken != HV_BREAK_flush)
		hv->ops->flush(hv->ctx, vps & all_vps(hv));
	c->done = c->reps;
	return HV_STATUS_SUCCESS;
}

static uint16_t flush(struct call *c)
{
	struct hv_flush_input in;
	uint16_t status;

	if (is_fast(c))
		return HV_STATUS_INVALID_INPUT;
	status = fetch(c, 0, &in, sizeof(in));
	if (status)
		return status;
	if (in.flags & ~7ull)
		return HV_STATUS_INVALID_PARAMETER;
	return flush_vps(c, in.flags & HV_FLUSH_ALL_PROCESSORS ? all_vps(c->hv)
							       : in.processors);
}

#define SET_OF_FLUSH offsetof(struct hv_flush_input, processors)

static uint16_t flush_ex(struct call *c)
{
	struct hv_flush_input in;
	uint64_t vps = 0;
	uint16_t status;
	bool nobody;

	if (is_fast(c))
		return HV_STATUS_INVALID_INPUT;
	status = fetch(c, 0, &in, SET_OF_FLUSH);
	if (!status && in.flags & ~7ull)
		status = HV_STATUS_INVALID_PARAMETER;
	if (!status)
		status = fetch_set(c, SET_OF_FLUSH, &vps, &nobody);
	if (status)
		return status;
	return flush_vps(c, in.flags & HV_FLUSH_ALL_PROCESSORS ? all_vps(c->hv)
							       : vps);
}

/* Is the list, behind @bytes, within the page too? */
static uint16_t check_list(const struct call *c, size_t bytes)
{
	if (!c->reps || c->start >= c->reps)
		return HV_STATUS_INVALID_INPUT;
	if ((c->input & 4095) + bytes + c->reps * 8ull > 4096)
		return HV_STATUS_INVALID_ALIGNMENT;
	return HV_STATUS_SUCCESS;
}

static uint16_t flush_list(struct call *c)
{
	uint16_t status = check_list(c, sizeof(struct hv_flush_input));

	return status ? status : flush(c);
}

static uint16_t flush_list_ex(struct call *c)
{
	uint16_t status = check_list(c, SET_OF_FLUSH + sizeof(struct hv_set) +
						c->header * sizeof(uint64_t));

	return status ? status : flush_ex(c);
}

/* @vector in 32 bits; then the target's VTL, of which there is one. */
static uint16_t send_vps(struct call *c, uint64_t vector, uint64_t vps)
{
	struct hv_model *hv = c->hv;
	unsigned int i;

	if (vector >> 32 || vector < HV_SINT_MIN_VECTOR || vector > 255)
		return HV_STATUS_INVALID_PARAMETER;
	if (vps & ~all_vps(hv))
		return HV_STATUS_INVALID_PARAMETER;
	for (i = 0; i < hv->nr_vps; i++)
		if (vps >> i & 1 && hv->broken != HV_BREAK_ipi)
			hv->ops->interrupt(hv->ctx, i, (uint8_t)vector);
	return HV_STATUS_SUCCESS;
}

static uint16_t send_ipi(struct call *c)
{
	uint64_t in[2] = { c->input, c->output };
	uint16_t status = is_fast(c) ? 0 : fetch(c, 0, in, sizeof(in));

	return status ? status : send_vps(c, in[0], in[1]);
}

static uint16_t send_ipi_ex(struct call *c)
{
	uint64_t vector, vps = 0;
	bool nobody = false;
	uint16_t status;

	if (is_fast(c))
		return HV_STATUS_INVALID_INPUT;
	status = fetch(c, 0, &vector, sizeof(vector));
	if (!status)
		status = fetch_set(c, sizeof(vector), &vps, &nobody);
	if (!status && nobody)
		status = HV_STATUS_INVALID_PARAMETER;
	return status ? status : send_vps(c, vector, vps);
}

/* Connection in 32 bits, number of the flag in 16, and 16 of zero. */
static uint16_t signal_event(struct call *c)
{
	uint64_t in = c->input;
	uint16_t status = 0;

	if (!is_fast(c))
		status = fetch(c, 0, &in, sizeof(in));
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
	bool repeats, has_set;
	enum hyperv_feature feature;
	uint16_t (*run)(struct call *c);
} calls[] = {
	{ HV_CALL_FLUSH_SPACE, false, false, HYPERV_TLBFLUSH, flush },
	{ HV_CALL_FLUSH_LIST, true, false, HYPERV_TLBFLUSH, flush_list },
	{ HV_CALL_FLUSH_SPACE_EX, false, true, HYPERV_TLBFLUSH, flush_ex },
	{ HV_CALL_FLUSH_LIST_EX, true, true, HYPERV_TLBFLUSH, flush_list_ex },
	{ HV_CALL_SEND_IPI, false, false, HYPERV_IPI, send_ipi },
	{ HV_CALL_SEND_IPI_EX, false, true, HYPERV_IPI, send_ipi_ex },
	{ HV_CALL_SIGNAL_EVENT, false, false, HYPERV_SYNIC, signal_event },
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
		if ((c->header && !calls[i].has_set) ||
		    (!calls[i].repeats && (c->reps || c->start)))
			return HV_STATUS_INVALID_INPUT;
		return calls[i].run(c);
	}
	return c->hv->broken == HV_BREAK_bad_calls ? HV_STATUS_SUCCESS
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
		.header = control >> HV_CALL_HEADER_SHIFT & 0x3ff,
		.reps = control >> HV_CALL_REPS_SHIFT & 0xfff,
		.start = control >> HV_CALL_START_SHIFT & 0xfff,
	};
	uint16_t status = run(&c);

	return status | (uint64_t)c.done << HV_CALL_REPS_SHIFT;
}
