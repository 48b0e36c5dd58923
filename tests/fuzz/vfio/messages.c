/* SPDX-License-Identifier: MIT */
/* Messages that are right for the most part: the deep ends are behind that. */
#include "messages.h"

#include <string.h>

#include "dma.h"
#include "vfio/device_stream.h"
#include "vfio/uapi.h"
#include "vfio/user_proto.h"

#define MAX_PAYLOAD 8192u

struct maker {
	struct messages *m;
	uint64_t random;
	uint8_t payload[MAX_PAYLOAD];
	size_t bytes;
	unsigned int nr_fds;
};

static uint64_t draw(struct maker *k, uint64_t below)
{
	uint64_t x = k->random += 0x9e3779b97f4a7c15ull;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return (x ^ (x >> 31)) % below;
}

static void put(struct maker *k, const void *data, size_t bytes)
{
	if (bytes > MAX_PAYLOAD - k->bytes)
		bytes = MAX_PAYLOAD - k->bytes;
	memcpy(k->payload + k->bytes, data, bytes);
	k->bytes += bytes;
}

/* Numbers about which things go wrong. */
static uint64_t number(struct maker *k)
{
	static const uint64_t edges[] = {
		0,	   1,	       4,
		8,	   15,	       16,
		255,	   4095,       4096,
		4097,	   65536,      1 << 20,
		1u << 31,  UINT32_MAX, 1ull << 40,
		INT64_MAX, UINT64_MAX, UINT64_MAX - 4095
	};
	uint64_t n = edges[draw(k, sizeof(edges) / sizeof(edges[0]))];

	return draw(k, 4) ? n : n + draw(k, 3) - 1;
}

static uint64_t small(struct maker *k, uint64_t usual)
{
	return draw(k, 12) ? usual : number(k);
}

static void make_map(struct maker *k)
{
	struct user_dma_map map = { 32, 3, 0, draw(k, 8) * 4096,
				    (1 + draw(k, 3)) * 4096 };

	if (!draw(k, 6))
		map.address = number(k);
	if (!draw(k, 6))
		map.size = number(k);
	map.flags = (uint32_t)small(k, draw(k, 4));
	k->nr_fds = draw(k, 2) ? 1 : 0;
	put(k, &map, sizeof(map));
}

static void make_unmap(struct maker *k)
{
	struct user_dma_unmap u = { 24, (uint32_t)small(k, 0),
				    draw(k, 8) * 4096,
				    (1 + draw(k, 3)) * 4096 };

	put(k, &u, sizeof(u));
}

static void make_irqs(struct maker *k)
{
	struct user_irq_set set = { 20, 1u << draw(k, 3) | 8u << draw(k, 3),
				    (uint32_t)small(k, 2),
				    (uint32_t)small(k, draw(k, 2)),
				    (uint32_t)small(k, draw(k, 3)) };

	k->nr_fds = (unsigned int)draw(k, 3);
	put(k, &set, sizeof(set));
	if (set.flags & 2)
		put(k, "\1\0\1\0", draw(k, 4));
}

/* The registers that start the engine, more or less. */
static void make_oracle(struct maker *k)
{
	struct user_region_access a = { offsetof(struct abi_dma_regs, oracle),
					0, 8 };
	struct oracle o = { .seed = 1,
			    .epoch = 1,
			    .nr_vcpus = 1,
			    .nr_orders = 1,
			    .write = 1 + (uint32_t)draw(k, 3),
			    .content = 2,
			    .nr_pages = 2,
			    .nr_ranges = 1,
			    .range = { { draw(k, 4), 2 } },
			    .order = { { .pattern = 1 } } };
	uint64_t at = draw(k, sizeof(o) / 8) * 8;

	a.offset += at;
	put(k, &a, sizeof(a));
	put(k, (uint8_t *)&o + at, 8);
}

static void make_write(struct maker *k)
{
	struct user_region_access a = { draw(k, 64) * 8, 0, 8 };
	uint64_t value = number(k);

	if (!draw(k, 3)) {
		make_oracle(k);
		return;
	}
	switch (draw(k, 4)) {
	case 0: /* the command register, or CONTROL */
		a = (struct user_region_access){ 4, 7, 2 };
		value = 6;
		break;
	case 1:
		a = (struct user_region_access){ 16, 0, 4 };
		value = draw(k, 4);
		break;
	case 2: /* migration v1 */
		a = (struct user_region_access){ draw(k, 4) * 8, 9, 8 };
		value = draw(k, 2) ? draw(k, 8) : number(k);
		if (!a.offset)
			a.count = 4;
		break;
	}
	a.region = (uint32_t)small(k, a.region);
	a.offset = small(k, a.offset);
	put(k, &a, sizeof(a));
	put(k, &value, a.count <= 8 ? a.count : 8);
}

