#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The linter of shells has nothing to say about any script, whatever its name.
set -eu
# shellcheck source=tests/style/files.sh
. "$(dirname "$0")/files.sh"

tree_files '*' | while read -r f; do
	case $f in
	*.sh) echo "$f" ;;
	*) head -c 64 "$f" | head -n 1 | tr -d '\0' |
		grep -qE '^#!.*\b(ba|da)?sh\b' && echo "$f" ;;
	esac
done | xargs shellcheck -x
