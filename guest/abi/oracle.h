/* SPDX-License-Identifier: MIT */
/*
 * The oracle: which page the workload writes at which step, and what every
 * byte of every page must be, as pure functions.
 *
 * Words: a *working set* is nr_pages pages in up to eight gfn ranges, numbered
 * by *index* 0..nr_pages - 1. vCPU v owns one contiguous *slice* of the
 * indices. The fill is *visit* 0 of every page; after it *step* s = 1, 2, ...
 * of a vCPU writes one page of its slice. Steps are grouped in *passes* of as
 * many steps as the slice has pages; a pass visits each page once, in an order
 * that is a bijection with an inverse. So from a step counter alone follows
 * each page's last visit, and from that its bytes. Hot and cold pages have
 * passes of their own, interleaved in a fixed way. Where the order changes
 * (phases), a *stretch* begins, and from the steps at which it did (struct
 * oracle_log) and the counter follows the same.
 *
 * No state, no allocation, no libc: included by the guest (ring 3), by the
 * host's verifier and by unit tests.
 */
#ifndef VMFERRY_ABI_ORACLE_H
#define VMFERRY_ABI_ORACLE_H

#include "oracle_content.h"
#include "oracle_order.h"

#endif