static void make_read(struct maker *k)
{
	struct user_region_access a = { small(k, draw(k, 8) * 8),
					(uint32_t)small(k, draw(k, 10)),
					(uint32_t)small(k, 8) };

	put(k, &a, sizeof(a));
}

static void make_multi(struct maker *k)
{
	struct user_write_multi multi = { draw(k, 4) };
	uint64_t i;

	multi.count = small(k, multi.count);
	put(k, &multi, sizeof(multi));
	for (i = 0; i < multi.count && i < 5; i++) {
		struct user_write_one one = { small(k, 8 * i),
					      (uint32_t)draw(k, 10),
					      (uint32_t)small(k, 8),
					      { 1, 2, 3 } };

		put(k, &one, sizeof(one));
	}
}

static void make_logging(struct maker *k)
{
	struct mig_logging_control c = { small(k, 4096), (uint32_t)draw(k, 4),
					 0, 0 };
	uint32_t i;

	put(k, &c, MIG_LOGGING_CONTROL_USER_BYTES);
	for (i = 0; i < c.num_ranges; i++) {
		struct mig_logging_range r = { small(k, i * 8192),
					       small(k, 4096) };

		put(k, &r, sizeof(r));
	}
}

static void make_feature(struct maker *k)
{
	static const uint32_t usual[] = { 0x10001, 0x10002, 0x20002, 0x20002,
					  0x20002, 0x20006, 0x20007, 0x10008,
					  0x10009, 0x40001, 0x70002 };
	struct user_feature f = { (uint32_t)small(k, 4096),
				  usual[draw(k, 11)] };
	struct mig_feature_state state = { (uint32_t)small(k, draw(k, 8)), -1 };
	struct mig_logging_report r = { small(k, 0), small(k, 65536),
					small(k, 4096), 0 };

	f.flags = (uint32_t)small(k, f.flags);
	put(k, &f, sizeof(f));
	if ((f.flags & 0xffff) == MIG_FEATURE_LOGGING_START)
		make_logging(k);
	else if (f.flags == 0x20002)
		put(k, &state, sizeof(state));
	else if ((f.flags & 0xffff) == MIG_FEATURE_LOGGING_REPORT)
		put(k, &r, MIG_LOGGING_REPORT_USER_BYTES);
}

static void make_mig_read(struct maker *k)
{
	struct user_mig_data a = { 65536, (uint32_t)small(k, draw(k, 5000)) };

	put(k, &a, sizeof(a));
}

/* Pieces of a stream: its head, and records in any order. */
static void make_mig_write(struct maker *k)
{
	static const uint64_t fillers[] = { 128, 20032, 5056, 9024 };
	struct stream_head head = { STREAM_MAGIC, STREAM_VERSION, 848, 0 };
	struct stream_header h = { (uint32_t)small(k, 1 + draw(k, 5)),
				   (uint32_t)small(k, draw(k, 5000)),
				   small(k, draw(k, 3)) };
	struct user_mig_data a = { 8, 0 };
	size_t at = k->bytes;

	put(k, &a, sizeof(a));
	head.filler_bytes = fillers[draw(k, 4)];
	head.core_bytes = (uint32_t)small(k, head.core_bytes);
	if (h.record == STREAM_HEAD)
		h = (struct stream_header){ STREAM_HEAD, sizeof(head), 0 };
	put(k, &h, sizeof(h));
	if (h.record == STREAM_HEAD)
		put(k, &head, sizeof(head));
	else
		k->bytes += h.bytes < 6000 ? h.bytes : draw(k, 100);
	a.size = (uint32_t)small(k, k->bytes - at - sizeof(a));
	memcpy(k->payload + at, &a, sizeof(a));
}

static void make_plain(struct maker *k)
{
	uint32_t words[8] = { 64, 0, 0, 0 };
	size_t bytes = 16 + 16 * draw(k, 2);

	words[2] = (uint32_t)small(k, draw(k, 10));
	words[draw(k, 4)] = (uint32_t)small(k, 64);
	put(k, words, bytes);
}

static void make_dirty(struct maker *k)
{
	struct user_dirty_pages p = { 4096, 1u << draw(k, 3) };
	struct user_bitmap_range r = { small(k, 0), small(k, 65536), 4096,
				       small(k, 64) };

	put(k, &p, sizeof(p));
	if (p.flags == 4)
		put(k, &r, sizeof(r));
}

