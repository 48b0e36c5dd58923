/* SPDX-License-Identifier: MIT */
/* QEMU: its command line, and where it keeps the guest's memory. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "drive/console.h"
#include "drive/guest_view.h"
#include "drive/qemu_media.h"
#include "drive/vm_kind.h"

static const char *program(const struct drive_vm_params *p)
{
	return p->qemu.binary;
}

static bool is_kvm(const struct drive_vm_params *p)
{
	return !strcmp(p->qemu.accel, "kvm");
}

/* The kernel promises no more than there is, but for memory that asks for no
 * promise. */
static bool is_too_large(uint64_t ram_bytes)
{
	return ram_bytes / ABI_PAGE_BYTES > (uint64_t)sysconf(_SC_PHYS_PAGES);
}

/* Its own RAM is anonymous, and asks for transparent huge pages; all else is a
 * backend of the same size. Returns: is there one? */
static bool add_memory(struct drive_args *a, const struct drive_vm_params *p)
{
	const struct drive_memory *m = &p->memory;
	char size[32], huge[64] = "", prealloc[64] = "";
	int n = 0;

	if (m->kind == BACKING_THP && !m->prealloc &&
	    !is_too_large(p->ram_bytes))
		return false;
	snprintf(size, sizeof(size), "size=%" PRIu64, p->ram_bytes);
	if (m->prealloc)
		n = snprintf(prealloc, sizeof(prealloc), ",prealloc=on");
	if (m->prealloc && m->prealloc_threads)
		snprintf(prealloc + n, sizeof(prealloc) - (size_t)n,
			 ",prealloc-threads=%u", m->prealloc_threads);
	if (backing_is_pooled(m->kind, m->page_bytes))
		snprintf(huge, sizeof(huge), ",hugetlb=on,hugetlbsize=%" PRIu64,
			 m->page_bytes);
	drive_args_add(a, "-object");
	if (m->kind == BACKING_THP)
		drive_args_add(a, "memory-backend-ram,id=ram,%s%s", size,
			       m->prealloc ? prealloc : ",reserve=off");
	else if (m->kind == BACKING_FILE)
		drive_args_add(a,
			       "memory-backend-file,id=ram,%s,mem-path=%s,"
			       "share=on%s",
			       size, m->path, prealloc);
	else
		drive_args_add(a, "memory-backend-memfd,id=ram,%s,share=on%s%s",
			       size, huge, prealloc);
	return true;
}

/* A versioned machine only where QEMU has such: pc-q35-7.2, pc-i440fx-7.2. */
static void add_machine(struct drive_args *a, const struct drive_vm_params *p)
{
	const char *machine = p->qemu.machine, *version = p->qemu.version;
	const char *ram = add_memory(a, p) ? ",memory-backend=ram" : "";

	drive_args_add(a, "-machine");
	if (version && !strcmp(machine, "q35"))
		drive_args_add(a, "pc-q35-%s%s", version, ram);
	else if (version && !strcmp(machine, "pc"))
		drive_args_add(a, "pc-i440fx-%s%s", version, ram);
	else
		drive_args_add(a, "%s%s", machine, ram);
}

/* An instruction is a nanosecond of the guest's, and nothing is left to chance
 * or to the host's clock. */
static void add_icount(struct drive_args *a)
{
	drive_args_add(a, "-icount");
	drive_args_add(a, "shift=0,sleep=off");
	drive_args_add(a, "-rtc");
	drive_args_add(a, "base=2024-01-01T00:00:00,clock=vm");
	drive_args_add(a, "-seed");
	drive_args_add(a, "42");
}

