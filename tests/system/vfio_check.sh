#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The conformance suite against our own device: green with each of its flags,
# and each fault it can have turns the checks red that are about it, no others.
# shellcheck disable=SC2034 # lib.sh reads it
needs_kvm=no
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

schema=$(dirname "$schema")/vfio_check.schema.json
docs=$(dirname "$schema")
sock=$dir/dev.sock

# Fault, and the checks that it turns red: names or patterns.
faults='
illegal-arc              arcs.STOP_COPY-PRE_COPY
wrong-initial-state      arcs.initial reset.RUNNING reset.STOP reset.STOP_COPY reset.RESUMING reset.RUNNING_P2P reset.PRE_COPY reset.PRE_COPY_P2P
wrong-state              arcs.RUNNING-STOP arcs.STOP_COPY-STOP arcs.RESUMING-STOP arcs.RUNNING_P2P-STOP arcs.PRE_COPY-STOP arcs.PRE_COPY_P2P-STOP
short-stream             stream.round-trip
data-after-end           stream.end
stale-data-fd            stream.read-outside stream.read-left stream.write-outside reset.ends-stream
precopy-grows            precopy.ends
accepts-corrupt-stream   load.corrupt-body
accepts-short-stream     load.empty load.truncated
loses-state              stream.memory
missed-dirty             dirty.complete
extra-dirty              dirty.exact
dirty-not-cleared        dirty.cleared
ignores-p2p              dma.p2p
dma-after-stop           dma.stopped
dma-after-unmap          dma.unmapped maps.again
bad-reset                reset.STOP reset.STOP_COPY reset.RESUMING reset.RUNNING_P2P reset.PRE_COPY reset.PRE_COPY_P2P
forgets-state            connect.keeps-state
wrong-reply-size         info.device
lost-irq                 irq.trigger
overlap-accepted         maps.overlap
range-unchecked          bounds.region-read bounds.region-write
unknown-accepted         bounds.unknown-feature abuse.unknown-command
'

device=
# serve OPTION... - our device, waiting at $sock.
serve()
{
	local tries=0

	rm -f "$dir/bad_device"
	"$vmferry" vfio device --socket "$sock" "$@" >"$dir/bad_device" 2>&1 &
	device=$!
	until grep -q ^ready "$dir/bad_device" 2>/dev/null; do
		tries=$((tries + 1))
		[ $tries -lt 200 ] || return 1
		sleep 0.05
	done
}

# ended - it is gone, in order; with what a sanitizer would have said.
ended()
{
	kill -TERM "$device"
	wait "$device" && ! grep -E 'Sanitizer|runtime error' "$dir/bad_device"
}

# check - all checks, the result in r.json.
check()
{
	rm -f "$dir/r.json"
	run vfio check "$sock" --yes --json "$dir/r.json"
}

green()
{
	serve "$@"
	check
	[ "$rc" -eq 0 ] && is '.verdict == "pass" and .counts.fail == 0 and
		.counts.differs == 0 and .counts.pass > 100'
	result $? "green: $* ($err)"
	documented
	result $? "as documented"
	ended
	result $? "and it ends in order"
}

red()
{
	local fault=$1 want got

	shift
	want=$(printf '%s\n' "$@" | sort)
	serve --fault "$fault"
	check
	got=$(jq -r '.checks[] | select(.result == "fail" or
		.result == "differs") | .check' "$dir/r.json" | sort)
	[ "$rc" -eq 1 ] && [ "$got" = "$want" ]
	result $? "red: $fault turns $* (got: $(echo "$got" | tr '\n' ' '))"
	ended || result 1 "$fault: the device does not end in order"
}

# ---- the command line ------------------------------------------------------

run vfio check
[ "$rc" -eq 2 ] && grep -q "what is to be checked" "$dir/err"
result $? "no target: usage"
run vfio check /nowhere --only nothing.such
[ "$rc" -eq 2 ] && grep -q "no check is called 'nothing.such'" "$dir/err"
result $? "no such check: usage"
run vfio check "$dir/none.sock" --json "$dir/r.json"
[ "$rc" -eq 77 ] && is '.verdict == "skip" and .device == null' && documented
result $? "nobody there: skipped"
rm -f "$dir/r.json"
run vfio check --list
[ "$rc" -eq 0 ] && [ "$(cut -f1 <"$dir/out" | sort | uniq -d)" = "" ] &&
	[ "$(wc -l <"$dir/out")" -gt 120 ]
result $? "the list has each check once"
cp "$dir/out" "$dir/bad_list"
missing=$(while IFS=$'\t' read -r name severity _; do
	grep -q "^| \`$name\` | $severity |" "$docs/vfio-check.md" ||
		echo "$name"
done <"$dir/bad_list")
[ -z "$missing" ] && [ "$(grep -cE '^\| `[a-z.]+[^|]*\| (must|should|differs) \|' \
	"$docs/vfio-check.md")" -eq "$(wc -l <"$dir/bad_list")" ]
result $? "docs/vfio-check.md has them, with their severities ($missing)"

# ---- without --yes ---------------------------------------------------------

serve
run vfio check "$sock" --json "$dir/r.json"
[ "$rc" -eq 0 ] && is '[.checks[] | select(.check | test("^(arcs\\.[A-Z]|abuse|reset)"))] |
	all(.result == "skip")'
result $? "nothing that changes the device without --yes"
run vfio check "$sock" --only reset --json "$dir/r.json"
[ "$rc" -eq 77 ] && is '.verdict == "skip"'
result $? "only skipped ones: exit code 77"
ended

# ---- a device that hangs ---------------------------------------------------

serve --save-delay 3s
run vfio check "$sock" --yes --only arcs.RUNNING-STOP_COPY --timeout 1s
[ "$rc" -eq 1 ] && grep -q "within the time" "$dir/out"
result $? "a device that does not answer in time is its own fault ($rc)"
ended

# ---- green, and red --------------------------------------------------------

green --p2p on --precopy on
if [ "$level" = all ]; then
	green --p2p off --precopy on
	green --p2p on --precopy off
	green --p2p off --precopy off
	green --protocol v1
	green --protocol v1 --mapping off --state-size 3M --precopy-rate 10M
	green --state-size 0
	green --precopy-rate 10M --mapping sparse --initial-bytes 64K
	green --state-size 20M --save-delay 100ms --load-delay 100ms
fi

known=$("$vmferry" vfio device --fault list | grep -v '^ ' | cut -d' ' -f1)
[ "$(echo "$known" | sort)" = \
	"$(echo "$faults" | awk 'NF { print $1 }' | sort)" ]
result $? "the table has each fault of the device"
while read -r fault checks; do
	# shellcheck disable=SC2086 # words
	[ -z "$fault" ] || red "$fault" $checks
done <<<"$faults"

rm -f "$dir"/bad_*
clean
result $? "nothing is left"
finish
