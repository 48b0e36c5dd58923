#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Each header compiles alone, and twice in a row. Needs no build directory.
# usage: headers.sh [CC]
set -eu
# shellcheck source=tests/style/files.sh
. "$(dirname "$0")/files.sh"

export CC=${1:-gcc}

compile()
{
	local flags=(-std=gnu17 -Wall -Wextra -Werror -fsyntax-only)

	# An inline function that this one includer leaves out is no fault.
	flags+=(-Wno-unused-function -Wno-psabi)
	case $1 in
	guest/*)
		flags+=(-ffreestanding -mno-red-zone -Iguest -Iguest/abi) ;;
	*)
		flags+=(-D_GNU_SOURCE -Ihost -Iguest/abi) ;;
	esac
	printf '#include "%s"\n#include "%s"\n' "$PWD/$1" "$PWD/$1" |
		"$CC" "${flags[@]}" -x c -
}
export -f compile

tree_files 'guest/*.h' 'host/*.h' |
	xargs -P 2 -I{} bash -c 'compile {} || { echo "{}: does not compile alone"; exit 1; }'
