/* SPDX-License-Identifier: MIT */
/* Clock source, TSC, and whether two hosts' clocks could be compared. */
#include <string.h>
#include <sys/timex.h>

#include "base/procfile.h"
#include "drive/doctor.h"

#define CPUINFO_BYTES 16384u /* more than one CPU's block */

static void add_source(struct checks *checks)
{
	char text[64] = "unknown";
	struct check *row;
	bool good;

	procfile_read("/sys/devices/system/clocksource/clocksource0/"
		      "current_clocksource",
		      text, sizeof(text));
	good = !strcmp(text, "tsc") || !strcmp(text, "kvm-clock");
	row = checks_add(checks, good ? CHECK_OK : CHECK_NOTE, "clock.source");
	check_value(row, "%s", text);
	if (!good)
		check_advice(row, "find out why the kernel distrusts the TSC "
				  "(dmesg): reading another clock costs a "
				  "system call");
}

static void add_tsc(struct checks *checks)
{
	static const struct {
		const char *flag, *name, *advice;
	} flags[] = {
		{ "constant_tsc", "clock.constant_tsc",
		  "don't trust the guest's stall log: its clock changes with "
		  "the frequency" },
		{ "nonstop_tsc", "clock.nonstop_tsc",
		  "keep the CPUs out of deep sleep (processor.max_cstate=1): "
		  "the TSC stops there" },
		{ "tsc_known_freq", "clock.tsc_known_freq",
		  "expect the TSC's frequency to be a calibrated one: small "
		  "differences between hosts are the calibration's" },
	};
	char text[CPUINFO_BYTES];
	struct check *row;
	size_t i;
	bool has;

	procfile_read("/proc/cpuinfo", text, sizeof(text));
	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		has = procfile_has_word(text, flags[i].flag);
		row = checks_add(checks, has ? CHECK_OK : CHECK_NOTE,
				 flags[i].name);
		check_value(row, has ? "yes" : "no");
		if (!has)
			check_advice(row, "%s", flags[i].advice);
	}
}

static void add_synchronised(struct checks *checks)
{
	struct timex t = { .modes = 0 };
	int state = adjtimex(&t);
	bool good =
		state >= 0 && state != TIME_ERROR && !(t.status & STA_UNSYNC);
	struct check *row = checks_add(checks, good ? CHECK_OK : CHECK_NOTE,
				       "clock.synchronised");

	if (good)
		check_value(row, "by NTP, at most %.1f ms off",
			    (double)t.maxerror / 1e3);
	else
		check_value(row, "no");
	if (!good)
		check_advice(row, "run chrony or the like before measuring "
				  "between two hosts; one host needs none");
}

void doctor_clock(struct checks *checks)
{
	add_source(checks);
	add_tsc(checks);
	add_synchronised(checks);
}
