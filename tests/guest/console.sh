#!/bin/bash
# SPDX-License-Identifier: MIT
# Does the console do what it says, with one vCPU and with several?
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ "$(stat -c %s "$elf")" -le 65536 ] || fail "guest.elf is over 65536 bytes"

boot 3 256 "seed=7 write=page"
expect "event ready"
is vcpus 3
is version 3
say help
say control
is version 3
is vcpus 3
say nonsense "error unknown command nonsense"
say "start speed=3" "error unknown key speed"
say "start write=half" "error write=half does not fit"
say "start wss=1T" "error wss="
say "start content=r:65" "error content=r:65 does not fit"
say "start write=line delta=64" "error delta is for write=page"
say "start wss" "error wss is not key=value"
say "start delta=100" "error delta=100 does not fit"
say "start hot=10%" "error hot=10% does not fit"
say "start phases=rate:1M/1" "error phases=rate:1M/1 does not fit"
say "start phases=rate:1M/1s rate=2M" "error rate=2M does not fit"
say "set rate=x" "error rate=x does not fit"
say "set seed=3" "error set takes"
say stop "error nothing"
say verify "error verify needs a stopped"
say "state check" "error nothing is planted"
say "cycles rounds=0" "error only rounds=N"
say "queues rounds=0" "error only rounds=N"
say "start dma=1M" "error dma needs a DMA engine"
say "start dma=fast" "error dma=fast does not fit"
say dma "ok dma"
is devices 0
say queues "ok queues"
is devices 0
is doubled 0
say "$(printf '%1100s' x | tr ' ' x)" "error a line has at most"

for pattern in sequential random "strided stride=12K" \
	"hotcold hot=3%/60%" "burst burst=20ms/30ms" \
	"random phases=pattern:hotcold/11ms;pattern:strided/10ms;rate:20M+9M/17ms"; do
	for write in line page "page delta=320"; do
		for content in zero text r:3; do
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
# Every probe has figures, or a reason why not.
say "cycles list=9" "error only rounds=N"
say "cycles probe=nonsense" "error no probe nonsense in ring 0"
say "cycles probe=invlpg ring=3" "error no probe invlpg in ring 3"
say "cycles probe=cpuid ring=1" "error only rounds=N"
tables=1
for ((table = 0; table < tables; table++)); do
	say "cycles list=$table"
	tables=$(value tables)
	for probe in $(value probes | tr , ' '); do
		for ring in 0 3; do
			((${probe#*:} & (ring ? 2 : 1))) || continue
			say "cycles probe=${probe%:*} ring=$ring rounds=20"
			case $line in
			*skip=?*) continue ;;
			esac
			if [ "$(value min)" -gt "$(value p50)" ] ||
				[ "$(value p50)" -gt "$(value p99)" ] ||
				[ "$(value p99)" -gt "$(value max)" ] ||
				[ "$(value rounds)" -gt 20 ]; then
				fail "makes no sense: $line"
			fi
		done
	done
done
power_off
