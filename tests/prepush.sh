#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What CI runs, and what to run before a push: builds, tests, and one last line
#
#	N passed, N failed, N skipped
#
# that counts test cases over all runs. usage: prepush.sh [quick|all]
#
# quick	one build, every suite; for `make check`.
# all	also the long tests and the lab, both sanitizers, clang, the static
#	binary, and the unit tests under valgrind; for `make check-all`.
#
# Build directories are $BUILD (default build) and $BUILD-asan, -tsan, -clang,
# -static. Exit code: 0 if something passed and nothing failed, else 1.
set -u
cd "$(dirname "$0")/.." || exit 1

level=${1:-quick}
case $level in
quick | all) ;;
*) echo "usage: prepush.sh [quick|all]" >&2; exit 2 ;;
esac
# Tests that can do more with more time look at this.
export VMFERRY_TEST_LEVEL=$level

build=${BUILD:-build}
passed=0 failed=0 skipped=0

# A report from a sanitizer ends the process: no test may go on after it.
export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:allocator_may_return_null=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1

say()
{
	printf '\n== %s (%d s)\n' "$*" "$SECONDS"
}

# configure_and_build DIR OPTION... - counts as a case only when it fails.
configure_and_build()
{
	local dir=$1 log=$1/prepush.log again=()

	shift
	say "build $dir${*:+ $*}"
	mkdir -p "$dir"
	# A directory of an older checkout gets today's options.
	[ -f "$dir/build.ninja" ] && again=(--reconfigure)
	if meson setup "${again[@]}" "$dir" "$@" >"$log" 2>&1 &&
		meson compile -C "$dir" >>"$log" 2>&1; then
		return 0
	fi
	tail -n 40 "$log"
	echo "FAILED: build $dir${*:+ $*}"
	failed=$((failed + 1))
	return 1
}

# run NAME DIR MESON_TEST_OPTION... - one `meson test`, added to the sums.
run()
{
	local name=$1 log=$2/meson-logs/$1 sum=(0 0 0) p f s result test

	say "test $*"
	# With a wrapper meson appends its name to the log's.
	rm -f "$log"*.json
	meson test -C "$2" --no-rebuild --logbase "$name" --print-errorlogs \
		"${@:3}" </dev/null
	while IFS=$'\t' read -r p f s result test; do
		sum=($((sum[0] + p)) $((sum[1] + f)) $((sum[2] + s)))
		[ "$f" -eq 0 ] || echo "FAILED: $name: $test: $result"
		[ "$s" -eq 0 ] || echo "skipped: $name: $test ($s)"
	done < <(cat "$log"*.json 2>/dev/null | jq -r -f tests/count.jq)
	if [ "${sum[*]}" = "0 0 0" ]; then
		echo "FAILED: $name: nothing ran"
		sum[1]=1
	fi
	echo "$name: ${sum[0]} passed, ${sum[1]} failed, ${sum[2]} skipped"
	passed=$((passed + sum[0]))
	failed=$((failed + sum[1]))
	skipped=$((skipped + sum[2]))
}

suites()
{
	printf -- '--suite\n%s\n' "$@"
}

quick()
{
	configure_and_build "$build" || return
	run quick "$build" --no-suite long
}

all()
{
	local code unit

	mapfile -t code < <(suites unit fuzz guest kvm system)
	mapfile -t unit < <(suites unit)

	if configure_and_build "$build"; then
		run all "$build"
		run valgrind "$build" "${unit[@]}" --timeout-multiplier 20 \
			--wrapper "valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite"
	fi
	# What follows repeats the tests under other conditions: the hundreds of
	# runs that only time limits are done.
	export VMFERRY_TEST_LEVEL=quick
	configure_and_build "$build-asan" -Db_sanitize=address,undefined \
		-Db_lundef=false &&
		run asan "$build-asan" "${code[@]}" --timeout-multiplier 4
	configure_and_build "$build-tsan" -Db_sanitize=thread \
		-Db_lundef=false &&
		run tsan "$build-tsan" "${code[@]}" --timeout-multiplier 8
	CC=clang configure_and_build "$build-clang" &&
		run clang "$build-clang" "${unit[@]}" --suite fuzz
	configure_and_build "$build-static" -Dstatic=true &&
		run static "$build-static" "${code[@]}" --no-suite long
}

"$level"

printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
