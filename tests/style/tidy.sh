#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# clang-tidy's gating list (.clang-tidy) over the host's sources.
# usage: tidy.sh BUILD_DIR
set -eu
build=$(cd "${1:?usage: tidy.sh BUILD_DIR}" && pwd)
# shellcheck source=tests/style/files.sh
. "$(dirname "$0")/files.sh"

# Only what this build compiles: for the rest there are no flags to go by.
mapfile -t files < <(jq -r '.[] | .directory + "/" + .file' \
	"$build/compile_commands.json" | xargs -r realpath -m | sort -u |
	grep "^$PWD/host/.*\.c$")
[ "${#files[@]}" -gt 0 ] || { echo "tidy.sh: found no sources" >&2; exit 1; }

# A file a process: clang-tidy 14 invents uninitialised va_lists from the second
# file on. clang warns of gcc's flags that it does not know: no finding either.
report=$(printf '%s\n' "${files[@]}" | xargs -P 2 -n 1 \
	clang-tidy -p "$build" --quiet \
	--extra-arg=-Wno-unknown-warning-option 2>&1) && exit 0

printf '%s\n' "$report" | grep -v 'warnings\? generated\.$'
printf '\nAll findings:\n'
printf '%s\n' "$report" | grep ' error: '
exit 1
