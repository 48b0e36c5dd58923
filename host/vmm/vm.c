/* SPDX-License-Identifier: MIT */
/* Making and ending a machine; who may run when. */
#include "vmm/vm.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/dirty.h"
#include "vmm/hyperv_user.h"
#include "vmm/hyperv_kvm.h"
#include "vmm/vm_impl.h"

/* Three pages and one that Intel's real-mode emulation wants; above the
 * control area, below the IOAPIC. */
#define IDENTITY_MAP_GPA 0xfeffc000ull
#define TSS_GPA 0xfeffd000ull

static void set_irq(void *ctx, bool level)
{
	struct vm *vm = ctx;
	struct kvm_irq_level line = { .irq = SERIAL_IRQ, .level = level };

	kvm_ioctl(vm->fd, KVM_IRQ_LINE, &line);
}

static void serial_write(void *ctx, const uint8_t *bytes, size_t nr_bytes)
{
	struct vm *vm = ctx;

	if (vm->events->serial_write)
		vm->events->serial_write(vm->ctx, bytes, nr_bytes);
}

static const struct serial_ops serial_ops = {
	.write = serial_write,
	.set_irq = set_irq,
};

int vm_set_slot(struct vm *vm, unsigned int region, uint32_t flags)
{
	const struct guestmem_region *r = &vm->mem.region[region];
	struct kvm_userspace_memory_region slot = {
		.slot = region,
		.flags = flags,
		.guest_phys_addr = r->gpa,
		.memory_size = r->bytes,
		.userspace_addr = (uintptr_t)r->hva,
	};

	return kvm_ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &slot);
}

static int create_chips(struct vm *vm)
{
	/* The dummy speaker serves port 0x61: the gate of PIT channel 2,
	 * which guests calibrate with. */
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	uint64_t identity = IDENTITY_MAP_GPA;
	int rc = kvm_ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity);

	if (!rc)
		rc = kvm_ioctl_value(vm->fd, KVM_SET_TSS_ADDR, TSS_GPA);
	if (!rc)
		rc = kvm_ioctl_value(vm->fd, KVM_CREATE_IRQCHIP, 0);
	if (!rc)
		rc = kvm_ioctl(vm->fd, KVM_CREATE_PIT2, &pit);
	return rc;
}

static int create_fd(struct vm *vm, const struct vm_params *p,
		     struct error *err)
{
	int rc = kvm_ioctl_value(vm->kvm_fd, KVM_CREATE_VM, 0);

	if (rc < 0)
		return error_set(err, rc, "KVM refused to create a machine: %s",
				 strerror(-rc));
	vm->fd = rc;
	rc = kvm_ioctl_value(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (rc < (int)sizeof(struct kvm_run))
		return error_set(err, rc < 0 ? rc : -EOPNOTSUPP,
				 "KVM gives no usable KVM_GET_VCPU_MMAP_SIZE");
	vm->run_bytes = (size_t)rc;
	rc = vm_probe_caps(vm, err);
	if (!rc && p->dirty_ring_entries)
		rc = dirty_ring_enable(vm, p->dirty_ring_entries, err);
	return rc;
}

static int create_memory(struct vm *vm, const struct vm_params *p,
			 struct error *err)
{
	const struct guestmem_params params = {
		.ram_bytes = p->ram_bytes,
		.control_bytes = p->control_bytes,
		.backing = p->backing,
		.page_bytes = p->page_bytes,
		.path = p->path,
		.awaited = p->awaited,
		.unreserved = p->unreserved,
	};
	int rc = guestmem_init(&vm->mem, &params, err);

