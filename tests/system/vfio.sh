#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Does a device's state arrive in another device, or is it said why not, and is
# everything of use afterwards? VFIO_KILLS: how often one side is killed in the
# middle (20; in the long form 500).
# shellcheck disable=SC2016 # jq has its own $
# shellcheck disable=SC2034 # read by lib.sh
needs_kvm=no
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

schema=$(dirname "$schema")/vfio_transfer.schema.json
declare -A pid

# device NAME OPTION... - serve at $dir/NAME; waits until it does.
device()
{
	local name=$1 i

	shift
	rm -f "$dir/bad.$name"
	"$vmferry" vfio device --socket "$dir/$name" --quiet "$@" \
		>"$dir/bad.$name" 2>&1 </dev/null &
	pid[$name]=$!
	for ((i = 0; i < 1000; i++)); do
		grep -qs ready "$dir/bad.$name" && return
		sleep 0.01
	done
	return 1
}

# gone NAME... - end them, and wait.
gone()
{
	local name

	for name in "$@"; do
		kill "${pid[$name]}" 2>/dev/null
		wait "${pid[$name]}" 2>/dev/null
	done
}

move()
{
	run vfio transfer --from "$dir/a" --to "$dir/b" --json "$dir/r.json" "$@"
}

# refused CODE TEXT ARG... - exit code and one sentence with TEXT.
refused()
{
	local code=$1 want=$2

	shift 2
	run vfio transfer "$@"
	[ "$rc" -eq "$code" ] && [ "$(wc -l <"$dir/err")" -eq 1 ] &&
		grep -q -e "$want" "$dir/err"
	result $? "refused: $want ($rc: $err)"
}

refused 2 "one of --from and --load" --to "$dir/b"
refused 2 "the same device" --from "$dir/a" --to "$dir/a"
refused 2 "copy of a file" --load "$dir/x" --save "$dir/y"
refused 2 "cannot connect" --from "$dir/a" --to "$dir/b"
refused 2 "/dev/vfio/4711" --from /dev/vfio/4711 --to "$dir/b"
refused 2 "cannot be repeated" --from "$dir/a" --to "$dir/b" --repeat 2 \
	--after stop

for options in "" "--precopy off" "--p2p off" "--precopy off --p2p off" \
	"--protocol v1" "--protocol v1 --mapping off"; do
	for size in 0 1K 1M 20M; do
		# shellcheck disable=SC2086 # words
		device a --state-size $size $options &&
			device b --state-size $size $options
		move
		[ "$rc" -eq 0 ] && is '.verdict == "pass" and
			.samples[0].bytes >= 896'
		result $? "$size, device ${options:-as it is} ($err)"
		gone a b
	done
done
documented
result $? "as documented"

device a --state-size 1M --precopy-rate 100M && device b --state-size 1M
move --repeat 5 --warmup 1
[ "$rc" -eq 0 ] && is '.summary.total_ms.n == 5 and
	(.samples | all(.precopy_bytes > 0 and .failure == null))'
result $? "six times, the state changing meanwhile ($err)"
documented
result $? "as documented"
move
move
[ "$rc" -eq 1 ] && grep -q -e "--reset" "$dir/err"
result $? "a source that was left stopped ($err)"
documented
result $? "as documented, too"
move --reset
[ "$rc" -eq 0 ]
result $? "reset brings it back ($err)"
gone a b

# A state that changes faster than it is read: pre-copy ends all the same.
for protocol in v2 v1; do
	for options in "--precopy-rate 20G" "--fault precopy-grows"; do
		# shellcheck disable=SC2086 # words
		device a --state-size 1M --protocol $protocol $options &&
			device b --state-size 1M --protocol $protocol
		move
		[ "$rc" -eq 0 ] && is '.samples[0] |
			.precopy_bytes < 4194304 and .stop_bytes > 0'
		result $? "pre-copy ends: $protocol, $options ($err)"
		gone a b
	done
done

# Through a file; one that is cut or changed anywhere is refused.
device a --state-size 1M && device b --state-size 1M
run vfio transfer --from "$dir/a" --save "$dir/bad.state"
[ "$rc" -eq 0 ] && [ "$(stat -c %s "$dir/bad.state")" -gt 1048576 ]
result $? "saved ($err)"
run vfio transfer --load "$dir/bad.state" --to "$dir/b" --json "$dir/r.json"
[ "$rc" -eq 0 ] && is '.samples[0] | .from == "file" and .bytes > 1048576'
result $? "loaded ($err)"
documented
result $? "as documented"
for at in 0 9 20 30 500000 1049000; do
	cp "$dir/bad.state" "$dir/bad.copy"
	printf '\377' | dd of="$dir/bad.copy" bs=1 seek=$at conv=notrunc \
		status=none
	cmp -s "$dir/bad.state" "$dir/bad.copy" && continue
	refused 2 "bad.copy" --load "$dir/bad.copy" --to "$dir/b"
