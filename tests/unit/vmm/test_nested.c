/* SPDX-License-Identifier: MIT */
/* Nested state: what may come in, and what the CPUID offers. Needs no KVM. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unit/unit.h"
#include "vmm/state_format.h"
#include "vmm/vm_impl.h"

#define PAGE KVM_STATE_NESTED_VMX_VMCS_SIZE
#define VMX KVM_STATE_NESTED_FORMAT_VMX
#define SVM KVM_STATE_NESTED_FORMAT_SVM
#define GUEST KVM_STATE_NESTED_GUEST_MODE
#define PENDING KVM_STATE_NESTED_RUN_PENDING
#define EVMCS KVM_STATE_NESTED_EVMCS
#define GIF KVM_STATE_NESTED_GIF_SET

static struct vm *machine(enum nested_kind kind, size_t nested_bytes)
{
	struct vm *vm = calloc(1, sizeof(*vm) + sizeof(vm->vcpu[0]));

	assert_non_null(vm);
	vm->nr_vcpus = 1;
	vm->nested = kind;
	vm->caps.nested_bytes = nested_bytes;
	return vm;
}

static int check(const struct vm *vm, uint16_t format, uint16_t flags,
		 uint32_t claimed, uint32_t bytes, struct error *err)
{
	struct kvm_nested_state *s = calloc(1, bytes);
	struct state_part part = { (const uint8_t *)s, bytes };
	int rc;

	assert_non_null(s);
	s->format = format;
	s->flags = flags;
	s->size = claimed;
	rc = nested_check(vm, &part, 0, err);
	free(s);
	return rc;
}

static void test_form(void **state)
{
	static const struct {
		enum nested_kind host;
		uint16_t format, flags;
		uint32_t claimed, bytes;
		int rc;
	} row[] = {
		/* bare VMXON, with a VMCS, in L2, with a shadow VMCS */
		{ NESTED_VMX, VMX, 0, 128, 128, 0 },
		{ NESTED_VMX, VMX, 0, 128 + PAGE, 128 + PAGE, 0 },
		{ NESTED_VMX, VMX, GUEST, 128 + PAGE, 128 + PAGE, 0 },
		{ NESTED_VMX, VMX, GUEST | PENDING, 128 + 2 * PAGE,
		  128 + 2 * PAGE, 0 },
		{ NESTED_VMX, VMX, GUEST, 128, 128, -EPROTO },
		{ NESTED_VMX, VMX, PENDING, 128 + PAGE, 128 + PAGE, -EPROTO },
		{ NESTED_VMX, VMX, GIF, 128, 128, -EPROTO },
		{ NESTED_VMX, VMX, 0x8000, 128, 128, -EPROTO },
		{ NESTED_VMX, VMX, 0, 256, 128, -EPROTO },
		{ NESTED_VMX, VMX, 0, 128, 256, -EPROTO },
		{ NESTED_VMX, VMX, 0, 256, 256, -EPROTO },
		{ NESTED_VMX, VMX, 0, UINT32_MAX, 128, -EPROTO },
		{ NESTED_VMX, 2, 0, 128, 128, -EPROTO },
		{ NESTED_SVM, SVM, 0, 128, 128, 0 },
		{ NESTED_SVM, SVM, GIF, 128, 128, 0 },
		{ NESTED_SVM, SVM, GUEST | GIF, 128 + PAGE, 128 + PAGE, 0 },
		{ NESTED_SVM, SVM, GUEST | GIF, 128, 128, -EPROTO },
		{ NESTED_SVM, SVM, GIF, 128 + PAGE, 128 + PAGE, -EPROTO },
		{ NESTED_SVM, SVM, GUEST, 128 + 2 * PAGE, 128 + 2 * PAGE,
		  -EPROTO },
		{ NESTED_SVM, SVM, EVMCS, 128, 128, -EPROTO },
		/* of the other kind, and where there is none */
		{ NESTED_SVM, VMX, 0, 128, 128, -ENOTSUP },
		{ NESTED_VMX, SVM, GIF, 128, 128, -ENOTSUP },
		{ NESTED_NONE, VMX, 0, 128, 128, -ENOTSUP },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(row); i++) {
		struct vm *vm = machine(row[i].host, 8320);
		struct error err = { "" };
		int rc = check(vm, row[i].format, row[i].flags, row[i].claimed,
			       row[i].bytes, &err);

		if (rc != row[i].rc || !err.text[0] != !rc)
			fail_msg("row %zu: %d '%s'", i, rc, err.text);
		free(vm);
	}
}

