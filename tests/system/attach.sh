#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Are machines that somebody else started migrated, verified, and left as they
# were? And is what cannot be seen said, not guessed?
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

# Beside the binary under test, or where meson says.
peer=${VMFERRY_PEER:-$(dirname "$vmferry")/../../tests/system/peer}
load=rate=20M,wss=32M
waits=
times='--before 200ms --after 200ms'
pids=

# start VMM - a source and a target that waits, with consoles.
start()
{
	local name incoming

	for name in a b; do
		incoming=
		if [ "$1" = mini ]; then
			[ $name = a ] || incoming="--incoming defer $waits"
			# shellcheck disable=SC2086 # words
			"$vmferry" vmm --ram 64M --qmp "unix:$dir/$name.qmp" \
				--serial "unix:$dir/$name.com1,server=on" \
				$incoming 2>"$dir/err" &
		else
			[ $name = a ] || incoming='-incoming defer'
			# shellcheck disable=SC2086 # words
			qemu-system-x86_64 -nodefaults -no-user-config \
				-display none -M q35 -accel tcg -cpu max \
				-m 64 -kernel "$dir/guest.elf" \
				-qmp "unix:$dir/$name.qmp,server=on,wait=off" \
				-serial "unix:$dir/$name.com1,server=on,wait=off" \
				$incoming 2>"$dir/err" &
		fi
		pids+=" $!"
	done
	# Both serve, and the guest answers once it has booted.
	for ((i = 0; i < 600; i++)); do
		if [ -S "$dir/a.qmp" ] && [ -S "$dir/b.qmp" ] &&
			[ -S "$dir/b.com1" ] && patience=1 ask a.com1 control \
			>/dev/null 2>&1; then
			return 0
		fi
		sleep 0.05
	done
	echo "# $1 did not start" >&2
	return 1
}

