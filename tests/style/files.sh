# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What the style checks look at. Source it: it changes to the top of the tree.

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

# tree_files PATTERN... - the project's own files, tracked or about to be;
# everything but build directories where the tree came without git.
tree_files()
{
	if git rev-parse --git-dir >/dev/null 2>&1; then
		git ls-files --cached --others --exclude-standard -- "$@" |
			while read -r f; do [ -f "$f" ] && echo "$f"; done
		return
	fi
	local name=()
	for pattern in "$@"; do
		name+=(-o -path "./$pattern" -o -name "$pattern")
	done
	find . -path './build*' -prune -o -type f \( "${name[@]:1}" \) -print |
		sed 's#^\./##' | sort
}