static void test_needs_cap_and_evmcs(void **state)
{
	struct vm *vm = machine(NESTED_VMX, 0);
	struct error err = { "" };

	assert_int_equal(check(vm, VMX, 0, 128, 128, &err), -ENOTSUP);
	vm->caps.nested_bytes = 8320;
	err.text[0] = 0;
	assert_int_equal(check(vm, VMX, EVMCS, 128 + PAGE, 128 + PAGE, &err),
			 -ENOTSUP);
	assert_non_null(strstr(err.text, "--hyperv"));
	vm->vcpu[0].has_evmcs = true;
	assert_int_equal(check(vm, VMX, EVMCS, 128 + PAGE, 128 + PAGE, &err),
			 0);
	free(vm);
}

static void test_absent_is_fine(void **state)
{
	struct vm *vm = machine(NESTED_NONE, 0);
	const struct state_part none = { NULL, 0 };

	assert_int_equal(nested_check(vm, &none, 0, NULL), 0);
	assert_int_equal(nested_load(&vm->vcpu[0], &none), 0);
	free(vm);
}

static struct kvm_cpuid2 *cpuid_with(uint32_t ecx1, uint32_t ecx8)
{
	struct kvm_cpuid2 *c =
		calloc(1, sizeof(*c) + 3 * sizeof(c->entries[0]));

	assert_non_null(c);
	c->nent = 3;
	c->entries[0].function = 1;
	c->entries[0].ecx = ecx1;
	c->entries[1].function = 0x80000001;
	c->entries[1].ecx = ecx8;
	c->entries[2].function = 0x8000000a;
	c->entries[2].edx = 0xffff;
	return c;
}

static void test_resolve(void **state)
{
	static const struct {
		uint32_t ecx1, ecx8;
		enum vm_nested want;
		int rc;
		enum nested_kind kind;
	} row[] = {
		{ ~0u, 0, VM_NESTED_AUTO, 0, NESTED_VMX },
		{ ~0u, 0, VM_NESTED_ON, 0, NESTED_VMX },
		{ ~0u, 0, VM_NESTED_OFF, 0, NESTED_NONE },
		{ 0, ~0u, VM_NESTED_AUTO, 0, NESTED_SVM },
		{ 0, ~0u, VM_NESTED_OFF, 0, NESTED_NONE },
		{ ~0x20u, ~4u, VM_NESTED_AUTO, 0, NESTED_NONE },
		{ ~0x20u, ~4u, VM_NESTED_ON, -EOPNOTSUPP, NESTED_NONE },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(row); i++) {
		struct vm *vm = machine(NESTED_NONE, 0);
		struct error err = { "" };

		vm->cpuid = cpuid_with(row[i].ecx1, row[i].ecx8);
		vm->nested_want = row[i].want;
		assert_int_equal(nested_resolve(vm, &err), row[i].rc);
		assert_int_equal(vm->nested, row[i].kind);
		assert_int_equal(!err.text[0], !row[i].rc);
		/* Only what it is about has changed. */
		assert_int_equal(vm->cpuid->entries[0].ecx | 0x20u,
				 row[i].ecx1 | 0x20u);
		assert_int_equal(vm->cpuid->entries[2].edx,
				 row[i].want == VM_NESTED_OFF ? 0 : 0xffff);
		free(vm->cpuid);
		free(vm);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_needs_cap_and_evmcs),
		cmocka_unit_test(test_absent_is_fine),
		cmocka_unit_test(test_resolve),
	};

	return cmocka_run_group_tests_name("vmm/nested", tests, NULL, NULL);
}
