/* SPDX-License-Identifier: MIT */
/*
 * The receiving side: which record may come when, and what answers it.
 *
 * The machine runs only after a whole, intact `go`; everything else that can
 * happen ends in an error, told to the source as far as it can hear it.
 */
#include "migrate/target_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "migrate/handover.h"

int migrate_target_create(const struct migrate_vm_ops *ops, void *vm,
			  struct channel *ch,
			  const struct migrate_observer *observer,
			  struct migrate_target **ret_target)
{
	struct migrate_target *tgt = calloc(1, sizeof(*tgt));
	int rc;

	if (!tgt)
		return -ENOMEM;
	tgt->ops = ops;
	tgt->vm = vm;
	tgt->in.tgt = tgt;
	tgt->channels.nr = 1;
	tgt->in.peer.ch = ch;
	tgt->in.peer.name = "source";
	tgt->in.peer.err = &tgt->err;
	rc = target_devices_init(tgt);
	if (rc)
		goto err_free;
	rc = memory_init(&tgt->memory, ops, vm);
	if (rc)
		goto err_devices;
	pthread_mutex_init(&tgt->memory_lock, NULL);
	progress_init(&tgt->progress, ch, false, observer);
	receivers_init(&tgt->receivers, tgt);
	pools_init(&tgt->pools);
	tgt->compress = (struct migrate_compress){ .nr_threads = 2 };
	tgt->packed = WIRE_RAW;
	*ret_target = tgt;
	return 0;

err_devices:
	target_devices_exit(tgt);
err_free:
	free(tgt);
	return rc;
}

void migrate_target_destroy(struct migrate_target *tgt)
{
	if (!tgt)
		return;
	receivers_close(&tgt->receivers);
	unpack_exit(&tgt->in.unpack);
	pools_exit(&tgt->pools);
	progress_exit(&tgt->progress);
	pthread_mutex_destroy(&tgt->memory_lock);
	memory_exit(&tgt->memory);
	target_devices_exit(tgt);
	free(tgt);
}

void migrate_target_set_channels(struct migrate_target *tgt,
				 const struct migrate_channels *channels)
{
	tgt->channels = *channels;
}

void migrate_target_set_compress(struct migrate_target *tgt,
				 const struct migrate_compress *how)
{
	tgt->compress = *how;
}

void migrate_target_compress_stats(struct migrate_target *tgt,
				   struct compress_stats *ret_stats)
{
	pools_stats(&tgt->pools, ret_stats);
}

static int enter(struct migrate_target *tgt, enum migrate_phase phase)
{
	tgt->in.peer.during = migrate_phase_name(phase);
	return progress_phase(&tgt->progress, phase);
}

/* For pages that @hello says may come compressed. */
static int start_unpacking(struct migrate_target *tgt,
			   const struct wire_hello *hello)
{
	struct migrate_compress how = tgt->compress;
	int rc;

	if (hello->packed <= WIRE_RAW)
		return 0;
	how.codec = pools_codec(hello->packed);
	how.max_pages = WIRE_MAX_PACKED_PAGES;
	/* What has come in waits; it is not dropped. */
	how.wait = true;
	rc = pools_open(&tgt->pools, &how, CODEC_DECOMPRESS, hello->nr_channels,
			0, tgt->in.peer.err);
	if (rc)
		return rc;
	tgt->packed = hello->packed;
	tgt->in.unpack.pool = pools_get(&tgt->pools, 0);
	return 0;
}

static int on_hello(struct migrate_target *tgt, const struct wire_header *h)
{
	struct peer *p = &tgt->in.peer;
	struct wire_hello hello;
	int rc = wire_parse_hello(p->table, h->table_bytes, &hello, p->err);

	if (!rc)
		rc = memory_compare(&tgt->memory, &hello, p->err);
	if (!rc && hello.nr_channels > tgt->channels.nr)
		rc = error_set(p->err, -EPROTO,
			       "the source wants %u channels, this target "
			       "takes %u",
			       hello.nr_channels, tgt->channels.nr);
	if (!rc)
		rc = start_unpacking(tgt, &hello);
	if (!rc)
		rc = peer_send_u64(p, WIRE_ACCEPT, 0);
	if (rc)
		return rc;
	tgt->stage = STAGE_BETWEEN;
	return receivers_collect(&tgt->receivers, &tgt->channels,
				 hello.nr_channels, hello.session, &tgt->err);
}

