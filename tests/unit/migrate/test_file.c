/* SPDX-License-Identifier: MIT */
/* Snapshots: every byte of a file is checked before it counts. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "session.h"

static char dir[] = "/tmp/vmferry-file-XXXXXX";
static char path[64];

static int setup(void **state)
{
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/snapshot", dir);
	return 0;
}

static int teardown(void **state)
{
	unlink(path);
	/* Fails if anything else is left. */
	return rmdir(dir);
}

static const unsigned int shape[] = { 700, 70, 9 };

/* Return: of migrate_source_run(); @ret_vm is paused then, or goes on. */
static int save(struct channel *ch, struct fake_vm *vm,
		struct migrate_stats *ret_stats)
{
	const struct migrate_params params = { 0 };
	struct migrate_source *src;
	int rc;

	fake_vm_init(vm, shape, 3);
	fake_vm_fill(vm, 5);
	vm->writes_per_touch = 5;
	vm->writes_left = 300;
	assert_int_equal(migrate_source_create(&fake_vm_ops, vm, ch, &params,
					       NULL, &src),
			 0);
	rc = migrate_source_run(src);
	migrate_source_stats(src, ret_stats);
	migrate_source_destroy(src);
	assert_int_equal(!rc, !ret_stats->error[0]);
	assert_false(vm->logging);
	return rc;
}

static int save_file(struct fake_vm *vm)
{
	struct migrate_stats stats;
	struct channel *ch;
	int rc;

	unlink(path);
	assert_int_equal(channel_open_file(path, true, &ch, NULL), 0);
	/* Not there before it is whole, and no other: killed now, nothing
	 * would stay. */
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(mkdir(dir, 0700), 0);
	channel_close(ch);
	assert_int_equal(channel_open_file(path, true, &ch, NULL), 0);
	rc = save(ch, vm, &stats);
	channel_close(ch);
	return rc;
}

static int load(struct channel *ch, struct fake_vm *vm,
		struct migrate_stats *ret_stats)
{
	struct migrate_target *tgt;
	int rc;

	fake_vm_init(vm, shape, 3);
	assert_int_equal(
		migrate_target_create(&fake_vm_ops, vm, ch, NULL, &tgt), 0);
	rc = migrate_target_run(tgt, true);
	migrate_target_stats(tgt, ret_stats);
	migrate_target_destroy(tgt);
	assert_int_equal(!rc, !ret_stats->error[0]);
	assert_int_equal(!rc, vm->running);
	return rc;
}

static void test_twice(void **state)
{
	struct migrate_stats stats;
	struct fake_vm from, to;
	struct channel *ch;
	int i;

	assert_int_equal(save_file(&from), 0);
	assert_false(from.running);
	for (i = 0; i < 2; i++) {
		assert_int_equal(channel_open_file(path, false, &ch, NULL), 0);
		assert_int_equal(load(ch, &to, &stats), 0);
		assert_true(fake_vm_equal(&from, &to));
		channel_close(ch);
		fake_vm_exit(&to);
	}
	fake_vm_exit(&from);
}

/* @bytes of @data as a file: must not load. */
static void refuse(const uint8_t *data, size_t bytes, const char *sentence)
{
	int fd = memfd_create("snapshot", MFD_CLOEXEC);
	struct migrate_stats stats;
	struct channel *ch;
	struct fake_vm to;

	assert_int_equal(write(fd, data, bytes), bytes);
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(channel_from_file(fd, false, &ch), 0);
	assert_true(load(ch, &to, &stats) < 0);
	if (!strstr(stats.error, sentence))
		fail_msg("'%s' lacks '%s'", stats.error, sentence);
	channel_close(ch);
	fake_vm_exit(&to);
}

static void test_damage(void **state)
{
	struct fake_vm from;
	struct stat st;
	uint8_t *data;
	size_t bytes, at;
	FILE *f;

	assert_int_equal(save_file(&from), 0);
	fake_vm_exit(&from);
	assert_int_equal(stat(path, &st), 0);
	bytes = (size_t)st.st_size;
	data = malloc(bytes + 1);
	f = fopen(path, "re");
	assert_int_equal(fread(data, 1, bytes, f), bytes);
	fclose(f);
	for (at = 0; at < bytes; at += 1 + at / 3)
		refuse(data, at, "the file ends early");
	refuse(data, bytes - 1, "the file ends early");
	for (at = 0; at < bytes; at += 1 + at / 5) {
		data[at] ^= 0x10;
		refuse(data, bytes,
		       at < 8 ? "not a snapshot of vmferry's" : "the file ");
		data[at] ^= 0x10;
	}
	data[bytes] = 0;
	refuse(data, bytes + 1, "is damaged");
	free(data);
}