# end - what start() left, and what stands beside it.
end()
{
	local pid

	for pid in $pids; do
		kill -9 "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	pids=
	rm -f "$dir"/*.qmp "$dir"/*.com1 "$dir"/m.sock "$dir"/guest.elf
}
trap 'end; rm -rf "$dir"' EXIT

ask()
{
	local where=$1

	shift
	timeout "${patience:-20}" "$peer" ask "unix:$dir/$where" "$@"
}

# qmp MACHINE COMMAND - its answer.
qmp()
{
	ask "$1.qmp" '{"execute": "qmp_capabilities"}' \
		"{\"execute\": \"$2\"}" | tail -n 1
}

settings()
{
	qmp a query-migrate-capabilities
	qmp a query-migrate-parameters
	[ "$1" = mini ] || qmp b query-migrate-capabilities
	[ "$1" = mini ] || qmp b query-migrate-parameters
}

# go OPTION... - migrate from a to b.
go()
{
	# shellcheck disable=SC2086 # words
	run migrate --source-qmp "$dir/a.qmp" --target-qmp "unix:$dir/b.qmp" \
		$times --json "$dir/r.json" "$@"
}

# handed_over - the source stands, the target runs.
handed_over()
{
	[[ $(qmp a query-status) == *postmigrate* ]] || return 1
	[[ $(qmp b query-status) == *'"running"'* ]]
}

kinds='mini'
! command -v qemu-system-x86_64 >/dev/null || kinds+=' qemu'
guest=$(dirname "$vmferry")/../../guest/guest.elf

for kind in $kinds; do
	options=
	[ "$kind" = mini ] || options='--qemu-capability multifd=on'
	cp "$guest" "$dir/guest.elf"
	good=0
	start "$kind" || good=1
	settings "$kind" >"$dir/bad-before"
	# shellcheck disable=SC2086 # words
	go --source-console "$dir/a.com1" --target-console "unix:$dir/b.com1" \
		--workload $load $options
	[ "$rc" -eq 0 ] || good=1
	is '.samples[0] | .integrity.coverage_pct == 100 and
		.integrity.guest_pages == 8192 and .blackout_ms >= 0 and
		.vcpu_state.compared > 10 and .clock_offset_error_us == 0 and
		.cpu_s.target != null' || good=1
	is ".params | .vmm == \"$kind\" and .ram_bytes == 67108864 and
		.attach.uri == null" || good=1
	documented || good=1
	handed_over || good=1
	settings "$kind" | cmp - "$dir/bad-before" || good=1
	result $good "$kind: attached, verified by the host, put back"
	end
	clean || result 1 "$kind: nothing left"

	# By a forwarder, which is not the machine.
	for which in target both; do
		[ "$which$level" != bothquick ] || continue
		cp "$guest" "$dir/guest.elf"
		good=0
		start "$kind" || good=1
		from=$dir/a.qmp
		for name in a b; do
			"$peer" forward "unix:$dir/f$name.qmp" \
				"unix:$dir/$name.qmp" 2>>"$dir/err" &
			pids+=" $!"
		done
		sleep 0.2
		[ $which = target ] || from=$dir/fa.qmp
		for uri in '' "--uri unix:$dir/m.sock"; do
			# shellcheck disable=SC2086 # words
			run migrate --source-qmp "$from" \
				--target-qmp "$dir/fb.qmp" $times \
				--source-console "$dir/a.com1" \
				--target-console "$dir/b.com1" \
				--workload $load --json "$dir/r.json" $uri
			[ -n "$uri" ] || [ "$rc" -eq 2 ] || good=1
		done
		[ "$rc" -eq 0 ] || good=1
		# One host, though nobody told: the clocks differ by nothing.
		is '.samples[0] | .clock_offset_error_us > 0 and
			.clock_offset_error_us < 20000 and
			(.clock_offset_us | fabs) <= .clock_offset_error_us and
			.blackout_ms == null and .downtime_ms > 0 and
			.cpu_s.target == null and .dirty_rate.after_bytes_per_s > 0 and
			.integrity.coverage_pct == null and
			.integrity.guest_pages == 8192 and
			.integrity.verified == ["inline", "after"]' || good=1
		is 'any(.warnings[]; test("does not run its vCPUs"))' || good=1
		documented || good=1
		handed_over || good=1
		result $good "$kind: $which behind a forwarder: by the guest's word"
		end
	done
done

good=0
start mini || good=1
ask a.com1 'start rate=20M wss=32M' >/dev/null || good=1
go
[ "$rc" -eq 0 ] || good=1
is '.samples[0] | .integrity.coverage_pct == 100 and .fill_ms == null and
	.dirty_rate.target_bytes_per_s == 20971520 and .vcpu_state.compared == 0' ||
	good=1
is '.params.workload == null and any(.warnings[]; test("was kept"))' || good=1
documented || good=1
handed_over || good=1
[[ $(ask b.com1 stats) == *state=running*bad=0* ]] || good=1
result $good "mini: its own workload is kept, looked at, and goes on"
end

for kind in $kinds; do
	cp "$guest" "$dir/guest.elf"
	good=0
	start "$kind" || good=1
	settings mini >"$dir/bad-before"
	"$vmferry" migrate --source-qmp "$dir/a.qmp" --target-qmp "$dir/b.qmp" \
		--source-console "$dir/a.com1" --target-console "$dir/b.com1" \
		--workload $load --before 0s --max-bandwidth 4M \
		--verify switchover,inline,after --progress always \
		>"$dir/out" 2>"$dir/err" </dev/null &
	pid=$!
	for ((i = 0; i < 200; i++)); do
		! grep -q 'migrate: round' "$dir/err" || break
		sleep 0.05
	done
	kill -s INT $pid
	wait $pid
	[ $? -eq 130 ] || good=1
	[[ $(qmp a query-status) == *'"running"'* ]] || good=1
	[[ $(qmp a query-migrate) == *cancelled* ]] || good=1
	settings mini | cmp - "$dir/bad-before" || good=1
	[[ $(ask a.com1 stats) == *state=stopped*bad=0* ]] || good=1
	result $good "$kind: Ctrl-C cancels, and the source runs"
	end
	clean || result 1 "$kind: Ctrl-C leaves nothing"
done

# The engine forgets pages: found, whoever looks.
for far in yes no; do
	[ "$far$level" != noquick ] || continue
	good=0
	start mini || good=1
	ask a.qmp '{"execute": "qmp_capabilities"}' \
		'{"execute": "migrate-set-parameters", "arguments":
		{"x-sabotage-skip-dirty": {"count": 3, "seed": 1}}}' |
		grep -q error && good=1
	to=$dir/b.qmp
	if [ $far = yes ]; then
		to=$dir/fb.qmp
		"$peer" forward "unix:$to" "unix:$dir/b.qmp" &
		pids+=" $!"
		sleep 0.2
	fi
	# shellcheck disable=SC2086 # words
	run migrate --source-qmp "$dir/a.qmp" --target-qmp "$to" $times \
		--source-console "$dir/a.com1" --target-console "$dir/b.com1" \
		--workload $load --uri "unix:$dir/m.sock" --json "$dir/r.json"
	[ "$rc" -eq 1 ] || good=1
	if [ $far = yes ]; then
		is '.verdict == "fail" and .samples[0].integrity.unlisted > 0' ||
			good=1
	else
		is '.verdict == "fail" and .samples[0].integrity.bad.stale > 0' ||
			good=1
	fi
	documented || good=1
	result $good "lost writes are found (target far: $far)"
	end
done

# A target that dies is a failed migration; its source goes on.
good=0
start mini || good=1
"$vmferry" migrate --source-qmp "$dir/a.qmp" --target-qmp "$dir/b.qmp" \
	--source-console "$dir/a.com1" --target-console "$dir/b.com1" \
	--workload $load --before 0s --max-bandwidth 4M --json "$dir/r.json" \
	--progress always >"$dir/out" 2>"$dir/err" </dev/null &
pid=$!
for ((i = 0; i < 200; i++)); do
	! grep -q 'migrate: round' "$dir/err" || break
	sleep 0.05
done
kill -9 "${pids##* }"
wait "${pids##* }" 2>/dev/null
wait $pid
[ $? -eq 1 ] || good=1
is '.verdict == "fail" and (.samples[0] | .completed == false and
	.source_after.running and .source_after.integrity.coverage_pct == 100 and
	([.source_after.integrity.bad[]] | add == 0))' || good=1
documented || good=1
[[ $(qmp a query-status) == *'"running"'* ]] || good=1
result $good "the target dies: the source goes on, right"
end

# One that was started to stay paused is not run by us.
if [ "$level" != quick ]; then
	waits=--paused
	good=0
	start mini || good=1
	go --source-console "$dir/a.com1" --target-console "$dir/b.com1" \
		--workload $load
	waits=
	[ "$rc" -eq 1 ] || good=1
	is '.samples[0].failure | test("stays paused")' || good=1
	documented || good=1
	[[ $(qmp b query-status) == *'"paused"'* ]] || good=1
	result $good "a target that stays paused is said to"
	end
fi

# refused CODE PATTERN OPTION...
refused()
{
	local code=$1 pattern=$2 good=0

	shift 2
	run migrate "$@" --json "$dir/r.json"
	[ "$rc" -eq "$code" ] || good=1
	[[ $err == *$pattern* ]] || good=1
	[ "$(wc -l <"$dir/err")" -eq 1 ] || good=1
	[ "$code" -eq 2 ] || documented || good=1
	result $good "refused with $code: $pattern"
	rm -f "$dir/r.json"
}

both="--source-qmp $dir/a.qmp --target-qmp $dir/b.qmp"
# shellcheck disable=SC2086 # words
{
	refused 2 'target-qmp is missing' --source-qmp "$dir/a.qmp"
	refused 2 'source-qmp is missing' --target-qmp "$dir/a.qmp"
	refused 2 'for machines that run already' --uri tcp:127.0.0.1:1
	refused 2 'the same machine' --source-qmp /a --target-qmp /a
	refused 2 'needs --source-console' $both --workload rate=1M
	refused 2 '--uri takes' $both --uri 127.0.0.1:4444
	refused 2 '--source-qmp takes' --source-qmp a.qmp --target-qmp /b
	for option in --ram=1G --repeat=2 --hops=2 '--ab=--after 1s' \
		--sabotage=flip --fault=kill-target@setup --vmm=mini; do
		refused 2 "${option%%=*} has no place" $both "$option"
	done
	refused 77 'is the machine running' $both
	start mini || result 1 'two machines to refuse'
	refused 2 'the guest'"'"'s workload does not run' $both
	refused 77 'no greeting' --source-qmp "$dir/a.com1" \
		--target-qmp "$dir/b.qmp"
	refused 77 "in state 'inmigrate', not 'running'" \
		--source-qmp "$dir/b.qmp" --target-qmp "$dir/a.qmp"
	refused 77 "no guest of vmferry's answers" $both \
		--source-console "$dir/b.com1" --workload rate=1M
	refused 2 '--qemu-... options are for QEMU' $both --source-console \
		"$dir/a.com1" --workload rate=1M --qemu-capability multifd=on
	qmp a stop >/dev/null
	refused 77 "in state 'paused'" $both
	end
}
clean || result 1 'nothing left of the refused'
finish
