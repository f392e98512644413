#!/usr/bin/env bash
# append_count.sh [COMMIT]: instructions that an event costs where a bridge's own log takes it (numbered, stamped, kept in a
# block; engine.kind = "local"), as callgrind counts them: of COMMIT (HEAD where it is left out), of this tree, and their ratio.
# The same program (append_count.cpp) and compiler for both; from twice as many events the first as many are taken off, so
# what starting costs is not in it. Ends with 1 where this tree takes more than a thousandth more.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
commit=${1:-HEAD}
events=${PPO_COUNT_EVENTS:-100000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# build TREE PROGRAM: of that tree's sources just what an append needs.
build() {
  local tree=$1 program=$2 all="$work/all.cpp" name
  : >"$all"
  for name in base/text event/block event/envelope event/event_line event/json_document event/json_scanner event/messages event/number_field event/deflate event/stream_text log/history log/event_log; do
    [ ! -f "$tree/bridge/$name.cpp" ] || printf '#include "%s.cpp"\n' "$tree/bridge/$name" >>"$all"
  done
  "${CXX:-c++}" -std=c++17 -O3 -DNDEBUG -Wno-subobject-linkage -ffunction-sections -I "$tree/bridge" "$here/append_count.cpp" "$all" -o "$program" \
    -Wl,--gc-sections -lz
}

# total PROGRAM EVENTS
total() {
  valgrind --tool=callgrind --callgrind-out-file="$work/out" -q "$1" "$2" >/dev/null
  sed -n 's/^\(summary\|totals\): *//p' "$work/out" | head -n 1
}

count() {
  local once twice
  once=$(total "$1" "$events")
  twice=$(total "$1" $((2 * events)))
  echo $((twice - once))
}

mkdir "$work/before"
git -C "$root" archive "$commit" bridge | tar -x -C "$work/before"
build "$work/before" "$work/of_before"
build "$root" "$work/of_now"
before=$(count "$work/of_before")
now=$(count "$work/of_now")
printf '%s events: %s instructions at %s, %s now\n' "$events" "$before" "$(git -C "$root" rev-parse --short "$commit")" "$now"
awk -v before="$before" -v now="$now" -v events="$events" \
  'BEGIN { printf "%.2f and %.2f an event, %.5f times\n", before / events, now / events, now / before; exit now > before * 1.001 }'
