/* SPDX-License-Identifier: MIT */
/* What the headers of the C library and of older kernels lack; the host is asked
 * at run time. */
#ifndef VMFERRY_BASE_COMPAT_H
#define VMFERRY_BASE_COMPAT_H

/* madvise(2), Linux 5.14; older kernels refuse it. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#endif
