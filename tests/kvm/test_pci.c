/* SPDX-License-Identifier: MIT */
/* PCI, the memory map's listeners and interrupts by message on a real KVM. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "machine.h"
#include "vmm/map_stats.h"
#include "vmm/pci.h"
#include "vmm/vm_impl.h"

#define BAR_BYTES 0x4000u
#define NR_VECTORS 4u
#define NR_BELLS 8u
#define RAM_BYTES (16ull << 20)

struct fixture {
	struct machine *m;
	struct memmap_region bar;
	struct io_region io;
	struct pci_device pci;
	int kick[NR_BELLS], not_eventfd;
};

static const struct io_ops no_ops;

static int setup(void **state)
{
	static const struct pci_ids ids = { .vendor = 0x1234, .device = 1 };
	static struct fixture fixture;
	struct fixture *f = &fixture;
	unsigned int i;

	memset(f, 0, sizeof(*f));
	f->m = machine_new(1, RAM_BYTES);
	memmap_region_init(&f->bar, "bar", MEMMAP_CONTAINER, BAR_BYTES, NULL);
	io_region_init(&f->io, "io", 0x1000, &no_ops, NULL);
	memmap_add(&f->bar, &f->io.region, 0, 0);
	pci_init(&f->pci, "device", &ids);
	assert_int_equal(pci_add_bar(&f->pci, 0, PCI_BAR_32, false, &f->bar),
			 0);
	assert_int_equal(pci_add_msix(&f->pci, 0, NR_VECTORS, 0x2000, 0x3000),
			 0);
	assert_int_equal(pci_attach(vm_pci(f->m->vm), &f->pci, PCI_DEVFN_ANY),
			 0);
	for (i = 0; i < NR_BELLS; i++)
		f->kick[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	f->not_eventfd = open("/dev/null", O_RDWR | O_CLOEXEC);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	unsigned int i;

	pci_detach(&f->pci);
	pci_exit(&f->pci);
	machine_free(f->m);
	memmap_region_fini(&f->io.region);
	for (i = 0; i < NR_BELLS; i++)
		close(f->kick[i]);
	close(f->not_eventfd);
	return 0;
}

static struct memmap_eventfd bell(struct fixture *f, unsigned int i)
{
	return (struct memmap_eventfd){ .offset = 4 * i,
					.bytes = 2,
					.fd = f->kick[i] };
}

static uint64_t take(int fd)
{
	uint64_t count = 0;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

static struct kvm_calls calls(struct fixture *f)
{
	struct memmap_stats stats;
	struct kvm_calls kvm;

	vm_map_stats(f->m->vm, &stats, &kvm);
	return kvm;
}

/* KVM refuses one eventfd of several: the commit says so, the others ring, it
 * rings by way of us, and goes without KVM being asked. */
static void test_half_refused_bells(void **state)
{
	struct fixture *f = *state;
	struct memmap *map = vm_map(f->m->vm);
	struct memmap_eventfd bad = bell(f, 1), good = bell(f, 0);
	struct kvm_calls before, after;

	assert_int_equal(pci_config_write(&f->pci, 4, 2, 2), 0);
	bad.fd = f->not_eventfd;
	memmap_begin(map);
	memmap_add_eventfd(&f->io.region, &good);
	memmap_add_eventfd(&f->io.region, &bad);
	good = bell(f, 2);
	memmap_add_eventfd(&f->io.region, &good);
	assert_int_equal(memmap_commit(map), -EINVAL);
	before = calls(f);
	assert_int_equal(before.calls[KVM_CALL_BELL_ASSIGN], 3);
	memmap_begin(map);
	memmap_remove_eventfd(&f->io.region, &bad);
	memmap_remove_eventfd(&f->io.region, &good);
	assert_int_equal(memmap_commit(map), 0);
	after = calls(f);
	assert_int_equal(after.calls[KVM_CALL_BELL_DEASSIGN], 1);
	io_write(vm_memory_space(f->m->vm), PCI_WINDOW_GPA, 2, 0);
	assert_int_equal(take(f->kick[0]), 1);
	io_write(vm_memory_space(f->m->vm), PCI_WINDOW_GPA, 4, 0);
	assert_int_equal(take(f->kick[0]), 0);
}

static void enable_lapic(struct fixture *f)
{
	struct kvm_lapic_state lapic;
	const uint32_t on = 0x1ff;

	assert_int_equal(kvm_ioctl(f->m->vm->vcpu[0].fd, KVM_GET_LAPIC, &lapic),
			 0);
	memcpy(&lapic.regs[0xf0], &on, sizeof(on));
	assert_int_equal(kvm_ioctl(f->m->vm->vcpu[0].fd, KVM_SET_LAPIC, &lapic),
			 0);
}

