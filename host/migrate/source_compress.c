/* SPDX-License-Identifier: MIT */
/* A source that compresses: its workers, what they did, what that means. */
#include "migrate/policy.h"
#include "migrate/source_priv.h"

void migrate_source_set_compress(struct migrate_source *src,
				 const struct migrate_compress *how)
{
	src->compress = *how;
}

int source_set_up_compression(struct migrate_source *src)
{
	const struct migrate_compress *how = &src->compress;
	int rc;

	if (how->codec == CODEC_NONE)
		return 0;
	rc = pools_open(&src->pools, how, CODEC_COMPRESS, src->channels.nr,
			PACK_MAX_HELD, &src->err);
	if (rc)
		return rc;
	src->feed.pools = &src->pools;
	src->feed.packed = pools_kind(how->codec);
	src->feed.max_pages = how->max_pages;
	return sender_compress(&src->sender, pools_get(&src->pools, 0),
			       src->feed.packed, how->max_pages);
}

void source_compression_begin(struct migrate_source *src)
{
	if (src->feed.pools)
		pools_stats(&src->pools, &src->before);
}

void source_compression_end(struct migrate_source *src)
{
	struct compress_stats now;

	if (!src->feed.pools)
		return;
	pools_stats(&src->pools, &now);
	progress_compressed(&src->progress,
			    now.submitted_pages - src->before.submitted_pages,
			    now.busy_pages - src->before.busy_pages);
}

uint64_t source_page_bytes(struct migrate_source *src,
			   const struct migrate_round *round)
{
	struct migrate_stats *stats = &src->progress.stats;

	if (!src->feed.pools)
		return WIRE_PAGE_BYTES;
	progress_set(&src->progress, &stats->page_wire_bytes,
		     policy_page_bytes(stats->page_wire_bytes,
				       round->wire_bytes,
				       round->pages - round->zero_pages));
	return stats->page_wire_bytes;
}

uint64_t source_sparser(const struct migrate_source *src)
{
	return policy_sparser(src->sent_pages, src->sent_runs,
			      memory_count(&src->memory),
			      memory_runs(&src->memory),
			      src->feed.pools ? src->feed.max_pages : 0);
}

void migrate_source_compress_stats(struct migrate_source *src,
				   struct compress_stats *ret_stats)
{
	pools_stats(&src->pools, ret_stats);
}