done
for bytes in 0 10 16 100 1000000; do
	head -c $bytes "$dir/bad.state" >"$dir/bad.copy"
	refused 2 "bad.copy" --load "$dir/bad.copy" --to "$dir/b"
done
gone b
device b --state-size 2M
refused 1 "Invalid argument" --load "$dir/bad.state" --to "$dir/b"
# The target was reset: it takes one of its own kind.
gone a
device a --state-size 2M
move
[ "$rc" -eq 0 ]
result $? "a target that refused is of use ($err)"
gone a b

# Errors of either side are failures, and the source runs again.
for options in STOP_COPY:5 PRE_COPY:28 STOP:71; do
	device a --fail $options && device b
	move --after run
	[ "$rc" -eq 1 ] && is '.verdict == "fail" and
		.samples[0].failure != null'
	result $? "the source fails: $options ($err)"
	gone a b
done
device a && device b --fail RESUMING:12
move
[ "$rc" -eq 1 ]
result $? "the target fails ($err)"
gone b
device b
move
[ "$rc" -eq 0 ]
result $? "the source runs, and moves to another one ($err)"
gone a b

# A device that hangs.
device a --save-delay 30s && device b
move --timeout 200ms
[ "$rc" -eq 1 ] && grep -q "within the time" "$dir/err"
result $? "a device that hangs is told ($err)"
kill -9 "${pid[a]}"
wait "${pid[a]}" 2>/dev/null
rm -f "$dir/a"
gone b

# usage_of NAME - descriptors and KiB of memory of a device.
usage_of()
{
	local fds=(/proc/"${pid[$1]}"/fd/*)

	echo "${#fds[@]} $(awk '/^VmRSS/ {print $2}' \
		/proc/"${pid[$1]}"/status)"
}

# One side is killed at any time; the other one is of use, and leaks nothing.
kills=${VFIO_KILLS:-20}
[ "$level" = quick ] || kills=${VFIO_KILLS:-500}
device a --state-size 8M && device b --state-size 8M
bad=0 late=0 hits=0
for ((n = 0; n < kills; n++)); do
	victim=a other=b
	[ $((n % 2)) -eq 0 ] || victim=b other=a
	timeout -s KILL 20 "$vmferry" vfio transfer --from "$dir/a" \
		--to "$dir/b" --reset --after run --repeat 1000 \
		--progress always >"$dir/out" 2>"$dir/err" </dev/null &
	transfer=$!
	# A sanitized one takes its time to begin.
	for ((i = 0; i < 1000; i++)); do
		grep -qs moved "$dir/err" && break
		sleep 0.01
	done
	sleep "0.0$((RANDOM % 60 + 10))"
	kill -9 "${pid[$victim]}"
	wait "${pid[$victim]}" 2>/dev/null
	wait $transfer
	code=$?
	case $code in
	1) hits=$((hits + 1)) ;;
	2) late=$((late + 1)) ;; # it had not begun
	*) bad=$((bad + 1)) && echo "# kill $n of $victim: exit $code" ;;
	esac
	rm -f "$dir/$victim"
	device "$victim" --state-size 8M
	if ! "$vmferry" vfio transfer --from "$dir/a" --to "$dir/b" \
		--after run >"$dir/out" 2>"$dir/err" </dev/null; then
		bad=$((bad + 1))
		echo "# kill $n of $victim: $other is of no use:" \
			"$(cat "$dir/err")"
	fi
	read -r fds kib <<<"$(usage_of "$other")"
	if [ "$fds" -gt 12 ] || [ "$kib" -gt 40000 ]; then
		bad=$((bad + 1))
		echo "# $other: $fds descriptors, $kib KiB"
	fi
done
[ $bad -eq 0 ] && [ $hits -gt $((kills / 2)) ]
result $? "$kills kills: $hits in a transfer, $late before, $bad bad"
gone a b

rm -f "$dir"/bad.*
clean
result $? "nothing left"
finish
