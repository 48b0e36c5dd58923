/* SPDX-License-Identifier: MIT */
/* RAM by descriptor, on both sides. */
#include "migrate/handover.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/bitmap.h"
#include "migrate/source_priv.h"
#include "migrate/target_priv.h"

/* Those of the machine's regions that have a descriptor. */
static unsigned int collect_fds(struct migrate_source *src, int *fds)
{
	unsigned int i, nr = 0;

	src->handed = 0;
	for (i = 0; i < src->memory.nr_regions; i++) {
		int fd = src->ops->handover->fd(src->vm, i);

		if (fd < 0)
			continue;
		fds[nr++] = fd;
		src->handed |= 1u << i;
	}
	return nr;
}

static int send_memory(struct migrate_source *src, const int *fds,
		       unsigned int nr)
{
	struct {
		struct wire_header_le header;
		uint8_t table[MIGRATE_MAX_REGIONS *
			      sizeof(struct wire_memory_le)];
	} head;
	struct wire_header h = { .type = WIRE_MEMORY, .payload_bytes = 1 };
	struct iovec iov;
	int rc;

	h.table_bytes = (uint32_t)wire_put_memory(
		head.table, src->memory.region, src->handed);
	iov = (struct iovec){ &head, sizeof(head.header) + h.table_bytes };
	rc = peer_send_iov(&src->peer, &head.header, &h, &iov, 1);
	if (rc)
		return rc;
	/* The payload: the byte that the descriptors ride on. */
	rc = channel_send_fds(src->peer.ch, fds, nr);
	if (rc == -EOPNOTSUPP)
		return error_set(&src->err, rc,
				 "RAM is handed over on a UNIX socket only");
	return rc ? peer_lost(&src->peer, rc) : 0;
}

int source_hand_over(struct migrate_source *src)
{
	int fds[MIGRATE_MAX_REGIONS];
	unsigned int nr;
	int rc = source_phase(src, MIGRATE_PRECOPY);

	if (rc)
		return rc;
	nr = src->ops->handover ? collect_fds(src, fds) : 0;
	if (!nr)
		return error_set(&src->err, -EOPNOTSUPP,
				 "the source's machine has no RAM in a memfd "
				 "to hand over");
	rc = send_memory(src, fds, nr);
	return rc ? rc : peer_expect_flags(&src->peer, WIRE_MAPPED, 0);
}

void source_collect_unhanded(struct migrate_source *src)
{
	struct memory *m = &src->memory;
	unsigned int i;

	memory_set_all(m);
	for (i = 0; i < m->nr_regions; i++)
		if (src->handed & 1u << i)
			memset(m->bitmap[i], 0,
			       BITMAP_BYTES(memory_pages(m, i)));
}

/* In the order of the regions; closes what it does not hand on. */
static int map_all(struct migrate_target *tgt, const int *fds, unsigned int nr,
		   uint32_t handed)
{
	unsigned int i, at = 0;
	int rc = 0;

	if (nr != (unsigned int)__builtin_popcount(handed))
		rc = error_set(&tgt->err, -EPROTO,
			       "%u descriptors came for %d regions", nr,
			       __builtin_popcount(handed));
	for (i = 0; !rc && i < tgt->memory.nr_regions; i++) {
		if (!(handed & 1u << i))
			continue;
		rc = tgt->ops->handover->map(tgt->vm, i, fds[at++], &tgt->err);
		if (!rc)
			tgt->handed |= 1u << i;
	}
	for (; at < nr; at++)
		close(fds[at]);
	return rc;
}

int target_on_memory(struct migrate_target *tgt, const struct wire_header *h)
{
	struct peer *p = &tgt->in.peer;
	int fds[CHANNEL_MAX_FDS];
	uint32_t handed = 0;
	unsigned int nr = 0;
	int rc = 0;

	if (!tgt->ops->handover || tgt->handed || tgt->in.round.round)
		rc = error_set(p->err, -EPROTO,
			       "the source hands over memory that this target "
			       "does not await");
	if (!rc && h->payload_bytes != 1)
		rc = error_set(p->err, -EPROTO,
			       "a memory record came without its byte");
	if (!rc)
		rc = wire_parse_memory(p->table, h->table_bytes,
				       tgt->memory.region,
				       tgt->memory.nr_regions, &handed, p->err);
	if (rc)
		return rc;
	rc = channel_recv_fds(p->ch, fds, &nr);
	if (rc)
		return peer_lost(p, rc);
	rc = map_all(tgt, fds, nr, handed);
	p->during = migrate_phase_name(MIGRATE_PRECOPY);
	if (!rc)
		rc = progress_phase(&tgt->progress, MIGRATE_PRECOPY);
	return rc ? rc : peer_send_u64(p, WIRE_MAPPED, 0);
}

int target_check_runs(const struct intake *in, unsigned int nr_runs)
{
	unsigned int i;

	for (i = 0; i < nr_runs; i++)
		if (in->tgt->handed & 1u << in->runs[i].region)
			return error_set(in->peer.err, -EPROTO,
					 "pages came for memory that was "
					 "handed over");
	return 0;
}

int target_take(struct migrate_target *tgt)
{
	int rc = tgt->handed ? tgt->ops->handover->take(tgt->vm) : 0;

	if (rc)
		error_set(&tgt->err, rc,
			  "the target's machine failed to take the RAM that "
			  "was handed over: %s",
			  strerrordesc_np(-rc));
	return rc;
}