	if (!rc && vm_log_init(vm))
		rc = error_set(err, -ENOMEM, "out of memory");
	return rc ? rc : vm_map_init(vm, p->commit, err);
}

static int create_vcpus(struct vm *vm, struct error *err)
{
	unsigned int i;
	int rc = cpuid_build(vm, err);

	if (!rc)
		rc = nested_resolve(vm, err);
	if (!rc && vm->hyperv == HYPERV_KVM)
		rc = hyperv_kvm_check(vm, err);
	if (!rc && vm->hyperv == HYPERV_USER)
		rc = hyperv_create(vm, err);
	for (i = 0; !rc && i < vm->nr_vcpus; i++)
		rc = vcpu_create(vm, i, err);
	for (i = 0; !rc && i < vm->nr_vcpus; i++)
		rc = cpuid_apply(&vm->vcpu[i], err);
	if (!rc)
		rc = msr_probe(vm, err);
	if (!rc && vm->hyperv == HYPERV_KVM)
		rc = hyperv_kvm_verify(vm, err);
	if (!rc && vm->hv)
		rc = hyperv_start(vm, err);
	for (i = 0; !rc && i < vm->nr_vcpus; i++)
		rc = vcpu_start(&vm->vcpu[i], err);
	return rc;
}

static int check_params(const struct vm_params *p, struct error *err)
{
	if (!p->nr_vcpus || p->nr_vcpus > VM_MAX_VCPUS)
		return error_set(err, -EINVAL,
				 "a machine has 1 to %u vCPUs, not %u",
				 VM_MAX_VCPUS, p->nr_vcpus);
	if (p->ram_bytes < VM_MIN_RAM_BYTES ||
	    p->ram_bytes % VM_RAM_ALIGN_BYTES)
		return error_set(err, -EINVAL,
				 "guest RAM must be a multiple of 2 MiB and at "
				 "least 16 MiB, not %" PRIu64 " bytes",
				 p->ram_bytes);
	if (p->dirty_ring_entries > VM_MAX_RING_ENTRIES ||
	    p->dirty_ring_entries & (p->dirty_ring_entries - 1))
		return error_set(err, -EINVAL,
				 "a dirty ring's entries are a power of 2, at "
				 "most %u, not %u",
				 VM_MAX_RING_ENTRIES, p->dirty_ring_entries);
	return 0;
}

static struct vm *alloc_vm(const struct vm_params *p)
{
	static const struct vm_events no_events;
	struct vm *vm =
		calloc(1, sizeof(*vm) + p->nr_vcpus * sizeof(vm->vcpu[0]));
	unsigned int i;

	if (!vm)
		return NULL;
	vm->kvm_fd = vm->fd = -1;
	vm->events = p->events ? p->events : &no_events;
	vm->ctx = p->ctx;
	vm->nr_vcpus = p->nr_vcpus;
	vm->nested_want = p->nested;
	vm->hyperv = (enum hyperv_mode)p->hyperv.mode;
	vm->hv_broken = hyperv_break_number(p->hyperv.broken);
	pthread_mutex_init(&vm->lock, NULL);
	pthread_cond_init(&vm->changed, NULL);
	pthread_mutex_init(&vm->device_lock, NULL);
	pthread_mutex_init(&vm->log.lock, NULL);
	serial_init(&vm->serial, &serial_ops, vm);
	for (i = 0; i < p->nr_vcpus; i++)
		vm->vcpu[i] = (struct vcpu){
			.vm = vm, .index = i, .fd = -1, .stats_fd = -1
		};
	return vm;
}

int vm_create(const struct vm_params *params, struct vm **ret_vm,
	      struct error *err)
{
	struct vm *vm;
	int rc = check_params(params, err);