static void make_nothing(struct maker *k)
{
}

static const struct {
	uint16_t command;
	void (*make)(struct maker *k);
} kinds[] = {
	{ USER_DMA_MAP, make_map },
	{ USER_DMA_MAP, make_map },
	{ USER_DMA_UNMAP, make_unmap },
	{ USER_GET_INFO, make_plain },
	{ USER_GET_REGION_INFO, make_plain },
	{ USER_GET_IRQ_INFO, make_plain },
	{ USER_GET_REGION_IO_FDS, make_plain },
	{ USER_SET_IRQS, make_irqs },
	{ USER_REGION_READ, make_read },
	{ USER_REGION_WRITE, make_write },
	{ USER_REGION_WRITE, make_write },
	{ USER_REGION_WRITE, make_write },
	{ USER_WRITE_MULTI, make_multi },
	{ USER_FEATURE, make_feature },
	{ USER_FEATURE, make_feature },
	{ USER_FEATURE, make_feature },
	{ USER_MIG_DATA_READ, make_mig_read },
	{ USER_MIG_DATA_WRITE, make_mig_write },
	{ USER_MIG_DATA_WRITE, make_mig_write },
	{ USER_DIRTY_PAGES, make_dirty },
	{ USER_RESET, make_nothing },
};

static void put_piece(struct messages *m, unsigned int nr_fds, const void *data,
		      size_t bytes)
{
	if (bytes + 3 > MESSAGES_MAX_BYTES - m->bytes)
		return;
	m->data[m->bytes++] = (uint8_t)nr_fds;
	m->data[m->bytes++] = (uint8_t)bytes;
	m->data[m->bytes++] = (uint8_t)(bytes >> 8);
	memcpy(m->data + m->bytes, data, bytes);
	m->bytes += bytes;
}

static void damage(struct maker *k, uint8_t *data, size_t bytes)
{
	uint64_t times = draw(k, 4) ? 0 : 1 + draw(k, 3);

	while (times--)
		data[draw(k, bytes)] ^= (uint8_t)(1u << draw(k, 8));
}

static void make_message(struct maker *k)
{
	uint8_t data[sizeof(struct user_header) + MAX_PAYLOAD];
	uint64_t kind = draw(k, sizeof(kinds) / sizeof(kinds[0]));
	struct user_header h = { .id = (uint16_t)draw(k, 65536),
				 .command = kinds[kind].command };
	size_t bytes, cut;

	k->bytes = 0;
	k->nr_fds = draw(k, 30) ? 0 : (unsigned int)draw(k, 19);
	kinds[kind].make(k);
	bytes = sizeof(h) + k->bytes;
	h.bytes = (uint32_t)bytes;
	if (!draw(k, 10))
		h.flags = USER_FLAG_NO_REPLY;
	memcpy(data, &h, sizeof(h));
	memcpy(data + sizeof(h), k->payload, k->bytes);
	damage(k, data, bytes);
	cut = draw(k, 5) ? 0 : draw(k, bytes);
	if (cut)
		put_piece(k->m, k->nr_fds, data, cut);
	put_piece(k->m, cut ? 0 : k->nr_fds, data + cut, bytes - cut);
}

static size_t make_version(uint8_t *data)
{
	static const char json[] =
		"{\"capabilities\":{\"max_msg_fds\":8,\"write_multiple\":true}}";
	const struct user_version v = { 0, 1 };
	struct user_header h = { .command = USER_VERSION };

	h.bytes = sizeof(h) + sizeof(v) + sizeof(json);
	memcpy(data, &h, sizeof(h));
	memcpy(data + sizeof(h), &v, sizeof(v));
	memcpy(data + sizeof(h) + sizeof(v), json, sizeof(json));
	return h.bytes;
}

size_t messages_check(uint8_t *data)
{
	const struct user_header h = { .command = USER_RESET,
				       .bytes = sizeof(h) };
	size_t bytes = make_version(data);

	memcpy(data + bytes, &h, sizeof(h));
	return bytes + sizeof(h);
}

void messages_make(struct messages *m, uint64_t seed)
{
	struct maker k = { .m = m, .random = seed };
	uint8_t version[256];
	size_t bytes = make_version(version);
	uint64_t nr;

	m->bytes = 1;
	m->data[0] = (uint8_t)draw(&k, 256);
	if (!draw(&k, 20))
		damage(&k, version, bytes);
	put_piece(m, 0, version, bytes);
	for (nr = 1 + draw(&k, 40); nr; nr--)
		make_message(&k);
}