static int on_round_begin(struct migrate_target *tgt,
			  const struct wire_header *h)
{
	struct peer *p = &tgt->in.peer;
	struct wire_round round;
	bool final;
	int rc = wire_parse_round(p->table, h->table_bytes, &round, p->err);

	if (rc)
		return rc;
	if (round.round != tgt->in.round.round + 1 || round.pages ||
	    round.zero_pages)
		return error_set(p->err, -EPROTO,
				 "round %u begins where round %u was due",
				 round.round, tgt->in.round.round + 1);
	final = round.flags & WIRE_ROUND_FINAL;
	if (final || round.round == 1)
		rc = enter(tgt, final ? MIGRATE_FINAL_RAM : MIGRATE_PRECOPY);
	if (rc)
		return rc;
	progress_round_begin(&tgt->progress);
	tgt->in.round = round;
	tgt->stage = final ? STAGE_FINAL : STAGE_ROUND;
	receivers_open_round(&tgt->receivers, round.round);
	return 0;
}

static int on_round_end(struct migrate_target *tgt, const struct wire_header *h)
{
	struct progress *progress = &tgt->progress;
	struct peer *p = &tgt->in.peer;
	struct wire_round round;
	int rc = wire_parse_round(p->table, h->table_bytes, &round, p->err);

	if (!rc)
		rc = intake_finish(&tgt->in);
	if (!rc)
		rc = receivers_close_round(&tgt->receivers, &tgt->in.round,
					   p->err);
	if (rc)
		return rc;
	if (memcmp(&round, &tgt->in.round, sizeof(round)))
		return error_set(p->err, -EPROTO,
				 "the end of round %u does not add up with "
				 "what came in it",
				 tgt->in.round.round);
	progress_round_end(progress);
	if (tgt->stage == STAGE_FINAL) {
		progress_stamp(progress, &progress->stats.final_ram_ns);
		tgt->stage = STAGE_STATE;
		return enter(tgt, MIGRATE_STATE);
	}
	tgt->stage = STAGE_BETWEEN;
	return peer_send_round(p, WIRE_ROUND_ACK, &round);
}

static int on_state(struct migrate_target *tgt, const struct wire_header *h)
{
	int rc = target_devices_whole(tgt);

	if (!rc)
		rc = target_receive_state(tgt, h);
	if (!rc)
		rc = enter(tgt, MIGRATE_READY);
	if (rc)
		return rc;
	tgt->stage = STAGE_GO;
	return peer_send_u64(&tgt->in.peer, WIRE_READY, 0);
}

static int on_announce(struct migrate_target *tgt, const struct wire_header *h)
{
	int rc;

	if (tgt->announced)
		return error_set(&tgt->err, -EPROTO,
				 "the source announces its devices twice");
	tgt->announced = true;
	rc = target_receive_announcement(tgt, h);
	return rc ? rc : peer_send_u64(&tgt->in.peer, WIRE_PREPARED, 0);
}

/* All of the file was whole, and this is all. */
static int end_of_file(struct migrate_target *tgt)
{
	struct channel *ch = tgt->in.peer.ch;
	int rc = ch->ops->finish(ch);

	return rc ? peer_lost(&tgt->in.peer, rc) : 0;
}

/* From here on the machine is ours, and the source's never runs again. */
static int on_go(struct migrate_target *tgt, const struct wire_header *h)
{
	struct progress *p = &tgt->progress;
	int rc = wire_parse_flags(tgt->in.peer.table, h->table_bytes, 0,
				  &tgt->err);

	if (!rc && tgt->in.peer.ch->one_way)
		rc = end_of_file(tgt);
	if (!rc)
		rc = progress_commit(p);
	if (rc)
		return rc;
	progress_stamp(p, &p->stats.go_ns);
	rc = target_take(tgt);
	if (rc)
		return rc;
	if (tgt->autostart) {
		rc = tgt->ops->resume(tgt->vm);
		if (rc)
			return error_set(&tgt->err, rc,
					 "the target's machine failed to run: "
					 "%s",
					 strerrordesc_np(-rc));
		progress_stamp(p, &p->stats.resumed_ns);
	}
	tgt->stage = STAGE_END;
	/* It runs, whether the source hears of it or not. */
	peer_send_u64(&tgt->in.peer, WIRE_RUNNING,
		      tgt->autostart ? WIRE_RUNNING_YES : 0);
	return 0;
}

