/* SPDX-License-Identifier: MIT */
/* The guest's account of RAM: what each range holds. */
#ifndef VMFERRY_DRIVE_GUEST_ACCOUNT_H
#define VMFERRY_DRIVE_GUEST_ACCOUNT_H

#include <stdint.h>

#include "base/error.h"
#include "drive/ram.h"

struct guest_view;

/**
 * guest_account_check() - is the account well-formed, and does it agree with
 * the epoch?
 *
 * Return: 0 or -EPROTO.
 */
int guest_account_check(const struct guest_view *view, struct error *err);

/**
 * guest_account_matches() - does the account list the machine's RAM?
 *
 * Every byte of @ram must be in a range, or in the control area (which may lie
 * in a slot of its own), and every range in @ram.
 *
 * Return: 0 or -EPROTO.
 */
int guest_account_matches(const struct guest_view *view, const struct ram *ram,
			  struct error *err);

/* Bytes of the control area that the account does not list. */
uint64_t guest_account_control_bytes(const struct guest_view *view);

/* Name of an enum abi_ram_kind, as in `excluded_bytes`. */
const char *guest_account_kind_name(uint32_t kind);

#endif
