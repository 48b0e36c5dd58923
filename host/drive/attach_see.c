/* SPDX-License-Identifier: MIT */
/* Can an attached machine's memory be seen, and is it really its own? */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/procfile.h"
#include "drive/attach_internal.h"
#include "drive/elf_image.h"
#include "drive/guest_view.h"
#include "drive/vm_kind.h"
#include "qmp/client.h"

static void turn_blind(struct drive_vm *vm, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void turn_blind(struct drive_vm *vm, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(vm->blind_why, sizeof(vm->blind_why), format, ap);
	va_end(ap);
	if (vm->control)
		munmap((void *)vm->control, vm->control_bytes);
	vm->control = NULL;
	vm->blind = true;
	vm->pid = 0;
	ram_init(&vm->ram, 0);
}

/* Do its vCPUs run as threads of that very process? A forwarder has none. */
static bool runs_vcpus(struct drive_vm *vm, pid_t pid)
{
	json_t *cpus, *cpu;
	bool all;
	size_t i;

	if (drive_vm_execute(vm, "query-cpus-fast", NULL, &cpus, NULL))
		return false;
	all = json_array_size(cpus) > 0;
	json_array_foreach (cpus, i, cpu) {
		json_int_t tid =
			json_integer_value(json_object_get(cpu, "thread-id"));
		char path[80];

		snprintf(path, sizeof(path), "/proc/%d/task/%lld", pid,
			 (long long)tid);
		all = all && tid > 0 && tid != pid && !access(path, F_OK);
	}
	json_decref(cpus);
	return all;
}

/* The process behind the socket, if it is the machine. */
static bool find_process(struct drive_vm *vm)
{
	pid_t pid = qmp_client_peer_pid(vm->qmp);
	char path[64], comm[32];

	if (pid <= 0) {
		turn_blind(vm, "its QMP comes over TCP, where nobody says "
			       "which process answers");
		return false;
	}
	if (runs_vcpus(vm, pid)) {
		vm->pid = pid;
		return true;
	}
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	procfile_read(path, comm, sizeof(comm));
	turn_blind(vm,
		   "process %d (%s) behind its QMP socket does not run its "
		   "vCPUs: the machine is elsewhere",
		   pid, comm[0] ? comm : "gone");
	return false;
}

/* Both ends of each stretch. */
static int try_memory(const struct ram *ram)
{
	uint64_t word;
	unsigned int i;
	int rc = 0;

	for (i = 0; !rc && i < ram->nr_regions; i++) {
		const struct ram_region *at = &ram->region[i];

		rc = ram_read(ram, at->gpa, &word, sizeof(word));
		if (!rc)
			rc = ram_read(ram, at->gpa + at->bytes - sizeof(word),
				      &word, sizeof(word));
	}
	return rc;
}

/* The guest's own words, found through the mapping, are the proof. */
static int try_guest(struct drive_vm *vm, struct error *why)
{
	struct guest_view view;
	int rc = guest_view_read(&vm->ram, vm->control_gpa, vm->control_bytes,
				 &view, why);

	if (!rc)
		guest_view_exit(&view);
	return rc;
}

void attach_see(struct drive_vm *vm, const struct drive_vm *like)
{
	struct error why = { "" };
	int rc;

	vm->blind = false;
	if (vm->kind == &drive_qemu && !vm->console && !like) {
		turn_blind(vm, "without its console nobody says where its "
			       "guest keeps its counters");
		return;
	}
	if (like && like->blind) {
		turn_blind(vm, "the source, which could say where its guest "
			       "lies, cannot be seen either");
		return;
	}
	if (!find_process(vm))
		return;
	rc = drive_vm_map(vm, like, &why);
	if (!rc)
		rc = try_memory(&vm->ram);
	if (!rc && !like)
		rc = try_guest(vm, &why);
	if (rc)
		turn_blind(vm, "its memory cannot be read: %.120s",
			   why.text[0] ? why.text : strerror(-rc));
}

static bool pages_fit(struct drive_vm *vm, const struct elf_image *image,
		      const struct abi_ram_range *range)
{
	uint8_t page[ABI_PAGE_BYTES];
	const uint8_t *want;
	uint64_t at;

	for (at = range->gpa; at < range->gpa + range->bytes;
	     at += ABI_PAGE_BYTES) {
		want = elf_image_page(image, at);
		if (!want || ram_read(&vm->ram, at, page, sizeof(page)) ||
		    memcmp(want, page, sizeof(page)))
			return false;
	}
	return true;
}

bool attach_image_fits(struct drive_vm *vm, const void *elf, size_t bytes)
{
	struct elf_image image = { .data = NULL };
	struct guest_view view;
	bool fits;
	uint32_t i;

	if (guest_view_read(&vm->ram, vm->control_gpa, vm->control_bytes, &view,
			    NULL))
		return false;
	fits = !elf_image_load(elf, bytes, view.control.image_gpa, &image,
			       NULL);
	for (i = 0; fits && i < view.control.nr_ram; i++)
		if (view.control.ram[i].kind == ABI_RAM_IMAGE)
			fits = pages_fit(vm, &image, &view.control.ram[i]);
	elf_image_exit(&image);
	guest_view_exit(&view);
	return fits;
}
