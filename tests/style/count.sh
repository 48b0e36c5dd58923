#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Does tests/count.jq count what ran? A wrong count would hide a failure.
set -eu
# shellcheck source=tests/style/files.sh
. "$(dirname "$0")/files.sh"

failed=0

# expect PASSED FAILED SKIPPED NAME RESULT RETURNCODE STDOUT
expect()
{
	local got want="$1 $2 $3"

	got=$(jq -n --arg result "$5" --argjson code "$6" --arg out "$7" \
		'{name: "x", result: $result, returncode: $code, stdout: $out}' |
		jq -r -f tests/count.jq | cut -f 1-3 | tr '\t' ' ')
	[ "$got" = "$want" ] && return
	echo "$4: counted '$got', not '$want'"
	failed=1
}

tap_ok=$'1..2\nok 1 - a\nok 2 - b\n# ok - group'
tap_bad=$'1..2\nok 1 - a\nnot ok 2 - b\n# 1 != 2'
tap_skip=$'1..3\nok 1 - a\nnot ok 2 # SKIP b\nok 3 # skip why'
prose=$'1..16 vCPUs\nok 1\nok 2'

expect 2 0 0 'all subtests pass' OK 0 "$tap_ok"
expect 1 1 0 'a subtest fails' ERROR 1 "$tap_bad"
expect 1 0 2 'cmocka skips, meson sees a failure' FAIL 0 "$tap_skip"
expect 1 1 2 'skips, then a crash' ERROR 1 "$tap_skip"
expect 2 1 0 'a leak after the last subtest' ERROR 1 "$tap_ok"
expect 1 1 0 'ends before its last subtest' ERROR 0 "${tap_ok%%$'\nok 2'*}"
expect 2 1 0 'hangs after the last subtest' TIMEOUT -15 "$tap_ok"
expect 0 0 1 'a plan of nothing' SKIP 0 '1..0 # SKIP no device'
expect 1 0 0 'no TAP: one test' OK 0 "$prose"
expect 0 1 0 'no TAP: fails' FAIL 1 "$prose"
expect 0 1 0 'no TAP: hangs' TIMEOUT -15 ''
expect 0 1 0 'no TAP: killed' INTERRUPT -9 ''
expect 0 1 0 'should have failed' UNEXPECTEDPASS 0 ''
expect 0 0 1 'cannot run here' SKIP 77 ''
expect 1 0 0 'fails as it should' EXPECTEDFAIL 1 ''
exit $failed
