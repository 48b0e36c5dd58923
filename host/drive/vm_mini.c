/* SPDX-License-Identifier: MIT */
/* The mini VMM: our own executable. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drive/vm_kind.h"

static const char *program(const struct drive_vm_params *p)
{
	return "/proc/self/exe";
}

static void add_hyperv(struct drive_args *a, const struct hyperv_choice *c)
{
	unsigned int i;

	if (c->mode)
		drive_args_add(a, "--hyperv=%s", hyperv_mode_names[c->mode]);
	for (i = 0; i < HYPERV_NR_FEATURES; i++)
		if (c->wish[i])
			drive_args_add(a, "--hv-%s=%s", hyperv_feature_names[i],
				       hyperv_wish_names[c->wish[i]]);
	if (c->broken)
		drive_args_add(a, "--hv-break=%s", c->broken);
}

static void arguments(struct drive_args *a, const struct drive_vm_params *p,
		      int qmp_fd, int serial_fd)
{
	const struct drive_memory *m = &p->memory;
	unsigned int i;

	drive_args_add(a, "vmferry");
	drive_args_add(a, "vmm");
	drive_args_add(a, "--ram=%" PRIu64, p->ram_bytes);
	drive_args_add(a, "--cpus=%u", p->nr_vcpus);
	drive_args_add(a, "--backing=%s%s%s", backing_names[m->kind],
		       m->path ? ":" : "", m->path ? m->path : "");
	drive_args_add(a, "--page-size=%" PRIu64, m->page_bytes);
	if (m->handover)
		drive_args_add(a, "--handover");
	else if (m->prealloc)
		drive_args_add(a, "--prealloc=%s", m->prealloc);
	if (!m->handover && m->prealloc_threads)
		drive_args_add(a, "--prealloc-threads=%u", m->prealloc_threads);
	if (m->unreserved)
		drive_args_add(a, "--reserve=off");
	if (m->ring)
		drive_args_add(a, "--dirty=ring");
	drive_args_add(a, "--qmp=fd:%d", qmp_fd);
	drive_args_add(a, "--serial=fd:%d", serial_fd);
	/* A target gets its guest from the source. */
	if (p->kernel && !p->incoming)
		drive_args_add(a, "--kernel=%s", p->kernel);
	if (p->incoming)
		drive_args_add(a, "--incoming=%s", p->incoming);
	if (p->devices)
		drive_args_add(a, "--devices=%s", p->devices);
	for (i = 0; i < p->vfio.nr_sockets; i++)
		drive_args_add(a, "--vfio-user=%s", p->vfio.socket[i]);
	if (p->commit)
		drive_args_add(a, "--commit=%s", p->commit);
	if (p->die_at)
		drive_args_add(a, "--die-at=%s", p->die_at);
	add_hyperv(a, &p->hyperv);
	if (p->nested)
		drive_args_add(a, "--nested=on");
	if (p->paused)
		drive_args_add(a, "--paused");
}

static int add_region(struct drive_vm *vm, json_t *region, int *ret_fd)
{
	json_int_t gpa, bytes, hva;
	const char *kind;
	int fd, rc;

	if (json_unpack(region, "{s:I, s:I, s:I, s:i, s:s}", "gpa", &gpa,
			"bytes", &bytes, "hva", &hva, "fd", &fd, "kind", &kind))
		return -EPROTO;
	if (!strcmp(kind, "control")) {
		vm->control_gpa = (uint64_t)gpa;
		vm->control_bytes = (uint64_t)bytes;
		*ret_fd = fd;
	}
	rc = ram_add(&vm->ram, (uint64_t)gpa, (uint64_t)bytes, (uint64_t)hva);
	if (!rc)
		ram_set_file(&vm->ram, (uint64_t)gpa,
			     fd < 0 ? RAM_PRIVATE : fd);
	return rc;
}

/* The control area is a memfd of the VMM's: map the same pages. */
static int map_control(struct drive_vm *vm, int fd_number)
{
	struct stat st;
	char path[64];
	void *map;
	int fd;

	if (vm->control_bytes < abi_control_bytes(1))
		return -EPROTO;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", vm->pid, fd_number);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* Past its end a mapping is a trap. */
	if (fstat(fd, &st) || (uint64_t)st.st_size < vm->control_bytes) {
		close(fd);
		return -EPROTO;
	}
	map = mmap(NULL, vm->control_bytes, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return -errno;
	vm->control = map;
	return 0;
}

static int map(struct drive_vm *vm, const struct drive_vm *like,
	       struct error *err)
{
	json_t *regions, *region;
	int rc, fd = -1;
	size_t i;

	rc = drive_vm_execute(vm, "x-query-memory", NULL, &regions, err);
	if (rc)
		return rc;
	ram_init(&vm->ram, vm->pid);
	json_array_foreach (regions, i, region)
		if (!rc)
			rc = add_region(vm, region, &fd);
	json_decref(regions);
	if (!rc)
		rc = fd < 0 ? -EPROTO : map_control(vm, fd);
	if (!rc && like && like->control_bytes != vm->control_bytes)
		rc = error_set(err, -EPROTO,
			       "source and target differ in their control "
			       "areas");
	return rc;
}

/* It carries all of XSAVE, whatever the guest is told. */
static bool carries_avx(struct drive_vm *vm)
{
	return true;
}

const struct drive_kind_ops drive_mini = {
	.name = "mini",
	.program = program,
	.arguments = arguments,
	.map = map,
	.carries_avx = carries_avx,
};
