#!/bin/bash
# SPDX-License-Identifier: MIT
# Does the console do what it says, with one vCPU and with several?
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ "$(stat -c %s "$elf")" -le 65536 ] || fail "guest.elf is over 65536 bytes"

boot 3 256 "seed=7 write=page"
expect "event ready"
is vcpus 3
is version 1
say help
say control
is version 1
is vcpus 3
say nonsense "error unknown command nonsense"
say "start speed=3" "error unknown key speed"
say "start write=half" "error write=half does not fit"
say "start wss=1T" "error wss="
say "start content=r:65" "error content=r:65 does not fit"
say "start wss" "error wss is not key=value"
say "set rate=x" "error rate=x does not fit"
say "set seed=3" "error set takes"
say stop "error nothing"
say verify "error verify needs a stopped"
say "state check" "error nothing is planted"
say "cycles rounds=0" "error only rounds=N"
say "$(printf '%600s' x | tr ' ' x)" "error a line has at most"

for pattern in sequential random; do
	for write in stamp page; do
		for content in zero random r:3; do
			say "start wss=12292K pattern=$pattern write=$write content=$content"
			is pages 3073
			expect "event filled"
			sleep 0.1
			say stop
			say verify
			is pages 3073
			is bad 0
		done
	done
done

say "start wss=8M stop=on"
expect "event filled"
say stats
is state stopped
is steps 0
say "start wss=8M rate=10M"
expect "event filled"
say "state plant"
say "set rate=2000p"
is rate_bytes_per_s 8192000
sleep 0.2
say "state check"
is differing 0
say stop
say verify
is bad 0
say "bench stores ms=20"
say stats
is state ready
say cycles
power_off
