#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Is all damage done on purpose found, under its right name, and no other?
# COUNT: runs (default 12; 300 in make check-all).
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

count=12
[ "$level" = quick ] || count=300
kinds=(skip-dirty flip zero misplace tear stale)
patterns=(sequential random)
writes=(stamp page)
contents=(random r:4 zero)
looks=('inline,after' 'switchover,after' 'switchover,inline,after')

for ((i = 0; i < count; i++)); do
	kind=${kinds[i % 6]}
	write=${writes[i / 6 % 2]}
	pattern=${patterns[i / 12 % 2]}
	content=${contents[i / 24 % 3]}
	look=${looks[i % 3]}
	pages=$((1 + i % 3))
	good=0
	# On a busy host the guest may rewrite nothing between the last round
	# and the stop, and then no page is fit to be damaged: once more.
	for try in 1 2 3; do
		run migrate --ram 128M --before 600ms --after 700ms \
			--seed "$i" --sabotage "$kind:$pages" --verify "$look" \
			--json "$dir/r.json" --workload \
			"pattern=$pattern,write=$write,content=$content,rate=100M,wss=48M,seed=$i"
		[ "$rc" -eq 99 ] || break
		jq -e 'any(.warnings[]; test("qualified"))' "$dir/r.json" \
			>/dev/null || break
		echo "# try $try: too few pages qualified"
	done
	[ "$rc" -eq 1 ] || good=1
	is '.verdict == "fail"' || good=1
	is ".samples[0].sabotage | .found == $pages and .missed == [] and
		.wrong_class == [] and .invented == []" || good=1
	documented || good=1
	clean || good=1
	result $good "$kind:$pages $pattern $write $content, $look, seed $i"
done

# Less damage than was asked for proves nothing: not even that one is found.
good=0
run migrate --ram 64M --before 200ms --after 200ms --sabotage flip:3 \
	--json "$dir/r.json" --workload wss=4K,rate=1M
[ "$rc" -eq 99 ] || good=1
is '.verdict == "error" and (.samples[0].sabotage.gfns | length) < 3 and
	any(.warnings[]; test("of 3 pages qualified"))' || good=1
documented || good=1
clean || good=1
result $good "fewer pages than COUNT: the run is in error ($rc)"
finish
