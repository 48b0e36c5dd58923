#!/bin/bash
# SPDX-License-Identifier: MIT
# Is the account of RAM true, whatever was started before?
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

check_account() {
	monitor stop
	monitor "pmemsave 0 0x10000000 \"$dir/ram\""
	monitor cont
	"$account" "$dir/ram" "$control" "$elf" || fail "the account is wrong"
}


boot 2 256
expect "event control"
control=$(value gpa)
expect "event ready"
check_account
say "start wss=64M"
expect "event filled"
sleep 0.2
say stop
check_account
# A smaller working set gives pages back: they must be zero again.
say "start wss=16M stop=on"
expect "event filled"
check_account
say "bench stores ms=20"
check_account
power_off
