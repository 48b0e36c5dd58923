/* SPDX-License-Identifier: MIT */
/*
 * The enlightened VMCS, version 1, as one table: from it come the structure,
 * accessors, the account of clean fields and the encodings of the ordinary
 * VMCS.
 *
 * Both hypervisors see the structure as memory. The inner one, before it enters
 * its guest, clears the clean bit of each group in which it has changed
 * something; the outer one reads only groups whose bit is clear, and sets all
 * bits at each entry. A change whose bit was left set is ignored, and
 * overwritten at the next exit.
 *
 * Source: Microsoft Hypervisor Top-Level Functional Specification,
 * HV_VMX_ENLIGHTENED_VMCS and HV_VMX_ENLIGHTENED_CLEAN_FIELD_*; Linux,
 * include/hyperv/hvhdk.h and arch/x86/kvm/vmx/hyperv_evmcs.c (groups of
 * fields that the specification leaves out: all). Encodings: Intel SDM 3D,
 * appendix B.
 */
#ifndef VMFERRY_GUEST_EVMCS_FIELDS_H
#define VMFERRY_GUEST_EVMCS_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVMCS_BYTES 1024u
#define EVMCS_REVISION 1u

/* Clean bits: what the group's fields are read again for. */
#define EVMCS_CLEAN_NONE 0u /* read at every entry, or never */
#define EVMCS_CLEAN_IO_BITMAP (1u << 0)
#define EVMCS_CLEAN_MSR_BITMAP (1u << 1)
#define EVMCS_CLEAN_CONTROL_GROUP2 (1u << 2)
#define EVMCS_CLEAN_CONTROL_GROUP1 (1u << 3)
#define EVMCS_CLEAN_CONTROL_PROC (1u << 4)
#define EVMCS_CLEAN_CONTROL_EVENT (1u << 5)
#define EVMCS_CLEAN_CONTROL_ENTRY (1u << 6)
#define EVMCS_CLEAN_CONTROL_EXCEPTION (1u << 7)
#define EVMCS_CLEAN_CRDR (1u << 8)
#define EVMCS_CLEAN_CONTROL_XLAT (1u << 9)
#define EVMCS_CLEAN_GUEST_BASIC (1u << 10)
#define EVMCS_CLEAN_GUEST_GROUP1 (1u << 11)
#define EVMCS_CLEAN_GUEST_GROUP2 (1u << 12)
#define EVMCS_CLEAN_HOST_POINTER (1u << 13)
#define EVMCS_CLEAN_HOST_GROUP1 (1u << 14)
#define EVMCS_CLEAN_ENLIGHTENMENTS (1u << 15)
#define EVMCS_CLEAN_ALL 0xffffu

/* Of the field `enlightenments`. */
#define EVMCS_NESTED_FLUSH (1u << 0)
#define EVMCS_MSR_BITMAP (1u << 1)

/* Fields that only the enlightened VMCS has. */
#define EVMCS_NO_FIELD 0xffff