/* Is @vector requested of the LAPIC? */
static bool is_requested(struct fixture *f, unsigned int vector)
{
	struct kvm_lapic_state lapic;
	uint32_t word;

	assert_int_equal(kvm_ioctl(f->m->vm->vcpu[0].fd, KVM_GET_LAPIC, &lapic),
			 0);
	memcpy(&word, &lapic.regs[0x200 + vector / 32 * 0x10], sizeof(word));
	return word >> vector % 32 & 1;
}

static void msix(struct fixture *f, uint16_t control)
{
	assert_int_equal(
		pci_config_write(&f->pci, f->pci.msix_cap + 2u, 2, control), 0);
}

static int program(struct fixture *f, unsigned int n, uint32_t control)
{
	const struct pci_msix_entry e = {
		.addr_low = 0xfee00000,
		.data = 0x50 + n,
		.control = control,
	};

	return pci_msix_write(&f->pci, n, &e);
}

static void test_vector_arrives(void **state)
{
	struct fixture *f = *state;

	enable_lapic(f);
	msix(f, 0x8000);
	assert_int_equal(program(f, 0, 0), 0);
	assert_int_equal(program(f, 1, PCI_MSIX_MASKED), 0);
	pci_raise(&f->pci, 0);
	pci_raise(&f->pci, 1);
	assert_true(is_requested(f, 0x50));
	assert_false(is_requested(f, 0x51));
	/* What waited comes with the unmasking. */
	assert_int_equal(program(f, 1, 0), 0);
	usleep(20000); /* KVM's worker */
	assert_true(is_requested(f, 0x51));
}

static void test_half_refused_irqfds(void **state)
{
	struct fixture *f = *state;
	int right = f->pci.vectors[1].fd;
	struct kvm_calls before;

	enable_lapic(f);
	msix(f, 0x8000);
	f->pci.vectors[1].fd = f->not_eventfd;
	memmap_begin(vm_map(f->m->vm));
	program(f, 0, 0);
	program(f, 1, 0);
	program(f, 2, 0);
	assert_int_equal(memmap_commit(vm_map(f->m->vm)), -EINVAL);
	before = calls(f);
	assert_int_equal(before.calls[KVM_CALL_ROUTING], 1);
	pci_raise(&f->pci, 0);
	pci_raise(&f->pci, 2);
	assert_true(is_requested(f, 0x50));
	assert_true(is_requested(f, 0x52));
	/* Made right, it is tried again with the next change. */
	f->pci.vectors[1].fd = right;
	f->m->vm->map.routes.route[1].fd = right;
	assert_int_equal(program(f, 3, 0), 0);
	pci_raise(&f->pci, 1);
	assert_true(is_requested(f, 0x51));
}

/* Slots are made once, whatever claims their addresses. */
static void test_ram_keeps_its_slots(void **state)
{
	struct fixture *f = *state;
	unsigned int nr = vm_memory(f->m->vm)->nr_regions;
	struct kvm_calls before = calls(f), after;

	assert_int_equal(before.calls[KVM_CALL_SLOT], nr);
	/* A BAR on top of RAM: hidden, the slot stays. */
	assert_int_equal(pci_config_write(&f->pci, 0x10, 4, 0x100000), 0);
	assert_int_equal(pci_config_write(&f->pci, 4, 2, 2), 0);
	after = calls(f);
	assert_int_equal(after.calls[KVM_CALL_SLOT], nr);
	memmap_read_lock();
	assert_int_equal(memmap_view(vm_memory_space(f->m->vm))->nr_ranges, nr);
	memmap_read_unlock();
}

/* The guest finds the host bridge, and kicks a queue without an exit to us. */
GUEST(look, "mov $0x80000000, %eax\n mov $0xcf8, %dx\n out %eax, (%dx)\n"
	    "mov $0xcfc, %dx\n in (%dx), %eax\n mov %eax, 0x200000\n"
	    "movw $7, 0xe0000004\n"
	    "mov 0xe0002000, %eax\n mov %eax, 0x200004\n"
	    "mov $1, %al\n" GUEST_EXIT);

static void test_guest_looks(void **state)
{
	struct fixture *f = *state;
	struct memmap_eventfd e = bell(f, 1);

	assert_int_equal(program(f, 0, 0), 0);
	assert_int_equal(pci_config_write(&f->pci, 4, 2, 2), 0);
	assert_int_equal(memmap_add_eventfd(&f->io.region, &e), 0);
	machine_load(f->m, look, look_end);
	assert_int_equal(vm_resume(f->m->vm), 0);
	assert_int_equal(machine_wait(f->m), END_EXIT_PORT);
	assert_int_equal(machine_peek(f->m, DATA_GPA), 0x12378086);
	assert_int_equal(machine_peek(f->m, DATA_GPA + 4), 0xfee00000);
	assert_int_equal(take(f->kick[1]), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_half_refused_bells),	TEST(test_half_refused_irqfds),
		TEST(test_ram_keeps_its_slots), TEST(test_vector_arrives),
		TEST(test_guest_looks),
	};
	int code;

	if (machine_skip(&code))
		return code;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
