# SPDX-License-Identifier: MIT
# Cases of a meson test log in JSON (one test a line), a line a test:
# passed, failed, skipped, result, name; tab-separated.
#
# A TAP program is worth its subtests, any other test one. cmocka writes a
# skipped case as "not ok # SKIP" and exits with 0: that is no failure, though
# meson takes it for one. A program that went wrong without a failed subtest (a
# crash, a sanitizer's report, too few subtests, a timeout) counts as one.

def lines: (.stdout // "") | split("\n");
def is_tap: lines | any(test("^1\\.\\.[0-9]+ *(#.*)?$"));
def is_skip: test("^(not )?ok\\b[^#]*# *skip"; "i");
def is_bad: IN("FAIL", "ERROR", "TIMEOUT", "INTERRUPT", "UNEXPECTEDPASS");

def subtests:
	lines | map(select(test("^(not )?ok\\b"))) |
	[ (map(select(startswith("ok") and (is_skip | not))) | length),
	  (map(select(startswith("not") and (is_skip | not))) | length),
	  (map(select(is_skip)) | length) ];

def whole:
	if .result == "SKIP" then [0, 0, 1]
	elif .result | is_bad then [0, 1, 0]
	else [1, 0, 0] end;

def only_skipped: .result == "FAIL" and .returncode == 0;

def cases:
	if is_tap | not then whole
	else subtests as [$passed, $failed, $skipped] |
		if $failed == 0 and (.result | is_bad) and
		   (only_skipped and $skipped > 0 | not)
		then [$passed, 1, $skipped]
		elif $passed + $failed + $skipped == 0 then whole
		else [$passed, $failed, $skipped] end
	end;

cases + [.result, .name] | map(tostring) | join("\t")