/* F(name, offset, bits, clean group, encoding in the ordinary VMCS) */
/* clang-format off */
#define EVMCS_FIELDS(F)                                                \
	F(revision_id, 0x000, 32, NONE, EVMCS_NO_FIELD)                \
	F(abort, 0x004, 32, NONE, EVMCS_NO_FIELD)                      \
	F(host_es_selector, 0x008, 16, HOST_GROUP1, 0x0c00)            \
	F(host_cs_selector, 0x00a, 16, HOST_GROUP1, 0x0c02)            \
	F(host_ss_selector, 0x00c, 16, HOST_GROUP1, 0x0c04)            \
	F(host_ds_selector, 0x00e, 16, HOST_GROUP1, 0x0c06)            \
	F(host_fs_selector, 0x010, 16, HOST_GROUP1, 0x0c08)            \
	F(host_gs_selector, 0x012, 16, HOST_GROUP1, 0x0c0a)            \
	F(host_tr_selector, 0x014, 16, HOST_GROUP1, 0x0c0c)            \
	F(host_pat, 0x018, 64, HOST_GROUP1, 0x2c00)                    \
	F(host_efer, 0x020, 64, HOST_GROUP1, 0x2c02)                   \
	F(host_cr0, 0x028, 64, HOST_GROUP1, 0x6c00)                    \
	F(host_cr3, 0x030, 64, HOST_GROUP1, 0x6c02)                    \
	F(host_cr4, 0x038, 64, HOST_GROUP1, 0x6c04)                    \
	F(host_sysenter_esp, 0x040, 64, HOST_GROUP1, 0x6c10)           \
	F(host_sysenter_eip, 0x048, 64, HOST_GROUP1, 0x6c12)           \
	F(host_rip, 0x050, 64, HOST_GROUP1, 0x6c16)                    \
	F(host_sysenter_cs, 0x058, 32, HOST_GROUP1, 0x4c00)            \
	F(pin_controls, 0x05c, 32, CONTROL_GROUP1, 0x4000)             \
	F(exit_controls, 0x060, 32, CONTROL_GROUP1, 0x400c)            \
	F(proc2_controls, 0x064, 32, CONTROL_GROUP1, 0x401e)           \
	F(io_bitmap_a, 0x068, 64, IO_BITMAP, 0x2000)                   \
	F(io_bitmap_b, 0x070, 64, IO_BITMAP, 0x2002)                   \
	F(msr_bitmap, 0x078, 64, MSR_BITMAP, 0x2004)                   \
	F(guest_es_selector, 0x080, 16, GUEST_GROUP2, 0x0800)          \
	F(guest_cs_selector, 0x082, 16, GUEST_GROUP2, 0x0802)          \
	F(guest_ss_selector, 0x084, 16, GUEST_GROUP2, 0x0804)          \
	F(guest_ds_selector, 0x086, 16, GUEST_GROUP2, 0x0806)          \
	F(guest_fs_selector, 0x088, 16, GUEST_GROUP2, 0x0808)          \
	F(guest_gs_selector, 0x08a, 16, GUEST_GROUP2, 0x080a)          \
	F(guest_ldtr_selector, 0x08c, 16, GUEST_GROUP2, 0x080c)        \
	F(guest_tr_selector, 0x08e, 16, GUEST_GROUP2, 0x080e)          \
	F(guest_es_limit, 0x090, 32, GUEST_GROUP2, 0x4800)             \
	F(guest_cs_limit, 0x094, 32, GUEST_GROUP2, 0x4802)             \
	F(guest_ss_limit, 0x098, 32, GUEST_GROUP2, 0x4804)             \
	F(guest_ds_limit, 0x09c, 32, GUEST_GROUP2, 0x4806)             \
	F(guest_fs_limit, 0x0a0, 32, GUEST_GROUP2, 0x4808)             \
	F(guest_gs_limit, 0x0a4, 32, GUEST_GROUP2, 0x480a)             \
	F(guest_ldtr_limit, 0x0a8, 32, GUEST_GROUP2, 0x480c)           \
	F(guest_tr_limit, 0x0ac, 32, GUEST_GROUP2, 0x480e)             \
	F(guest_gdtr_limit, 0x0b0, 32, GUEST_GROUP2, 0x4810)           \
	F(guest_idtr_limit, 0x0b4, 32, GUEST_GROUP2, 0x4812)           \
	F(guest_es_rights, 0x0b8, 32, GUEST_GROUP2, 0x4814)            \
	F(guest_cs_rights, 0x0bc, 32, GUEST_GROUP2, 0x4816)            \
	F(guest_ss_rights, 0x0c0, 32, GUEST_GROUP2, 0x4818)            \
	F(guest_ds_rights, 0x0c4, 32, GUEST_GROUP2, 0x481a)            \
	F(guest_fs_rights, 0x0c8, 32, GUEST_GROUP2, 0x481c)            \
	F(guest_gs_rights, 0x0cc, 32, GUEST_GROUP2, 0x481e)            \
	F(guest_ldtr_rights, 0x0d0, 32, GUEST_GROUP2, 0x4820)          \
	F(guest_tr_rights, 0x0d4, 32, GUEST_GROUP2, 0x4822)            \
	F(guest_es_base, 0x0d8, 64, GUEST_GROUP2, 0x6806)              \
	F(guest_cs_base, 0x0e0, 64, GUEST_GROUP2, 0x6808)              \
	F(guest_ss_base, 0x0e8, 64, GUEST_GROUP2, 0x680a)              \
	F(guest_ds_base, 0x0f0, 64, GUEST_GROUP2, 0x680c)              \
	F(guest_fs_base, 0x0f8, 64, GUEST_GROUP2, 0x680e)              \
	F(guest_gs_base, 0x100, 64, GUEST_GROUP2, 0x6810)              \
	F(guest_ldtr_base, 0x108, 64, GUEST_GROUP2, 0x6812)            \
	F(guest_tr_base, 0x110, 64, GUEST_GROUP2, 0x6814)              \
	F(guest_gdtr_base, 0x118, 64, GUEST_GROUP2, 0x6816)            \
	F(guest_idtr_base, 0x120, 64, GUEST_GROUP2, 0x6818)            \
	F(exit_msr_store_addr, 0x140, 64, ALL, 0x2006)                 \
	F(exit_msr_load_addr, 0x148, 64, ALL, 0x2008)                  \
	F(entry_msr_load_addr, 0x150, 64, ALL, 0x200a)                 \
	F(cr3_target0, 0x158, 64, ALL, 0x6008)                         \
	F(cr3_target1, 0x160, 64, ALL, 0x600a)                         \
	F(cr3_target2, 0x168, 64, ALL, 0x600c)                         \
	F(cr3_target3, 0x170, 64, ALL, 0x600e)                         \
	F(fault_mask, 0x178, 32, ALL, 0x4006)                          \
	F(fault_match, 0x17c, 32, ALL, 0x4008)                         \
	F(cr3_target_count, 0x180, 32, ALL, 0x400a)                    \
	F(exit_msr_store_count, 0x184, 32, ALL, 0x400e)                \
	F(exit_msr_load_count, 0x188, 32, ALL, 0x4010)                 \
	F(entry_msr_load_count, 0x18c, 32, ALL, 0x4014)                \
	F(tsc_offset, 0x190, 64, CONTROL_GROUP2, 0x2010)               \
	F(virtual_apic, 0x198, 64, CONTROL_GROUP2, 0x2012)             \
	F(link_pointer, 0x1a0, 64, GUEST_GROUP1, 0x2800)               \
	F(guest_debugctl, 0x1a8, 64, GUEST_GROUP1, 0x2802)             \
	F(guest_pat, 0x1b0, 64, GUEST_GROUP1, 0x2804)                  \
	F(guest_efer, 0x1b8, 64, GUEST_GROUP1, 0x2806)                 \
	F(guest_pdpte0, 0x1c0, 64, GUEST_GROUP1, 0x280a)               \
	F(guest_pdpte1, 0x1c8, 64, GUEST_GROUP1, 0x280c)               \
	F(guest_pdpte2, 0x1d0, 64, GUEST_GROUP1, 0x280e)               \
	F(guest_pdpte3, 0x1d8, 64, GUEST_GROUP1, 0x2810)               \
	F(guest_pending_debug, 0x1e0, 64, GUEST_GROUP1, 0x6822)        \
	F(guest_sysenter_esp, 0x1e8, 64, GUEST_GROUP1, 0x6824)         \
	F(guest_sysenter_eip, 0x1f0, 64, GUEST_GROUP1, 0x6826)         \
	F(guest_activity, 0x1f8, 32, GUEST_GROUP1, 0x4826)             \
	F(guest_sysenter_cs, 0x1fc, 32, GUEST_GROUP1, 0x482a)          \
	F(cr0_mask, 0x200, 64, CRDR, 0x6000)                           \
	F(cr4_mask, 0x208, 64, CRDR, 0x6002)                           \
	F(cr0_shadow, 0x210, 64, CRDR, 0x6004)                         \
	F(cr4_shadow, 0x218, 64, CRDR, 0x6006)                         \
	F(guest_cr0, 0x220, 64, CRDR, 0x6800)                          \
	F(guest_cr3, 0x228, 64, CRDR, 0x6802)                          \
	F(guest_cr4, 0x230, 64, CRDR, 0x6804)                          \
	F(guest_dr7, 0x238, 64, CRDR, 0x681a)                          \
	F(host_fs_base, 0x240, 64, HOST_POINTER, 0x6c06)               \
	F(host_gs_base, 0x248, 64, HOST_POINTER, 0x6c08)               \
	F(host_tr_base, 0x250, 64, HOST_POINTER, 0x6c0a)               \
	F(host_gdtr_base, 0x258, 64, HOST_POINTER, 0x6c0c)             \
	F(host_idtr_base, 0x260, 64, HOST_POINTER, 0x6c0e)             \
	F(host_rsp, 0x268, 64, HOST_POINTER, 0x6c14)                   \
	F(ept_pointer, 0x270, 64, CONTROL_XLAT, 0x201a)                \
	F(vpid, 0x278, 16, CONTROL_XLAT, 0x0000)                       \
	F(guest_physical, 0x2a8, 64, NONE, 0x2400)                     \
	F(instruction_error, 0x2b0, 32, NONE, 0x4400)                  \
	F(exit_reason, 0x2b4, 32, NONE, 0x4402)                        \
	F(exit_interrupt, 0x2b8, 32, NONE, 0x4404)                     \
	F(exit_error_code, 0x2bc, 32, NONE, 0x4406)                    \
	F(idt_vectoring, 0x2c0, 32, NONE, 0x4408)                      \
	F(idt_error_code, 0x2c4, 32, NONE, 0x440a)                     \
	F(exit_instruction_bytes, 0x2c8, 32, NONE, 0x440c)             \
	F(exit_instruction_info, 0x2cc, 32, NONE, 0x440e)              \
	F(exit_qualification, 0x2d0, 64, NONE, 0x6400)                 \
	F(exit_io_rcx, 0x2d8, 64, NONE, 0x6402)                        \
	F(exit_io_rsi, 0x2e0, 64, NONE, 0x6404)                        \
	F(exit_io_rdi, 0x2e8, 64, NONE, 0x6406)                        \
	F(exit_io_rip, 0x2f0, 64, NONE, 0x6408)                        \
	F(guest_linear, 0x2f8, 64, NONE, 0x640a)                       \
	F(guest_rsp, 0x300, 64, GUEST_BASIC, 0x681c)                   \
	F(guest_rflags, 0x308, 64, GUEST_BASIC, 0x6820)                \
	F(guest_interruptibility, 0x310, 32, GUEST_BASIC, 0x4824)      \
	F(proc_controls, 0x314, 32, CONTROL_PROC, 0x4002)              \
	F(exception_bitmap, 0x318, 32, CONTROL_EXCEPTION, 0x4004)      \
	F(entry_controls, 0x31c, 32, CONTROL_ENTRY, 0x4012)            \
	F(entry_interrupt, 0x320, 32, CONTROL_EVENT, 0x4016)           \
	F(entry_error_code, 0x324, 32, CONTROL_EVENT, 0x4018)          \
	F(entry_instruction_bytes, 0x328, 32, CONTROL_EVENT, 0x401a)   \
	F(tpr_threshold, 0x32c, 32, NONE, 0x401c)                      \
	F(guest_rip, 0x330, 64, NONE, 0x681e)                          \
	F(clean_fields, 0x338, 32, NONE, EVMCS_NO_FIELD)               \
	F(synthetic_controls, 0x340, 32, ALL, EVMCS_NO_FIELD)          \
	F(enlightenments, 0x344, 32, ENLIGHTENMENTS, EVMCS_NO_FIELD)   \
	F(vp_id, 0x348, 32, ENLIGHTENMENTS, EVMCS_NO_FIELD)            \
	F(vm_id, 0x350, 64, ENLIGHTENMENTS, EVMCS_NO_FIELD)            \
	F(partition_assist, 0x358, 64, ENLIGHTENMENTS, EVMCS_NO_FIELD) \
	F(guest_bndcfgs, 0x380, 64, GUEST_GROUP1, 0x2812)              \
	F(guest_perf_global, 0x388, 64, GUEST_GROUP1, 0x2808)          \
	F(guest_s_cet, 0x390, 64, GUEST_GROUP1, 0x6828)                \
	F(guest_ssp, 0x398, 64, GUEST_BASIC, 0x682a)                   \
	F(guest_ssp_table, 0x3a0, 64, GUEST_GROUP1, 0x682c)            \
	F(guest_lbr_ctl, 0x3a8, 64, GUEST_GROUP1, 0x2816)              \
	F(xss_exit_bitmap, 0x3c0, 64, CONTROL_GROUP2, 0x202c)          \
	F(encls_exit_bitmap, 0x3c8, 64, CONTROL_GROUP2, 0x202e)        \
	F(host_perf_global, 0x3d0, 64, HOST_GROUP1, 0x2c04)            \
	F(tsc_multiplier, 0x3d8, 64, CONTROL_GROUP2, 0x2032)           \
	F(host_s_cet, 0x3e0, 64, HOST_GROUP1, 0x6c18)                  \
	F(host_ssp, 0x3e8, 64, HOST_GROUP1, 0x6c1a)                    \
	F(host_ssp_table, 0x3f0, 64, HOST_GROUP1, 0x6c1c)
