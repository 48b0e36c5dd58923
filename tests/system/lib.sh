# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: MIT
# For the system tests: TAP output, a private directory, and nothing left
# running. Usage: . lib.sh; the binary is $1 of the test. With needs_kvm=no set
# before, the test runs without /dev/kvm too.
set -u

vmferry=$1
level=${VMFERRY_TEST_LEVEL:-quick}
dir=$(mktemp -d "${TMPDIR:-/tmp}/vmferry-test-XXXXXX") || exit 99
export TMPDIR=$dir XDG_RUNTIME_DIR=$dir
# A sanitized VMM is slower to start and to end.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1}
case_nr=0
trap 'rm -rf "$dir"' EXIT

if [ "${needs_kvm:-yes}" = yes ] &&
	{ [ ! -r /dev/kvm ] || [ ! -w /dev/kvm ]; }; then
	echo "1..0 # SKIP no usable /dev/kvm"
	exit 0
fi

# ok NAME - or, with $? of the command before not 0, not ok.
result()
{
	local rc=$1

	shift
	case_nr=$((case_nr + 1))
	if [ "$rc" -eq 0 ]; then
		echo "ok $case_nr - $*"
	else
		echo "not ok $case_nr - $*"
		[ ! -s "$dir/err" ] || sed 's/^/# /' "$dir/err"
	fi
}

# run ARG... - vmferry with these arguments; sets rc, out, err.
run()
{
	"$vmferry" "$@" >"$dir/out" 2>"$dir/err" </dev/null
	rc=$?
	out=$(cat "$dir/out")
	err=$(cat "$dir/err")
}

# is EXPRESSION - jq on the result in $dir/r.json.
is()
{
	jq -e "$1" "$dir/r.json" >/dev/null 2>&1 && return
	echo "# not so: $1" >&2
	jq -c "$1 | tostring" "$dir/r.json" >&2 2>&1
	return 1
}

# No process of ours and no file of theirs may be left.
clean()
{
	local left

	left=$(find "$dir" -mindepth 1 ! -name out ! -name err ! -name 'r*.json' \
		! -name 'bad*')
	[ -z "$left" ] || { echo "# left behind: $left" >&2; return 1; }
	! pgrep -f "^vmferry vmm .*" -P $$ >/dev/null
}

finish()
{
	echo "1..$case_nr"
}