static void add_cpu(struct drive_args *a, const struct drive_vm_params *p)
{
	char flags[HYPERV_NR_FEATURES * 32] = "";
	size_t used = 0, i;

	for (i = 0; i < HYPERV_NR_FEATURES; i++)
		if (p->hyperv.wish[i])
			used += (size_t)snprintf(
				flags + used, sizeof(flags) - used, ",hv-%s=%s",
				hyperv_feature_names[i],
				hyperv_wish_names[p->hyperv.wish[i]]);
	drive_args_add(a, "-cpu");
	drive_args_add(a, "%s%s",
		       p->qemu.cpu ? p->qemu.cpu
		       : is_kvm(p) ? "qemu64,check=off"
				   : "max",
		       flags);
}

static void arguments(struct drive_args *a, const struct drive_vm_params *p,
		      int qmp_fd, int serial_fd)
{
	drive_args_add(a, "%s", p->qemu.binary);
	drive_args_add(a, "-name");
	/* Threads with names: their CPU time is told apart. */
	drive_args_add(a, "vmferry-%s,debug-threads=on", p->name);
	drive_args_add(a, "-nodefaults");
	drive_args_add(a, "-no-user-config");
	drive_args_add(a, "-no-reboot");
	drive_args_add(a, "-display");
	drive_args_add(a, "none");
	add_machine(a, p);
	drive_args_add(a, "-accel");
	drive_args_add(a, "%s%s%s", p->qemu.accel,
		       p->memory.ring ? ",dirty-ring-size=65536" : "",
		       p->qemu.icount ? ",thread=single" : "");
	if (p->qemu.icount)
		add_icount(a);
	add_cpu(a, p);
	drive_args_add(a, "-m");
	drive_args_add(a, "%" PRIu64 "M", p->ram_bytes >> 20);
	drive_args_add(a, "-smp");
	drive_args_add(a, "%u", p->nr_vcpus);
	qemu_media_arguments(a, p);
	drive_args_add(a, "-chardev");
	drive_args_add(a, "socket,id=qmp,fd=%d", qmp_fd);
	drive_args_add(a, "-mon");
	drive_args_add(a, "chardev=qmp,mode=control");
	drive_args_add(a, "-chardev");
	drive_args_add(a, "socket,id=com1,fd=%d", serial_fd);
	drive_args_add(a, "-serial");
	drive_args_add(a, "chardev:com1");
	drive_args_add(a, "-device");
	drive_args_add(a, "isa-debug-exit,iobase=0x%x,iosize=1", ABI_EXIT_PORT);
	if (p->incoming) {
		/* Its capabilities come first: newer ones take none later. */
		drive_args_add(a, "-incoming");
		drive_args_add(a, "defer");
	}
	if (p->paused)
		drive_args_add(a, "-S");
}

/* Where guest-physical @gpa lies in the process: its monitor tells. */
static int gpa_to_hva(struct drive_vm *vm, uint64_t gpa, uint64_t *ret_hva,
		      struct error *err)
{
	char line[64];
	const char *text, *at;
	json_t *reply;
	int rc;

	snprintf(line, sizeof(line), "gpa2hva 0x%" PRIx64, gpa);
	rc = drive_vm_execute(vm, "human-monitor-command",
			      json_pack("{s:s}", "command-line", line), &reply,
			      err);
	if (rc)
		return rc;
	text = json_string_value(reply);
	at = text ? strstr(text, " is 0x") : NULL;
	if (at)
		*ret_hva = strtoull(at + 4, NULL, 16);
	else
		rc = error_set(err, -EPROTO,
			       "QEMU does not say where guest memory at "
			       "0x%" PRIx64 " lies: %.200s",
			       gpa, text ? text : "no answer");
	json_decref(reply);
	return rc;
}

/* A stretch that QEMU has mapped in one piece. */
static int add_stretch(struct drive_vm *vm, uint64_t gpa, uint64_t bytes,
		       struct error *err)
{
	uint64_t hva, last;
	int rc = gpa_to_hva(vm, gpa, &hva, err);

	if (!rc)
		rc = gpa_to_hva(vm, gpa + bytes - ABI_PAGE_BYTES, &last, err);
	if (rc)
		return rc;
	if (last - hva != bytes - ABI_PAGE_BYTES)
		return error_set(err, -EPROTO,
				 "QEMU's memory from 0x%" PRIx64
				 " is not in one piece",
				 gpa);
	rc = ram_add(&vm->ram, gpa, bytes, hva);
	return rc ? error_set(err, rc, "QEMU's memory map makes no sense") : 0;
}

