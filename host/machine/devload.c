/* SPDX-License-Identifier: MIT */
/* Loads the same device state repeatedly and measures it. */
#include "machine/devload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "vmm/bare_calls.h"
#include "vmm/device.h"
#include "vmm/map_stats.h"
#include "vmm/memmap.h"

#define SETTLE_NS (20 * NSEC_PER_MSEC)
#define CODE_GPA 0x100000ull
#define TALLY_GPA 0x200000ull
#define TALLIES_BYTES (ABI_QUEUES_MAX * sizeof(struct abi_queue_tally))

struct devload {
	struct vm *vm;
	bool running;
	struct buf state[ABI_QUEUES_MAX_DEVICES];
	struct bare_calls *bare;
	unsigned int nr_bells;
};

/* 1: jmp 1b */
static int make_spinner(struct vm *vm)
{
	static const uint8_t code[] = { 0xeb, 0xfe };

	memcpy(guestmem_at(vm_memory(vm), CODE_GPA, sizeof(code)), code,
	       sizeof(code));
	return vm_set_boot(vm, CODE_GPA, 0);
}

static int explain(int rc, const char *what, struct error *err)
{
	return rc ? error_set(err, rc, "%s: %s", what, strerror(-rc)) : 0;
}

static int make_devices(struct devload *l, const struct devload_config *c,
			struct error *err)
{
	unsigned int i;
	int rc = 0;

	memmap_begin(vm_map(l->vm));
	rc = queues_add(l->vm, &c->devices);
	for (i = 0; !rc && i < c->devices.nr; i++)
		rc = queues_start(vm_device(l->vm, i),
				  TALLY_GPA + i * TALLIES_BYTES);
	if (memmap_commit(vm_map(l->vm)) && !rc)
		rc = -EIO;
	for (i = 0; !rc && i < c->devices.nr; i++) {
		struct device *d = vm_device(l->vm, i);

		rc = d->ops->save(d, &l->state[i]);
	}
	if (rc == -EMFILE)
		return error_set(err, -EOPNOTSUPP,
				 "the devices need two descriptors a queue: "
				 "more than `ulimit -Hn` allows");
	return explain(rc, "cannot make the devices", err);
}

static unsigned int count_bells(struct devload *l)
{
	unsigned int nr;

	memmap_read_lock();
	nr = memmap_view(vm_memory_space(l->vm))->nr_bells;
	memmap_read_unlock();
	return nr;
}

int devload_create(const struct devload_config *config,
		   struct devload **ret_load, struct error *err)
{
	const struct vm_params params = {
		.nr_vcpus = config->nr_vcpus,
		.ram_bytes = VM_MIN_RAM_BYTES,
	};
	struct devload *l = calloc(1, sizeof(*l));
	int rc;

	if (!l)
		return error_set(err, -ENOMEM, "out of memory");
	rc = vm_create(&params, &l->vm, err);
	if (!rc)
		rc = make_devices(l, config, err);
	if (!rc)
		rc = explain(bare_calls_record(l->vm, &l->bare),
			     "cannot take down the calls", err);
	l->running = config->running;
	if (!rc && l->running)
		rc = explain(make_spinner(l->vm), "cannot start", err);
	if (!rc && l->running)
		rc = explain(vm_resume(l->vm), "cannot start", err);
	if (rc) {
		devload_destroy(l);
		return rc;
	}
	l->nr_bells = count_bells(l);
	*ret_load = l;
	return 0;
}

void devload_destroy(struct devload *load)
{
	unsigned int i;

	if (!load)
		return;
	vm_destroy(load->vm);
	bare_calls_free(load->bare);
	for (i = 0; i < ABI_QUEUES_MAX_DEVICES; i++)
		buf_exit(&load->state[i]);
	free(load);
}

static int load_devices(struct devload *l, struct error *err)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; !rc && i < vm_nr_devices(l->vm); i++) {
		struct device *d = vm_device(l->vm, i);

		rc = d->ops->load(d, l->state[i].data, l->state[i].bytes, err);
	}
	return explain(rc, "a device was not loaded", err);
}

/* Around load_devices(), timed. */
static int load_timed(struct devload *l, struct devload_sample *s,
		      struct error *err)
{
	uint64_t start_ns = clock_now_ns(), loaded_ns;
	int rc, end;

	vm_devices_begin(l->vm);
	rc = load_devices(l, err);
	loaded_ns = clock_now_ns();
	end = vm_devices_commit(l->vm);
	s->load_ns = clock_now_ns() - start_ns;
	s->devices_ns = loaded_ns - start_ns;
	s->commit_ns = s->load_ns - s->devices_ns;
	return rc ? rc : explain(end, "the commit failed", err);
}

/* Nothing of the devices is in KVM or in the map. */
static int reset(struct devload *l, uint64_t *ret_ns, struct error *err)
{
	uint64_t start_ns = clock_now_ns();
	int rc = explain(vm_devices_reset(l->vm), "the reset failed", err);

	*ret_ns = clock_now_ns() - start_ns;
	/* The kernel is not done with what was taken away: that is no part of
	 * a load, which on a target follows no reset. */
	clock_sleep_until_ns(clock_now_ns() + SETTLE_NS);
	if (!rc && count_bells(l))
		rc = error_set(err, -EIO, "the reset left eventfds behind");
	return rc;
}

static void subtract(struct kvm_calls *from, const struct kvm_calls *what)
{
	unsigned int i;

	for (i = 0; i < KVM_NR_CALLS; i++) {
		from->calls[i] -= what->calls[i];
		from->ns[i] -= what->ns[i];
	}
}

int devload_run(struct devload *load, enum vm_commit commit,
		struct devload_sample *ret_sample, struct error *err)
{
	struct devload_sample s = { 0 }, prepared = { 0 };
	struct memmap_stats before, after;
	struct kvm_calls calls;
	int rc = reset(load, &s.reset_ns, err);

	vm_set_commit(load->vm, commit);
	if (!rc && commit == VM_COMMIT_PREPARED)
		rc = load_timed(load, &prepared, err);
	s.prepare_ns = prepared.load_ns;
	vm_map_stats(load->vm, &before, &calls);
	if (!rc)
		rc = load_timed(load, &s, err);
	vm_map_stats(load->vm, &after, &s.kvm);
	subtract(&s.kvm, &calls);
	s.commits = after.commits - before.commits;
	s.views = after.views - before.views;
	if (!rc && count_bells(load) != load->nr_bells)
		rc = error_set(err, -EIO, "the load left eventfds out");
	if (!rc)
		*ret_sample = s;
	return rc;
}

int devload_bare(struct devload *load, struct devload_sample *ret_sample,
		 struct error *err)
{
	struct devload_sample s = { 0 };
	int rc = reset(load, &s.reset_ns, err);

	if (!rc)
		rc = explain(bare_calls_run(load->bare, &s.kvm, &s.load_ns),
			     "KVM refused a bare call", err);
	if (!rc)
		*ret_sample = s;
	return rc;
}
