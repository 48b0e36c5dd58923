/* SPDX-License-Identifier: MIT */
/* The guest that a machine boots: its image, and what it is told. */
#include "machine/state.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control.h"
#include "vmm/boot_fault.h"
#include "vmm/loader.h"

static int read_file(const char *path, void **ret_data, size_t *ret_bytes,
		     struct error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;
	struct stat st = { .st_size = 0 };
	void *map = MAP_FAILED;

	if (fd < 0 || fstat(fd, &st))
		rc = -errno;
	else if (!S_ISREG(st.st_mode) || !st.st_size)
		rc = -ENOEXEC;
	else
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd,
			   0);
	if (!rc && map == MAP_FAILED)
		rc = -errno;
	if (fd >= 0)
		close(fd);
	if (rc)
		return error_set(err, -EINVAL,
				 "cannot read the kernel '%s': %s", path,
				 strerror(-rc));
	*ret_data = map;
	*ret_bytes = (size_t)st.st_size;
	return 0;
}

/* What the host tells the guest before it runs. */
static void preset_control(struct machine *m)
{
	const struct guestmem_region *r =
		guestmem_region(vm_memory(m->vm), "control");
	struct abi_control *c = (struct abi_control *)r->hva;

	c->magic = ABI_CONTROL_MAGIC;
	c->version = ABI_VERSION;
	c->header_bytes = sizeof(*c);
	c->bytes = r->bytes;
	c->preset_cpus = m->params->nr_vcpus;
	if (m->params->append)
		strcpy(c->preset, m->params->append);
}

/* Behind the loader's back. */
static int spoil(struct machine *m, struct error *err)
{
	const char *name = m->params->boot_fault, *words = m->params->append;
	const struct boot_fault *fault = name ? boot_fault_find(name) : NULL;

	if (!name)
		return 0;
	if (!fault)
		return error_set(err, -EINVAL, "there is no boot fault '%s'",
				 name);
	return boot_fault_apply(fault, vm_memory(m->vm), words ? words : "",
				err);
}

int machine_load_guest(struct machine *m, struct error *err)
{
	const struct guestmem_region *control =
		guestmem_region(vm_memory(m->vm), "control");
	struct loader_params params = {
		.base_gpa = m->params->base_gpa,
		.control_gpa = control->gpa,
		.control_bytes = control->bytes,
	};
	struct loader_result loaded;
	const void *elf;
	void *map = NULL;
	uint64_t built_in_bytes;
	size_t bytes;
	int rc;

	preset_control(m);
	elf = machine_guest_image(&built_in_bytes);
	bytes = built_in_bytes;
	if (m->params->kernel) {
		rc = read_file(m->params->kernel, &map, &bytes, err);
		if (rc)
			return rc;
		elf = map;
	}
	rc = loader_load_pvh(vm_memory(m->vm), elf, bytes, &params, &loaded,
			     err);
	if (!rc)
		rc = spoil(m, err);
	if (!rc)
		rc = vm_set_boot(m->vm, loaded.entry_gpa,
				 loaded.start_info_gpa);
	if (map)
		munmap(map, bytes);
	if (rc == -ENOEXEC)
		rc = -EINVAL;
	return rc;
}
