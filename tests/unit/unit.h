/* SPDX-License-Identifier: MIT */
/* cmocka and what it wants included before it, for every unit test. */
#ifndef VMFERRY_TESTS_UNIT_UNIT_H
#define VMFERRY_TESTS_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* The four above come first: cmocka.h uses them and includes none. */
#include <cmocka.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
