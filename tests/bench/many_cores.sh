#!/usr/bin/env bash
# What takes more than two cores to show: the bridge's CPU time and sleeps by threads and websocket.gather_us, and lone
# events on a machine with cores to spare. Under five minutes.
#
#   cmake --build --preset release --target ppo-bridge ppo-bench && tests/bench/many_cores.sh [FILE FOR JSON]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
bench=build/release/tests/ppo-bench
out=${1:-build/many-cores.jsonl}
one=$(mktemp)
trap 'rm -f "$one"' EXIT
: >"$out"

# latency CLIENTS RATE THREADS GATHER_US
latency() {
  local settings=(--set "websocket.threads=$3")
  # A build that knows no such key is measured as it is.
  [ "$4" = - ] || settings+=(--set "websocket.gather_us=$4")
  "$bench" latency --subjects bridge --rounds 1 --seconds 3 --warmup 1 --latency-clients "$1" --rate "$2" \
    "${settings[@]}" --json "$one" >/dev/null 2>&1 || { echo "failed: $*"; return; }
  python3 - "$one" "$3" "$4" >>"$out" <<'PYTHON'
import json, sys
row = json.load(open(sys.argv[1]))["latency"][0]
row.update(threads=int(sys.argv[2]), gather_us=sys.argv[3])
print(json.dumps(row))
PYTHON
  python3 - "$out" <<'PYTHON'
import json, sys
r = json.loads(open(sys.argv[1]).read().splitlines()[-1])
print(f"{r['events_per_s']:6.0f}/s x {r['clients']:5}  threads {r['threads']}  gather {r['gather_us']:>5} us:  p50 {r['p50_ms']:7.3f} ms"
      f"  p99 {r['p99_ms']:7.3f} ms  {r.get('server_cpu', 0):6.3f} cores  {r.get('switches_per_event', 0):6.2f} sleeps an event  {r['lost']}")
PYTHON
}

gathers=(0 1000 2000)
"$bench" latency --subjects bridge --rounds 1 --seconds 0.2 --warmup 0.1 --latency-clients 1 --set websocket.gather_us=0 \
  >/dev/null 2>&1 || gathers=(-)

nproc
for threads in 1 2 4 8; do
  for gather in "${gathers[@]}"; do latency 1000 4000 "$threads" "$gather"; done
done
for gather in "${gathers[@]}"; do
  latency 1 2000 1 "$gather"
  latency 20 1000 1 "$gather"
  for threads in 1 4; do
    latency 100 2000 "$threads" "$gather"
    latency 1000 200 "$threads" "$gather"
  done
done
"$bench" subscriptions --rounds 1 --seconds 3 --subscription-clients 100 --subscription-counts 1,100 2>/dev/null | tail -3