/* clang-format on */

#define EVMCS_MEMBER(name, offset, bits, group, encoding)                      \
	struct __attribute__((packed)) {                                       \
		uint8_t name##_before[offset];                                 \
		uint##bits##_t name;                                           \
	};
union evmcs {
	uint8_t bytes[EVMCS_BYTES];
	EVMCS_FIELDS(EVMCS_MEMBER)
};
#undef EVMCS_MEMBER

/* What the specification reserves between the fields. */
#define EVMCS_RESERVED_BYTES 136u

_Static_assert(sizeof(union evmcs) == EVMCS_BYTES, "no field is beyond it");
#define EVMCS_SIZE(name, offset, bits, group, encoding) +(bits) / 8
_Static_assert(0 EVMCS_FIELDS(EVMCS_SIZE) + EVMCS_RESERVED_BYTES == EVMCS_BYTES,
	       "no field is missing");
#undef EVMCS_SIZE
#define EVMCS_PLACE(name, offset, bits, group, encoding)                       \
	_Static_assert((offset) % ((bits) / 8) == 0, #name " is aligned");
EVMCS_FIELDS(EVMCS_PLACE)
#undef EVMCS_PLACE
_Static_assert(offsetof(union evmcs, exit_reason) == 0x2b4, "TLFS");
_Static_assert(offsetof(union evmcs, proc_controls) == 0x314, "TLFS");
_Static_assert(offsetof(union evmcs, guest_rip) == 0x330, "TLFS");
_Static_assert(offsetof(union evmcs, clean_fields) == 0x338, "TLFS");
_Static_assert(offsetof(union evmcs, enlightenments) == 0x344, "TLFS");

/* Spelt as the members: VMCS_guest_rip. */
enum vmcs_encoding {
#define EVMCS_ENCODING(name, offset, bits, group, encoding)                    \
	VMCS_##name = (encoding),
	EVMCS_FIELDS(EVMCS_ENCODING)
#undef EVMCS_ENCODING
};

/* evmcs_get_NAME(e); evmcs_set_NAME(e, value) marks NAME's group as changed. */
#define EVMCS_ACCESSORS(name, offset, bits, group, encoding)                   \
	static inline uint##bits##_t evmcs_get_##name(const union evmcs *e)    \
	{                                                                      \
		return e->name;                                                \
	}                                                                      \
	static inline void evmcs_set_##name(union evmcs *e,                    \
					    uint##bits##_t value)              \
	{                                                                      \
		e->name = value;                                               \
		e->clean_fields &= ~EVMCS_CLEAN_##group;                       \
	}
EVMCS_FIELDS(EVMCS_ACCESSORS)
#undef EVMCS_ACCESSORS

/**
 * evmcs_write() - as VMWRITE of a field, and its group is marked.
 *
 * Return: false if the enlightened VMCS has no such field.
 */
bool evmcs_write(union evmcs *e, uint32_t encoding, uint64_t value);

/* As VMREAD; 0 if it has no such field. */
uint64_t evmcs_read(const union evmcs *e, uint32_t encoding);

#endif
