#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Is the domain in docs/hypervisors.md one that libvirt takes? By its schema,
# where that is installed; LIBVIRT_SCHEMAS names another place.
set -eu
cd "$(dirname "$0")/../.."
schema=${LIBVIRT_SCHEMAS:-/usr/share/libvirt/schemas}/domain.rng

if [ ! -r "$schema" ] || ! command -v xmllint >/dev/null; then
	echo "skip: no libvirt schema, or no xmllint"
	exit 77
fi
sed -n "/^<domain /,/^<\/domain>/p" docs/hypervisors.md |
	xmllint --noout --relaxng "$schema" -