/* The guest lists its RAM; adjoining ranges are one stretch. */
static int add_account(struct drive_vm *vm, const struct guest_view *view,
		       struct error *err)
{
	const struct abi_control *c = &view->control;
	uint64_t gpa = 0, bytes = 0;
	uint32_t i;
	int rc = 0;

	for (i = 0; !rc && i < c->nr_ram; i++) {
		if (bytes && c->ram[i].gpa == gpa + bytes) {
			bytes += c->ram[i].bytes;
			continue;
		}
		if (bytes)
			rc = add_stretch(vm, gpa, bytes, err);
		gpa = c->ram[i].gpa;
		bytes = c->ram[i].bytes;
	}
	return rc || !bytes ? rc : add_stretch(vm, gpa, bytes, err);
}

/* First the control area alone, then all that it lists. */
static int map_by_guest(struct drive_vm *vm, struct error *err)
{
	struct console_line line;
	struct guest_view view;
	uint64_t hva;
	int rc;

	/* Who comes later must ask for it. */
	rc = vm->attached
		     ? console_command(vm->console, 5000, &line, err, "control")
		     : console_wait_event(vm->console, "control", 1000, &line,
					  err);
	if (rc)
		return rc;
	if (!console_number(&line, "gpa", &vm->control_gpa) ||
	    !console_number(&line, "bytes", &vm->control_bytes) ||
	    vm->control_gpa % ABI_PAGE_BYTES || !vm->control_bytes ||
	    vm->control_bytes > GUEST_VIEW_MAX_BYTES)
		return error_set(err, -EPROTO,
				 "the guest's control event makes no sense: %s",
				 line.text);
	rc = gpa_to_hva(vm, vm->control_gpa, &hva, err);
	ram_init(&vm->ram, vm->pid);
	if (!rc)
		rc = ram_add(&vm->ram, vm->control_gpa,
			     ABI_ALIGN_PAGE(vm->control_bytes), hva);
	if (!rc)
		rc = guest_view_read(&vm->ram, vm->control_gpa,
				     vm->control_bytes, &view, err);
	if (rc)
		return error_set(err, rc, "cannot read the control area");
	ram_init(&vm->ram, vm->pid);
	rc = add_account(vm, &view, err);
	guest_view_exit(&view);
	return rc;
}

static int map(struct drive_vm *vm, const struct drive_vm *like,
	       struct error *err)
{
	unsigned int i;
	int rc = 0;

	if (!like)
		return map_by_guest(vm, err);
	ram_init(&vm->ram, vm->pid);
	for (i = 0; !rc && i < like->ram.nr_regions; i++)
		rc = add_stretch(vm, like->ram.region[i].gpa,
				 like->ram.region[i].bytes, err);
	vm->control_gpa = like->control_gpa;
	vm->control_bytes = like->control_bytes;
	return rc;
}

/* The first CPU's object tells what its model came out as. */
static bool carries_avx(struct drive_vm *vm)
{
	json_t *cpus, *avx = NULL;
	const char *path;
	bool has;

	if (drive_vm_execute(vm, "query-cpus-fast", NULL, &cpus, NULL))
		return false;
	path = json_string_value(
		json_object_get(json_array_get(cpus, 0), "qom-path"));
	if (path)
		drive_vm_execute(vm, "qom-get",
				 json_pack("{s:s, s:s}", "path", path,
					   "property", "avx"),
				 &avx, NULL);
	has = json_is_true(avx);
	json_decref(avx);
	json_decref(cpus);
	return has;
}

const struct drive_kind_ops drive_qemu = {
	.name = "qemu",
	.program = program,
	.arguments = arguments,
	.map = map,
	.carries_avx = carries_avx,
};
