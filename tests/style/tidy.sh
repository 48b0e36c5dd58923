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

# clang warns of gcc's flags that it does not know: that is no finding.
printf '%s\n' "${files[@]}" | xargs -P 2 -n 4 \
	clang-tidy -p "$build" --quiet --extra-arg=-Wno-unknown-warning-option
