/* SPDX-License-Identifier: MIT */
/*
 * Is the guest's table of the enlightened VMCS what the specification says?
 *
 * The structure is written down here once more, in the specification's order
 * with the compiler's own alignment, and the groups by their members.
 * Source: TLFS, HV_VMX_ENLIGHTENED_VMCS ("all structures are padded in such a
 * way that fields are aligned naturally").
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hv/evmcs_fields.h"

struct tlfs {
	uint32_t version, abort_indicator;
	uint16_t host_es, host_cs, host_ss, host_ds, host_fs, host_gs, host_tr;
	uint16_t reserved_1;
	uint64_t host_pat, host_efer, host_cr0, host_cr3, host_cr4;
	uint64_t host_sysenter_esp, host_sysenter_eip, host_rip;
	uint32_t host_sysenter_cs;
	uint32_t pin, exit, secondary;
	uint64_t io_a, io_b, msr_bitmap;
	uint16_t es, cs, ss, ds, fs, gs, ldtr, tr;
	uint32_t es_limit, cs_limit, ss_limit, ds_limit, fs_limit, gs_limit;
	uint32_t ldtr_limit, tr_limit, gdtr_limit, idtr_limit;
	uint32_t es_attributes, cs_attributes, ss_attributes, ds_attributes;
	uint32_t fs_attributes, gs_attributes, ldtr_attributes, tr_attributes;
	uint64_t es_base, cs_base, ss_base, ds_base, fs_base, gs_base;
	uint64_t ldtr_base, tr_base, gdtr_base, idtr_base;
	uint64_t reserved_2[3];
	uint64_t exit_store, exit_load, entry_load;
	uint64_t cr3_target[4];
	uint32_t fault_mask, fault_match;
	uint32_t cr3_targets, nr_exit_store, nr_exit_load, nr_entry_load;
	uint64_t tsc_offset, virtual_apic, link;
	uint64_t debugctl, pat, efer;
	uint64_t pdpte[4];
	uint64_t pending_debug, sysenter_esp, sysenter_eip;
	uint32_t sleep_state, sysenter_cs;
	uint64_t cr0_mask, cr4_mask, cr0_shadow, cr4_shadow;
	uint64_t cr0, cr3, cr4, dr7;
	uint64_t host_fs_base, host_gs_base, host_tr_base, host_gdtr_base;
	uint64_t host_idtr_base, host_rsp;
	uint64_t ept_root;
	uint16_t vpid;
	uint16_t reserved_3[3];
	uint64_t reserved_4[5];
	uint64_t exit_gpa;
	uint32_t error, reason, interruption, interruption_error;
	uint32_t vectoring, vectoring_error, length, instruction;
	uint64_t qualification, io_rcx, io_rsi, io_rdi, io_rip, exit_gva;
	uint64_t rsp, rflags;
	uint32_t interruptibility, processor, exceptions, entry;
	uint32_t event, event_error, event_length, tpr_threshold;
	uint64_t rip;
	uint32_t clean, reserved_5, synthetic, enlightenments;
	uint32_t vp_id, reserved_6;
	uint64_t vm_id, assist_page;
	uint64_t reserved_7[4];
	uint64_t bndcfgs, perf_global, s_cet, ssp, ssp_table, lbr_ctl;
	uint64_t reserved_8[2];
	uint64_t xss_exiting, encls_exiting, host_perf_global, tsc_multiplier;
	uint64_t host_s_cet, host_ssp, host_ssp_table;
	uint64_t reserved_9;
};

/* Groups, as bit numbers; read-only and always-read fields have none. */
enum { A = -2, X = -1 };
enum { IO, MSR, C2, C1, PROC, EVENT, ENTRY, EXCPN, CRDR, XLAT, BASIC, G1, G2 };
enum { HPTR = 13, H1, ENL };

#define ROW(name, tlfs_name, group)                                            \
	{                                                                      \
#name, offsetof(union evmcs, name),                            \
			sizeof(((union evmcs *)0)->name),                      \
			offsetof(struct tlfs, tlfs_name),                      \
			sizeof(((struct tlfs *)0)->tlfs_name), group           \
	}
