#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every C file is as clang-format leaves it (.clang-format).
set -eu
# shellcheck source=tests/style/files.sh
. "$(dirname "$0")/files.sh"

tree_files '*.c' '*.h' | xargs clang-format --dry-run -Werror
