/* SPDX-License-Identifier: MIT */
/* Recorded streams, to be damaged and played again. */
#ifndef VMFERRY_TESTS_STREAM_H
#define VMFERRY_TESTS_STREAM_H

#include "fake_vm.h"
#include "migrate/migrate.h"
#include "migrate/wire.h"

struct tape {
	uint8_t *data;
	size_t bytes;
	size_t room;
};

struct record_at {
	size_t offset;
	size_t bytes; /* header, table, payload */
};

/* The machine that all recordings are of; the same each time. */
void stream_vm_init(struct fake_vm *vm);

/* One migration of it: what the source says, and what the target answers. */
void stream_record(struct tape *ret_said, struct tape *ret_answered);
/* The same machine with pages that compress. */
void stream_record_compressed(const struct migrate_compress *how,
			      struct tape *ret_said, struct tape *ret_answered);
void tape_exit(struct tape *t);
struct tape tape_copy(const struct tape *t);

/* Splits @t as its headers say; stops where they make no sense. */
size_t tape_split(const struct tape *t, struct record_at *ret_records,
		  size_t room);
/* Makes number and check of the record right; false if it is no record. */
bool tape_reseal(struct tape *t, size_t offset, uint32_t sequence);

/* Makes the checks of all packed runs in it right: so that damage to what they
 * cover reaches the codecs. */
void tape_recheck(struct tape *t);

/**
 * stream_play_target() - a fresh target hears @t and then the end.
 * @vm: fresh; looked at by the caller afterwards.
 *
 * Return: of migrate_target_run().
 */
int stream_play_target(const struct tape *t, struct fake_vm *vm);

/* A source whose peer answers from @t and then is gone. */
int stream_play_source(const struct tape *t, struct fake_vm *vm);

#endif