#define SEGMENT(s)                                                             \
	ROW(guest_##s##_selector, s, G2),                                      \
		ROW(guest_##s##_limit, s##_limit, G2),                         \
		ROW(guest_##s##_rights, s##_attributes, G2),                   \
		ROW(guest_##s##_base, s##_base, G2)
#define HOST(s) ROW(host_##s##_selector, host_##s, H1)
static const struct row {
	const char *name;
	size_t offset, bytes, want_offset, want_bytes;
	int group;
} rows[] = { ROW(revision_id, version, X),
	     ROW(abort, abort_indicator, X),
	     HOST(es),
	     HOST(cs),
	     HOST(ss),
	     HOST(ds),
	     HOST(fs),
	     HOST(gs),
	     HOST(tr),
	     ROW(host_pat, host_pat, H1),
	     ROW(host_efer, host_efer, H1),
	     ROW(host_cr0, host_cr0, H1),
	     ROW(host_cr3, host_cr3, H1),
	     ROW(host_cr4, host_cr4, H1),
	     ROW(host_sysenter_esp, host_sysenter_esp, H1),
	     ROW(host_sysenter_eip, host_sysenter_eip, H1),
	     ROW(host_rip, host_rip, H1),
	     ROW(host_sysenter_cs, host_sysenter_cs, H1),
	     ROW(pin_controls, pin, C1),
	     ROW(exit_controls, exit, C1),
	     ROW(proc2_controls, secondary, C1),
	     ROW(io_bitmap_a, io_a, IO),
	     ROW(io_bitmap_b, io_b, IO),
	     ROW(msr_bitmap, msr_bitmap, MSR),
	     SEGMENT(es),
	     SEGMENT(cs),
	     SEGMENT(ss),
	     SEGMENT(ds),
	     SEGMENT(fs),
	     SEGMENT(gs),
	     SEGMENT(ldtr),
	     SEGMENT(tr),
	     ROW(guest_gdtr_limit, gdtr_limit, G2),
	     ROW(guest_idtr_limit, idtr_limit, G2),
	     ROW(guest_gdtr_base, gdtr_base, G2),
	     ROW(guest_idtr_base, idtr_base, G2),
	     ROW(exit_msr_store_addr, exit_store, A),
	     ROW(exit_msr_load_addr, exit_load, A),
	     ROW(entry_msr_load_addr, entry_load, A),
	     ROW(cr3_target0, cr3_target[0], A),
	     ROW(cr3_target1, cr3_target[1], A),
	     ROW(cr3_target2, cr3_target[2], A),
	     ROW(cr3_target3, cr3_target[3], A),
	     ROW(fault_mask, fault_mask, A),
	     ROW(fault_match, fault_match, A),
	     ROW(cr3_target_count, cr3_targets, A),
	     ROW(exit_msr_store_count, nr_exit_store, A),
	     ROW(exit_msr_load_count, nr_exit_load, A),
	     ROW(entry_msr_load_count, nr_entry_load, A),
	     ROW(tsc_offset, tsc_offset, C2),
	     ROW(virtual_apic, virtual_apic, C2),
	     ROW(link_pointer, link, G1),
	     ROW(guest_debugctl, debugctl, G1),
	     ROW(guest_pat, pat, G1),
	     ROW(guest_efer, efer, G1),
	     ROW(guest_pdpte0, pdpte[0], G1),
	     ROW(guest_pdpte1, pdpte[1], G1),
	     ROW(guest_pdpte2, pdpte[2], G1),
	     ROW(guest_pdpte3, pdpte[3], G1),
	     ROW(guest_pending_debug, pending_debug, G1),
	     ROW(guest_sysenter_esp, sysenter_esp, G1),
	     ROW(guest_sysenter_eip, sysenter_eip, G1),
	     ROW(guest_activity, sleep_state, G1),
	     ROW(guest_sysenter_cs, sysenter_cs, G1),
	     ROW(cr0_mask, cr0_mask, CRDR),
	     ROW(cr4_mask, cr4_mask, CRDR),
	     ROW(cr0_shadow, cr0_shadow, CRDR),
	     ROW(cr4_shadow, cr4_shadow, CRDR),
	     ROW(guest_cr0, cr0, CRDR),
	     ROW(guest_cr3, cr3, CRDR),
	     ROW(guest_cr4, cr4, CRDR),
	     ROW(guest_dr7, dr7, CRDR),
	     ROW(host_fs_base, host_fs_base, HPTR),
	     ROW(host_gs_base, host_gs_base, HPTR),
	     ROW(host_tr_base, host_tr_base, HPTR),
	     ROW(host_gdtr_base, host_gdtr_base, HPTR),
	     ROW(host_idtr_base, host_idtr_base, HPTR),
	     ROW(host_rsp, host_rsp, HPTR),
	     ROW(ept_pointer, ept_root, XLAT),
	     ROW(vpid, vpid, XLAT),
	     ROW(guest_physical, exit_gpa, X),
	     ROW(instruction_error, error, X),
	     ROW(exit_reason, reason, X),
	     ROW(exit_interrupt, interruption, X),
	     ROW(exit_error_code, interruption_error, X),
	     ROW(idt_vectoring, vectoring, X),
	     ROW(idt_error_code, vectoring_error, X),
	     ROW(exit_instruction_bytes, length, X),
	     ROW(exit_instruction_info, instruction, X),
	     ROW(exit_qualification, qualification, X),
	     ROW(exit_io_rcx, io_rcx, X),
	     ROW(exit_io_rsi, io_rsi, X),
	     ROW(exit_io_rdi, io_rdi, X),
	     ROW(exit_io_rip, io_rip, X),
	     ROW(guest_linear, exit_gva, X),
	     ROW(guest_rsp, rsp, BASIC),
	     ROW(guest_rflags, rflags, BASIC),
	     ROW(guest_interruptibility, interruptibility, BASIC),
	     ROW(proc_controls, processor, PROC),
	     ROW(exception_bitmap, exceptions, EXCPN),
	     ROW(entry_controls, entry, ENTRY),
	     ROW(entry_interrupt, event, EVENT),
	     ROW(entry_error_code, event_error, EVENT),
	     ROW(entry_instruction_bytes, event_length, EVENT),
	     ROW(tpr_threshold, tpr_threshold, X),
	     ROW(guest_rip, rip, X),
	     ROW(clean_fields, clean, X),
	     ROW(synthetic_controls, synthetic, A),
	     ROW(enlightenments, enlightenments, ENL),
	     ROW(vp_id, vp_id, ENL),
	     ROW(vm_id, vm_id, ENL),
	     ROW(partition_assist, assist_page, ENL),
	     ROW(guest_bndcfgs, bndcfgs, G1),
	     ROW(guest_perf_global, perf_global, G1),
	     ROW(guest_s_cet, s_cet, G1),
	     ROW(guest_ssp, ssp, BASIC),
	     ROW(guest_ssp_table, ssp_table, G1),
	     ROW(guest_lbr_ctl, lbr_ctl, G1),
	     ROW(xss_exit_bitmap, xss_exiting, C2),
	     ROW(encls_exit_bitmap, encls_exiting, C2),
	     ROW(host_perf_global, host_perf_global, H1),
	     ROW(tsc_multiplier, tsc_multiplier, C2),
	     ROW(host_s_cet, host_s_cet, H1),
	     ROW(host_ssp, host_ssp, H1),
	     ROW(host_ssp_table, host_ssp_table, H1) };

#define CLEAN offsetof(struct tlfs, clean)
#define NR_ROWS (sizeof(rows) / sizeof(rows[0]))

static const struct row *row_of(const char *name)
{
	size_t i;

	for (i = 0; i < NR_ROWS; i++)
		if (!strcmp(rows[i].name, name))
			return &rows[i];
	fail_msg("%s is not in the specification", name);
	return NULL;
}

static uint32_t mask_of(const struct row *r)
{
	return r->group == A ? 0xffffu : r->group == X ? 0 : 1u << r->group;
}

static void test_offsets(void **state)
{
	size_t i;

	assert_int_equal(sizeof(struct tlfs), 1024);
	assert_int_equal(sizeof(union evmcs), 1024);
	for (i = 0; i < NR_ROWS; i++)
		if (rows[i].offset != rows[i].want_offset ||
		    rows[i].bytes != rows[i].want_bytes)
			fail_msg("%s: at 0x%zx, not 0x%zx", rows[i].name,
				 rows[i].offset, rows[i].want_offset);
}

/* Every field of the table, by its own accessor: no byte but its own changes,
 * and no clean bit but its group's. */
#define CHECK(n, o, b, g, x)                                                   \
	{                                                                      \
		const struct row *r = row_of(#n);                              \
		const uint##b##_t value = (uint##b##_t)0x1122334455667788ull;  \
		union evmcs e, before;                                         \
		uint32_t i;                                                    \
                                                                               \
		memset(&e, 0xa5, sizeof(e));                                   \
		e.clean_fields = 0xffffu;                                      \
		before = e;                                                    \
		evmcs_set_##n(&e, value);                                      \
		assert_int_equal(evmcs_get_##n(&e), value);                    \
		if (r->want_offset != CLEAN)                                   \
			assert_int_equal(e.clean_fields,                       \
					 0xffffu & ~mask_of(r));               \
		for (i = 0; i < 1024; i++)                                     \
			if (i - r->want_offset >= r->want_bytes &&             \
			    i - CLEAN >= 4)                                    \
				assert_int_equal(e.bytes[i], before.bytes[i]); \
		seen++;                                                        \
	}

static void test_accessors(void **state)
{
	size_t seen = 0;

	EVMCS_FIELDS(CHECK)
	assert_int_equal(seen, NR_ROWS);
}

/* Source: Intel SDM 3D, appendix B: the ends of each run of fields. */
static void test_encodings(void **state)
{
#define AT(member) offsetof(struct tlfs, member)
	static const struct {
		uint32_t encoding;
		size_t offset;
	} known[] = {
		/* clang-format off */
		{ 0x0000, AT(vpid) }, { 0x0800, AT(es) }, { 0x080c, AT(ldtr) },
		{ 0x080e, AT(tr) }, { 0x0c00, AT(host_es) },
		{ 0x0c0c, AT(host_tr) }, { 0x2000, AT(io_a) },
		{ 0x2004, AT(msr_bitmap) }, { 0x2006, AT(exit_store) },
		{ 0x200a, AT(entry_load) }, { 0x2010, AT(tsc_offset) },
		{ 0x2012, AT(virtual_apic) }, { 0x201a, AT(ept_root) },
		{ 0x202c, AT(xss_exiting) }, { 0x2032, AT(tsc_multiplier) },
		{ 0x2400, AT(exit_gpa) }, { 0x2800, AT(link) },
		{ 0x2802, AT(debugctl) }, { 0x2804, AT(pat) },
		{ 0x2806, AT(efer) }, { 0x280a, AT(pdpte[0]) },
		{ 0x2810, AT(pdpte[3]) }, { 0x2812, AT(bndcfgs) },
		{ 0x2c00, AT(host_pat) }, { 0x2c02, AT(host_efer) },
		{ 0x4000, AT(pin) }, { 0x4002, AT(processor) },
		{ 0x4004, AT(exceptions) }, { 0x4006, AT(fault_mask) },
		{ 0x400a, AT(cr3_targets) }, { 0x400c, AT(exit) },
		{ 0x400e, AT(nr_exit_store) }, { 0x4012, AT(entry) },
		{ 0x4014, AT(nr_entry_load) }, { 0x4016, AT(event) },
		{ 0x4018, AT(event_error) }, { 0x401a, AT(event_length) },
		{ 0x401c, AT(tpr_threshold) }, { 0x401e, AT(secondary) },
		{ 0x4400, AT(error) }, { 0x4402, AT(reason) },
		{ 0x4404, AT(interruption) }, { 0x4408, AT(vectoring) },
		{ 0x440c, AT(length) }, { 0x440e, AT(instruction) },
		{ 0x4800, AT(es_limit) }, { 0x480e, AT(tr_limit) },
		{ 0x4810, AT(gdtr_limit) }, { 0x4812, AT(idtr_limit) },
		{ 0x4814, AT(es_attributes) }, { 0x4822, AT(tr_attributes) },
		{ 0x4824, AT(interruptibility) }, { 0x4826, AT(sleep_state) },
		{ 0x482a, AT(sysenter_cs) }, { 0x4c00, AT(host_sysenter_cs) },
		{ 0x6000, AT(cr0_mask) }, { 0x6004, AT(cr0_shadow) },
		{ 0x6008, AT(cr3_target[0]) }, { 0x6400, AT(qualification) },
		{ 0x640a, AT(exit_gva) }, { 0x6800, AT(cr0) },
		{ 0x6802, AT(cr3) }, { 0x6804, AT(cr4) },
		{ 0x6806, AT(es_base) }, { 0x6814, AT(tr_base) },
		{ 0x6816, AT(gdtr_base) }, { 0x6818, AT(idtr_base) },
		{ 0x681a, AT(dr7) }, { 0x681c, AT(rsp) }, { 0x681e, AT(rip) },
		{ 0x6820, AT(rflags) }, { 0x6822, AT(pending_debug) },
		{ 0x6824, AT(sysenter_esp) }, { 0x6c00, AT(host_cr0) },
		{ 0x6c04, AT(host_cr4) }, { 0x6c06, AT(host_fs_base) },
		{ 0x6c0a, AT(host_tr_base) }, { 0x6c0e, AT(host_idtr_base) },
		{ 0x6c10, AT(host_sysenter_esp) }, { 0x6c14, AT(host_rsp) },
		{ 0x6c16, AT(host_rip) },
		/* clang-format on */
	};
	union evmcs e;
	size_t i, at;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		memset(&e, 0, sizeof(e));
		assert_true(evmcs_write(&e, known[i].encoding, 0xff));
		assert_int_equal(evmcs_read(&e, known[i].encoding), 0xff);
		for (at = 0; at < 1024 && e.bytes[at] != 0xff; at++)
			;
		if (at != known[i].offset)
			fail_msg("0x%x is at 0x%zx, not 0x%zx",
				 known[i].encoding, at, known[i].offset);
	}
}

/* By encoding, all of them: each its own place, the same as by name. */
static void test_by_encoding(void **state)
{
	static const uint32_t unknown[] = { 0x0002, 0x2018,   0x482e,
					    0x4020, 0x400000, EVMCS_NO_FIELD };
	union evmcs e;
	size_t i;

#define SAME(n, o, b, g, x)                                                    \
	if ((x) != EVMCS_NO_FIELD) {                                           \
		memset(&e, 0, sizeof(e));                                      \
		e.clean_fields = 0xffffu;                                      \
		assert_true(evmcs_write(&e, x, 0x0123456789abcdefull));        \
		assert_int_equal(e.n, (uint##b##_t)0x0123456789abcdefull);     \
		assert_int_equal(e.clean_fields,                               \
				 0xffffu & ~mask_of(row_of(#n)));              \
		assert_int_equal(evmcs_read(&e, x), e.n);                      \
	}
	EVMCS_FIELDS(SAME)
	memset(&e, 0xff, sizeof(e));
	for (i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		assert_false(evmcs_write(&e, unknown[i], 0));
		assert_int_equal(evmcs_read(&e, unknown[i]), 0);
	}
	for (i = 0; i < 1024; i++)
		assert_int_equal(e.bytes[i], 0xff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offsets),
		cmocka_unit_test(test_accessors),
		cmocka_unit_test(test_encodings),
		cmocka_unit_test(test_by_encoding),
	};

	return cmocka_run_group_tests_name("guest/evmcs", tests, NULL, NULL);
}
