/* SPDX-License-Identifier: MIT */
/* What a vCPU comes out of KVM_RUN for. */
#include "vmm/hyperv_user.h"
#include "vmm/hyperv_kvm.h"
#include "vmm/vm_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "abi.h"
#include "hyperv.h"

/* Return: true for the one that ended the machine. */
static bool end_machine(struct vm *vm)
{
	bool first;

	pthread_mutex_lock(&vm->lock);
	first = !vm->ended;
	vm->ended = true;
	if (vm->want == VM_WANT_RUN)
		vm->want = VM_WANT_PAUSE;
	vcpu_kick_all(vm);
	pthread_mutex_unlock(&vm->lock);
	return first;
}

static void fail(struct vcpu *vcpu, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void fail(struct vcpu *vcpu, const char *format, ...)
{
	struct vm *vm = vcpu->vm;
	struct kvm_regs regs = { 0 };
	char text[160], sentence[256];
	va_list ap;

	if (!end_machine(vm) || !vm->events->failed)
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	kvm_ioctl(vcpu->fd, KVM_GET_REGS, &regs);
	snprintf(sentence, sizeof(sentence),
		 "vCPU %u cannot go on at rip 0x%llx: %s", vcpu->index,
		 (unsigned long long)regs.rip, text);
	vm->events->failed(vm->ctx, vcpu->index, sentence);
}

static void exit_port(struct vm *vm, const uint8_t *data, size_t nr_bytes)
{
	uint32_t value = 0;

	memcpy(&value, data, nr_bytes < 4 ? nr_bytes : 4);
	if (end_machine(vm) && vm->events->exit_port)
		vm->events->exit_port(vm->ctx, value);
}

static bool is_serial(unsigned int port)
{
	return port - SERIAL_PORT < SERIAL_NR_PORTS;
}

/* One access to whatever else there is. */
static void other_port(struct vm *vm, const struct kvm_run *run, uint8_t *data)
{
	unsigned int port = run->io.port, size = run->io.size;
	uint64_t value = 0;
	uint32_t n;

	for (n = 0; n < run->io.count; n++, data += size) {
		if (run->io.direction == KVM_EXIT_IO_OUT) {
			memcpy(&value, data, size);
			io_write(vm->map.ports, port, size, value);
		} else {
			value = io_read(vm->map.ports, port, size);
			memcpy(data, &value, size);
		}
	}
}

static void handle_mmio(struct vm *vm, struct kvm_run *run)
{
	unsigned int size = run->mmio.len;
	uint64_t value = 0;

	if (run->mmio.is_write) {
		memcpy(&value, run->mmio.data, size);
		io_write(vm->map.memory, run->mmio.phys_addr, size, value);
	} else {
		value = io_read(vm->map.memory, run->mmio.phys_addr, size);
		memcpy(run->mmio.data, &value, size);
	}
}

static void port_out(struct vm *vm, const struct kvm_run *run,
		     const uint8_t *data)
{
	unsigned int port = run->io.port, size = run->io.size, i;
	uint32_t n;

	if (port == ABI_EXIT_PORT) {
		exit_port(vm, data, size);
		return;
	}
	if (is_serial(port) && size == 1) {
		serial_out(&vm->serial, port - SERIAL_PORT, data,
			   run->io.count);
		return;
	}
	/* Wider accesses reach byte-wide ports one after the other. */
	for (n = 0; n < run->io.count; n++)
		for (i = 0; i < size; i++, data++)
			if (is_serial(port + i))
				serial_out(&vm->serial, port + i - SERIAL_PORT,
					   data, 1);
}

static void port_in(struct vm *vm, const struct kvm_run *run, uint8_t *data)
{
	unsigned int port = run->io.port, size = run->io.size, i;
	uint32_t n;

	for (n = 0; n < run->io.count; n++)
		for (i = 0; i < size; i++)
			*data++ = is_serial(port + i)
					  ? serial_in(&vm->serial,
						      port + i - SERIAL_PORT)
					  : 0xff;
}

static void handle_io(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct vm *vm = vcpu->vm;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	bool room = false;

	if (run->io.port == ABI_EXIT_PORT &&
	    run->io.direction == KVM_EXIT_IO_OUT) {
		port_out(vm, run, data);
		return;
	}
	if (run->io.port == HV_CALL_PORT &&
	    run->io.direction == KVM_EXIT_IO_OUT && hyperv_call_exit(vcpu))
		return;
	if (!is_serial(run->io.port) &&
	    !is_serial(run->io.port + run->io.size - 1u)) {
		other_port(vm, run, data);
		return;
	}
	pthread_mutex_lock(&vm->device_lock);
	if (run->io.direction == KVM_EXIT_IO_OUT) {
		port_out(vm, run, data);
	} else {
		port_in(vm, run, data);
		room = serial_take_room(&vm->serial);
	}
	pthread_mutex_unlock(&vm->device_lock);
	if (room && vm->events->serial_room)
		vm->events->serial_room(vm->ctx);
}

static void handle_shutdown(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	if (end_machine(vm) && vm->events->shutdown)
		vm->events->shutdown(vm->ctx, vcpu->index);
}

static void fail_internal(struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;

	if (run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION)
		fail(vcpu, "KVM's emulator does not know the instruction");
	else
		fail(vcpu, "KVM internal error, suberror %u",
		     run->internal.suberror);
}

static bool handle_ring_full(struct vcpu *vcpu)
{
	int rc = dirty_ring_full(vcpu);

	if (rc)
		fail(vcpu, "KVM does not empty the dirty ring: %s",
		     strerror(-rc));
	return !rc;
}

bool vcpu_handle_exit(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		handle_io(vcpu);
		return true;
	case KVM_EXIT_MMIO:
		handle_mmio(vcpu->vm, run);
		return true;
	case KVM_EXIT_X86_RDMSR:
	case KVM_EXIT_X86_WRMSR:
		hyperv_msr_exit(vcpu);
		return true;
	case KVM_EXIT_HYPERV:
		hyperv_kvm_exit(run);
		return true;
	case KVM_EXIT_DIRTY_RING_FULL:
		return handle_ring_full(vcpu);
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		return true;
	case KVM_EXIT_SHUTDOWN:
		handle_shutdown(vcpu);
		return false;
	case KVM_EXIT_INTERNAL_ERROR:
		fail_internal(vcpu);
		return false;
	case KVM_EXIT_FAIL_ENTRY:
		fail(vcpu,
		     "the processor refused to enter the guest, reason "
		     "0x%llx",
		     (unsigned long long)
			     run->fail_entry.hardware_entry_failure_reason);
		return false;
	default:
		fail(vcpu, "unexpected exit %u", run->exit_reason);
		return false;
	}
}

void vcpu_run_failed(struct vcpu *vcpu, int rc)
{
	fail(vcpu, "KVM_RUN: %s", strerror(-rc));
}