static int on_batch(struct migrate_target *tgt, const struct wire_header *h)
{
	return intake_batch(&tgt->in, h);
}

static const struct arc {
	enum target_stage stage;
	enum wire_type type;
	int (*handle)(struct migrate_target *tgt, const struct wire_header *h);
} arcs[] = {
	{ STAGE_HELLO, WIRE_HELLO, on_hello },
	{ STAGE_BETWEEN, WIRE_MEMORY, target_on_memory },
	{ STAGE_BETWEEN, WIRE_ANNOUNCE, on_announce },
	{ STAGE_BETWEEN, WIRE_DEVICE, target_receive_device },
	{ STAGE_BETWEEN, WIRE_ROUND_BEGIN, on_round_begin },
	{ STAGE_ROUND, WIRE_RAM_BATCH, on_batch },
	{ STAGE_ROUND, WIRE_ROUND_END, on_round_end },
	{ STAGE_FINAL, WIRE_RAM_BATCH, on_batch },
	{ STAGE_FINAL, WIRE_ROUND_END, on_round_end },
	{ STAGE_STATE, WIRE_DEVICE, target_receive_device },
	{ STAGE_STATE, WIRE_STATE, on_state },
	{ STAGE_GO, WIRE_GO, on_go },
};

static int dispatch(struct migrate_target *tgt, const struct wire_header *h)
{
	size_t i;

	for (i = 0; i < sizeof(arcs) / sizeof(arcs[0]); i++)
		if (arcs[i].stage == tgt->stage && arcs[i].type == h->type)
			return arcs[i].handle(tgt, h);
	return error_set(&tgt->err, -EPROTO,
			 "a %s record came in phase '%s', out of order",
			 wire_type_name(h->type), tgt->in.peer.during);
}

static int receive(struct migrate_target *tgt)
{
	struct wire_header h;
	int rc = enter(tgt, MIGRATE_SETUP);

	while (!rc && tgt->stage != STAGE_END) {
		rc = peer_receive(&tgt->in.peer, &h);
		if (!rc)
			rc = dispatch(tgt, &h);
	}
	return rc;
}

/* Tells the source why, and makes it notice. */
static void give_up(struct migrate_target *tgt)
{
	uint8_t text[WIRE_MAX_TEXT_BYTES];
	struct error ignored = { "" };
	enum wire_type type =
		tgt->stage == STAGE_HELLO ? WIRE_REFUSE : WIRE_ERROR;

	tgt->in.peer.err = &ignored;
	peer_send(&tgt->in.peer, type, text,
		  wire_put_text(text, tgt->err.text));
	channel_shutdown(tgt->in.peer.ch);
}

/* A channel that failed ends the first one's reading: it is the reason. */
static void blame_channel(struct migrate_target *tgt, int *rc)
{
	struct error why = { "" };
	int channel_rc = receivers_failure(&tgt->receivers, &why);

	if (!channel_rc || *rc == -ECANCELED)
		return;
	*rc = channel_rc;
	tgt->err = why;
}

int migrate_target_run(struct migrate_target *tgt, bool autostart)
{
	int rc;

	tgt->autostart = autostart;
	progress_begin(&tgt->progress, tgt->memory.bytes);
	rc = receive(tgt);
	if (rc && progress_cancelled(&tgt->progress)) {
		rc = -ECANCELED;
		tgt->err = (struct error){ "the migration was cancelled" };
	}
	if (rc) {
		blame_channel(tgt, &rc);
		error_set(&tgt->err, rc, "the migration failed: %s",
			  strerrordesc_np(-rc));
		give_up(tgt);
	}
	progress_end(&tgt->progress, rc, tgt->err.text);
	receivers_close(&tgt->receivers);
	receivers_init(&tgt->receivers, tgt);
	unpack_exit(&tgt->in.unpack);
	pools_close(&tgt->pools);
	return rc;
}

int migrate_target_cancel(struct migrate_target *tgt)
{
	return progress_cancel(&tgt->progress);
}

void migrate_target_stats(struct migrate_target *tgt,
			  struct migrate_stats *ret_stats)
{
	progress_stats(&tgt->progress, ret_stats);
}
