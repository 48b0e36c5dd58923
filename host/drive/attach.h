/* SPDX-License-Identifier: MIT */
/*
 * A migration between two machines that somebody else started, with our guest
 * inside: driven by their QMP, observed as far as can be seen from here, and
 * left as they were but for the migration.
 */
#ifndef VMFERRY_DRIVE_ATTACH_H
#define VMFERRY_DRIVE_ATTACH_H

#include "drive/run.h"

/**
 * run_attached() - migrate once, as @settings->attach says.
 * @hops: done() is told of the one hop; the rest is not used.
 *
 * What the machines are (kind, RAM, vCPUs, accelerator) is asked of them and
 * stands in run_hop.set and in the sample. Whether their memory can be read is
 * tried and proven, not believed: a UNIX socket's other end may be a forwarder.
 * Of what cannot be seen the figures are NAN, with the reason in the sample.
 *
 * No process is ended. Capabilities and parameters are put back; a migration
 * that is interrupted (settings->attach.pending) is cancelled, and the source
 * goes on.
 *
 * Return: as run_hops(); -ENODEV also if a machine is not as it must be;
 * -ECANCELED when interrupted.
 */
int run_attached(const struct run_settings *settings,
		 const struct run_hops *hops, struct error *err);

#endif
