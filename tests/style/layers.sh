#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Who may include whom. Prints each breach as file:line and fails.
set -eu
# shellcheck source=tests/style/files.sh
. "$(dirname "$0")/files.sh"

# The table of docs/design.md, section 2: layer: what it may include beside
# itself. guest/abi is open to everybody; tools is included by no one.
table='
base:
vmm: base
migrate: base
prealloc: base
vfio: base
qmp: base
report: base
drive: base qmp
machine: base vmm migrate prealloc vfio qmp
tools: base vmm migrate prealloc vfio qmp report drive machine
'

# Headers of the kernel's that only some layers may see: the engine talks to
# struct migrate_vm_ops, and the driver to QMP, never to KVM.
kernel='
linux/kvm.h: vmm machine tools
linux/vfio.h: vfio
'

# Inline assembly has one home. The others: what cannot be a function there.
asm_homes='
guest/x86/insn.h
guest/x86/insn_svm.h
guest/x86/insn_vmx.h
guest/x86/insn_svm.h
'

mapfile -t files < <(tree_files 'guest/*.c' 'guest/*.h' 'host/*.c' 'host/*.h')
[ "${#files[@]}" -gt 0 ] || { echo "layers.sh: found no sources" >&2; exit 1; }

awk -v table="$table" -v kernel="$kernel" -v asm_homes="$asm_homes" '
function breach(why)
{
	printf "%s:%d: %s\n", FILENAME, FNR, why
	nr_breaches++
}

function dir_of(path)
{
	return match(path, /.*\//) ? substr(path, 1, RLENGTH - 1) : ""
}

# What a path inside guest/ means after "x/../".
function squeeze(path)
{
	while (sub(/[^\/.]+\/\.\.\//, "", path))
		;
	return path
}

# The file of this tree that "name" is, or "".
function resolve(name,    i, n, roots, path)
{
	n = split(dir_of(FILENAME) " " side " guest/abi", roots, " ")
	for (i = 1; i <= n; i++) {
		path = squeeze(roots[i] "/" name)
		if (path in ours)
			return path
	}
	return ""
}

function check_system(name)
{
	if (side == "guest") {
		if (name ~ /^efi/) {
			if (FILENAME != "guest/boot/efi.c")
				breach("only guest/boot/efi.c may see <" name ">")
		} else if (layer == "abi") {
			if (name !~ /^std(int|def|bool)\.h$/)
				breach("guest/abi includes <" name \
				       ">: only stdint, stddef, stdbool")
		} else if (name == "string.h" && layer == "lib") {
			return # also compiled for the host, for unit tests
		} else if (name !~ /^(std(int|def|bool|arg|align|noreturn)|limits|float)\.h$/) {
			breach("the guest is freestanding: <" name ">")
		}
		return
	}
	if (name in kernel_for && index(kernel_for[name], " " layer " ") == 0)
		breach(layer " may not include <" name ">")
}

function check_own(name,    path, part)
{
	path = resolve(name)
	split(path, part, "/")
	if (path == "") {
		# Made by the build (the embedded image): no layer is crossed.
		if (name ~ /\// || side == "guest")
			breach("no such header in " side "/: " name)
	} else if (part[1] == "guest" && part[2] == "abi") {
		return
	} else if (layer == "abi") {
		breach("guest/abi includes " path)
	} else if (part[1] != side) {
		breach(side " includes " path)
	} else if (side == "host" && part[2] != layer &&
		   index(allowed[layer], " " part[2] " ") == 0) {
		breach(layer " may not include " part[2] ": " name)
	}
}

BEGIN {
	n = split(table, line, "\n")
	for (i = 1; i <= n; i++) {
		if (split(line[i], side_of, ":") == 2)
			allowed[side_of[1]] = side_of[2] " "
	}
	n = split(kernel, line, "\n")
	for (i = 1; i <= n; i++) {
		if (split(line[i], side_of, ":") == 2)
			kernel_for[side_of[1]] = side_of[2] " "
	}
	n = split(asm_homes, line, "\n")
	for (i = 1; i <= n; i++)
		asm_home[line[i]] = 1
	for (i = 1; i < ARGC; i++)
		ours[ARGV[i]] = 1
}

FNR == 1 {
	split(FILENAME, part, "/")
	side = part[1]
	layer = part[2]
	comment = 0
	own = substr(FILENAME, length(side) + 2)
	sub(/\.c$/, ".h", own)
	wants_own = FILENAME ~ /^host\/.*\.c$/ && (side "/" own) in ours
	if (side == "host" && !(layer in allowed))
		breach("host/" layer " is not in the table of layers")
}

{
	code = $0
	gsub(/\/\*.*\*\//, "", code)
	if (comment) {
		if (!sub(/.*\*\//, "", code))
			next
		comment = 0
	}
	if (sub(/\/\*.*/, "", code))
		comment = 1
}

match(code, /^[ \t]*#[ \t]*include[ \t]*["<][^">]*/) {
	name = substr(code, RSTART, RLENGTH)
	quoted = name ~ /"/
	sub(/.*["<]/, "", name)
	if (wants_own && name != own)
		breach("the first include must be its own header, " own)
	wants_own = 0
	if (quoted)
		check_own(name)
	else
		check_system(name)
}

side == "guest" && code ~ /(^|[^A-Za-z0-9_])(asm|__asm|__asm__)([ \t(]|$)/ &&
!(FILENAME in asm_home) {
	# A name for the linker is no instruction.
	if (code !~ /__asm__[ \t]*\("[A-Za-z0-9_]+"\)[ \t]*;/)
		breach("inline assembly belongs into guest/x86/insn.h")
}

END {
	exit nr_breaches > 0
}' "${files[@]}"