static void test_other_contents(void **state)
{
	struct migrate_stats stats;
	struct channel *ch;
	struct fake_vm to;
	int fd = memfd_create("two", MFD_CLOEXEC);

	/* Whole blocks, but no stream in them. */
	assert_int_equal(channel_from_file(dup(fd), true, &ch), 0);
	assert_int_equal(
		channel_write_all(ch, &(struct iovec){ (void *)"nonsense", 8 },
				  1),
		0);
	assert_int_equal(ch->ops->finish(ch), 0);
	channel_close(ch);
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(channel_from_file(fd, false, &ch), 0);
	assert_true(load(ch, &to, &stats) < 0);
	channel_close(ch);
	fake_vm_exit(&to);
}

static void test_no_room(void **state)
{
	int fd = memfd_create("small", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct migrate_stats stats;
	struct fake_vm from;
	struct channel *ch;

	assert_int_equal(ftruncate(fd, 1500000), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
	assert_int_equal(channel_from_file(fd, true, &ch), 0);
	assert_true(save(ch, &from, &stats) < 0);
	assert_true(from.running);
	assert_non_null(strstr(stats.error, "cannot write the file"));
	channel_close(ch);
	fake_vm_exit(&from);
}

/* A failure leaves an older file as it was, and no other. */
static void test_older_file_stays(void **state)
{
	const struct migrate_params params = { 0 };
	struct migrate_source *src;
	struct stat before, after;
	struct fake_vm from;
	struct channel *ch;

	assert_int_equal(save_file(&from), 0);
	fake_vm_exit(&from);
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(channel_open_file(path, true, &ch, NULL), 0);
	fake_vm_init(&from, shape, 3);
	fake_vm_fill(&from, 6);
	from.fault = FAKE_SAVE;
	assert_int_equal(migrate_source_create(&fake_vm_ops, &from, ch, &params,
					       NULL, &src),
			 0);
	assert_true(migrate_source_run(src) < 0);
	assert_true(from.running);
	migrate_source_destroy(src);
	channel_close(ch);
	fake_vm_exit(&from);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
}

static void on_phase(void *ctx, enum migrate_phase phase)
{
	if (phase == MIGRATE_COMMITTED)
		assert_int_equal(mkdir(path, 0700), 0);
}

/* The name cannot be had at the last moment: then nothing was handed over. */
static void test_name_is_taken(void **state)
{
	const struct migrate_observer observer = { .phase = on_phase };
	const struct migrate_params params = { 0 };
	struct migrate_stats stats;
	struct migrate_source *src;
	struct fake_vm from;
	struct channel *ch;

	unlink(path);
	assert_int_equal(channel_open_file(path, true, &ch, NULL), 0);
	fake_vm_init(&from, shape, 3);
	fake_vm_fill(&from, 6);
	assert_int_equal(migrate_source_create(&fake_vm_ops, &from, ch, &params,
					       &observer, &src),
			 0);
	assert_int_equal(migrate_source_run(src), -EISDIR);
	assert_true(from.running);
	assert_false(from.logging);
	migrate_source_stats(src, &stats);
	assert_int_equal(stats.phase, MIGRATE_FAILED);
	assert_non_null(strstr(stats.error, "cannot write"));
	migrate_source_destroy(src);
	channel_close(ch);
	fake_vm_exit(&from);
	assert_int_equal(rmdir(path), 0);
}

/* What may be somebody's work is not written over; an older snapshot is. */
static void test_what_is_replaced(void **state)
{
	struct error err = { "" };
	struct fake_vm from;
	struct channel *ch;
	struct migrate_stats stats;
	FILE *f;

	unlink(path);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs("a letter", f);
	fclose(f);
	assert_int_equal(channel_open_file(path, true, &ch, &err), -EEXIST);
	assert_non_null(strstr(err.text, "not a snapshot"));
	/* As mktemp(1) makes them. */
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(channel_open_file(path, true, &ch, NULL), 0);
	assert_int_equal(save(ch, &from, &stats), 0);
	channel_close(ch);
	fake_vm_exit(&from);
	assert_int_equal(channel_open_file(path, true, &ch, NULL), 0);
	assert_int_equal(save(ch, &from, &stats), 0);
	channel_close(ch);
	fake_vm_exit(&from);
	/* It came while the snapshot was written. */
	unlink(path);
	assert_int_equal(channel_open_file(path, true, &ch, NULL), 0);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs("a letter", f);
	fclose(f);
	assert_int_equal(save(ch, &from, &stats), -EEXIST);
	assert_true(from.running);
	channel_close(ch);
	fake_vm_exit(&from);
}

static void test_places(void **state)
{
	struct error err = { "" };
	struct channel *ch;

	assert_int_equal(channel_open_file(dir, true, &ch, &err), -EISDIR);
	assert_int_equal(channel_open_file("/dev/null", true, &ch, &err),
			 -EINVAL);
	assert_int_equal(channel_open_file("/no/such/file", true, &ch, &err),
			 -ENOENT);
	assert_int_equal(channel_open_file("/no/such/file", false, &ch, &err),
			 -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_other_contents),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_older_file_stays),
		cmocka_unit_test(test_name_is_taken),
		cmocka_unit_test(test_what_is_replaced),
		cmocka_unit_test(test_places),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
