/* SPDX-License-Identifier: MIT */
/*
 * KVM's binary statistics: a file with a header, descriptors and the values.
 * The kernel is trusted with its own sizes no further than room goes.
 */
#include "vmm/stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/vm_impl.h"

#define MAX_STATS 4096u
#define MAX_NAME_BYTES 256u

static int read_at(int fd, void *to, size_t bytes, uint64_t offset)
{
	ssize_t n = pread(fd, to, bytes, (off_t)offset);

	if (n < 0)
		return -errno;
	return (size_t)n == bytes ? 0 : -EPROTO;
}

/* @desc: room for a descriptor and its name. */
static int find(int fd, const struct kvm_stats_header *h, const char *name,
		struct kvm_stats_desc *desc)
{
	size_t bytes = sizeof(*desc) + h->name_size;
	uint32_t i;
	int rc;

	for (i = 0; i < h->num_desc; i++) {
		rc = read_at(fd, desc, bytes,
			     h->desc_offset + (uint64_t)i * bytes);
		if (rc)
			return rc;
		desc->name[h->name_size - 1] = '\0';
		if (!strcmp(desc->name, name))
			return 0;
	}
	return -ENOENT;
}

static int read_stat(int fd, const char *name, uint64_t *ret_value)
{
	struct kvm_stats_header h;
	struct kvm_stats_desc *desc;
	int rc = read_at(fd, &h, sizeof(h), 0);

	if (rc)
		return rc;
	if (!h.name_size || h.name_size > MAX_NAME_BYTES ||
	    h.num_desc > MAX_STATS)
		return -EPROTO;
	desc = malloc(sizeof(*desc) + h.name_size);
	if (!desc)
		return -ENOMEM;
	rc = find(fd, &h, name, desc);
	if (!rc)
		rc = read_at(fd, ret_value, sizeof(*ret_value),
			     (uint64_t)h.data_offset + desc->offset);
	free(desc);
	return rc;
}

int vm_stat(const struct vm *vm, unsigned int vcpu, const char *name,
	    uint64_t *ret_value)
{
	uint64_t value;
	int rc;

	if (vcpu >= vm->nr_vcpus)
		return -EINVAL;
	if (vm->vcpu[vcpu].stats_fd < 0)
		return -ENOTSUP;
	rc = read_stat(vm->vcpu[vcpu].stats_fd, name, &value);
	if (!rc)
		*ret_value = value;
	return rc;
}