	if (rc)
		return rc;
	vm = alloc_vm(params);
	if (!vm)
		return error_set(err, -ENOMEM, "out of memory");
	rc = hyperv_resolve(&params->hyperv, &vm->hv_wanted, &vm->hv_must, err);
	if (!rc)
		rc = vm_open_kvm(params->kvm_path, &vm->kvm_fd, err);
	if (!rc)
		rc = create_fd(vm, params, err);
	if (!rc) {
		rc = create_chips(vm);
		if (rc)
			error_set(err, rc,
				  "KVM refused the interrupt controllers or "
				  "the timer: %s",
				  strerror(-rc));
	}
	if (!rc)
		rc = create_memory(vm, params, err);
	if (!rc)
		rc = create_vcpus(vm, err);
	if (rc)
		vm_destroy(vm);
	else
		*ret_vm = vm;
	return rc;
}

static void join_vcpus(struct vm *vm)
{
	unsigned int i;

	pthread_mutex_lock(&vm->lock);
	vm->want = VM_WANT_QUIT;
	vcpu_kick_all(vm);
	pthread_cond_broadcast(&vm->changed);
	pthread_mutex_unlock(&vm->lock);
	for (i = 0; i < vm->nr_vcpus; i++)
		vcpu_destroy(&vm->vcpu[i]);
}

void vm_destroy(struct vm *vm)
{
	if (!vm)
		return;
	join_vcpus(vm);
	hyperv_destroy(vm);
	vm_map_silence(vm);
	vm_map_exit(vm);
	if (vm->fd >= 0)
		close(vm->fd);
	if (vm->kvm_fd >= 0)
		close(vm->kvm_fd);
	guestmem_exit(&vm->mem);
	free(vm->cpuid);
	free(vm->cpuid_taken);
	free(vm->msr);
	vm_log_exit(vm);
	pthread_mutex_destroy(&vm->device_lock);
	pthread_cond_destroy(&vm->changed);
	pthread_mutex_destroy(&vm->lock);
	free(vm);
}

static void thaw_devices(struct vm *vm)
{
	bool was_frozen;

	pthread_mutex_lock(&vm->device_lock);
	was_frozen = vm->frozen;
	vm->frozen = false;
	pthread_mutex_unlock(&vm->device_lock);
	if (was_frozen && vm->events->serial_room)
		vm->events->serial_room(vm->ctx);
}

int vm_resume(struct vm *vm)
{
	int rc = 0;

	pthread_mutex_lock(&vm->lock);
	if (vm->broken)
		rc = -EIO;
	else if (vm->ended)
		rc = -ESHUTDOWN;
	pthread_mutex_unlock(&vm->lock);
	if (!rc)
		rc = vm_log_settle(vm);
	if (rc)
		return rc;
	thaw_devices(vm);
	vm_devices_resume(vm);
	hyperv_resume(vm);
	pthread_mutex_lock(&vm->lock);
	if (vm->ended)
		rc = -ESHUTDOWN;
	else
		vm->want = VM_WANT_RUN;
	pthread_cond_broadcast(&vm->changed);
	pthread_mutex_unlock(&vm->lock);
	return rc;
}

void vm_pause(struct vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	vm->want = VM_WANT_PAUSE;
	vcpu_kick_all(vm);
	while (vm->nr_parked < vm->nr_vcpus)
		pthread_cond_wait(&vm->changed, &vm->lock);
	pthread_mutex_unlock(&vm->lock);
	hyperv_pause(vm);
	vm_devices_pause(vm);
}

bool vm_is_running(struct vm *vm)
{
	bool running;

	pthread_mutex_lock(&vm->lock);
	running = vm->want == VM_WANT_RUN;
	pthread_mutex_unlock(&vm->lock);
	return running;
}

bool vm_is_quiescent(struct vm *vm)
{
	bool quiescent;

	pthread_mutex_lock(&vm->lock);
	quiescent = vm->want != VM_WANT_RUN && vm->nr_parked == vm->nr_vcpus;
	pthread_mutex_unlock(&vm->lock);
	return quiescent;
}

size_t vm_serial_push(struct vm *vm, const uint8_t *bytes, size_t nr_bytes)
{
	size_t n = 0;

	pthread_mutex_lock(&vm->device_lock);
	if (!vm->frozen)
		n = serial_push(&vm->serial, bytes, nr_bytes);
	pthread_mutex_unlock(&vm->device_lock);
	return n;
}

const struct guestmem *vm_memory(const struct vm *vm)
{
	return &vm->mem;
}

unsigned int vm_nr_vcpus(const struct vm *vm)
{
	return vm->nr_vcpus;
}

pid_t vm_thread_id(const struct vm *vm, unsigned int index)
{
	return index < vm->nr_vcpus ? vm->vcpu[index].tid : -1;
}

uint64_t vm_nr_exits(const struct vm *vm, unsigned int index)
{
	return index < vm->nr_vcpus ? atomic_load(&vm->vcpu[index].nr_exits)
				    : 0;
}

uint64_t vm_tsc_hz(const struct vm *vm)
{
	return vm->tsc_khz * 1000ull;
}
