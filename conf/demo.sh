# ./dev demo [--nodes N]: everything running, to look at; sourced by ./dev.

demo() {
  local bin=build/release/bin nodes=1
  if [ $# -gt 0 ]; then
    [ $# -eq 2 ] && [ "$1" = --nodes ] && [[ "$2" =~ ^[1-5]$ ]] || die "demo takes --nodes 1..5"
    nodes=$2
  fi
  [ "$nodes" -eq 1 ] || install_servers nats-server
  build release ppo-bridge ppo-trainer ppo-client ppo-bot >&2
  # Not the function's own: it may have returned when all is ended.
  logs=build/demo pids=()
  local pid
  mkdir -p "$logs"
  # Each in a session of its own: Ctrl-C reaches only this script, which then ends them in order.
  stop_demo() {
    trap '' INT TERM HUP
    for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    say "demo ended; nothing is left running (logs: $logs)"
  }
  trap stop_demo EXIT
  trap 'exit 0' INT TERM HUP
  start() {
    local log=$1
    shift
    setsid "$@" >"$logs/$log.out" 2>"$logs/$log.log" &
    pids=("$!" "${pids[@]}")
  }
  local port=${PPO_DEMO_PORT:-5178} names=() bridges=() list="" n
  if [ "$nodes" -eq 1 ]; then demo_bridge; else demo_cluster; fi
  for n in "${!names[@]}"; do demo_ready "${names[n]}" "${bridges[n]}"; done
  local events control ws page trainers=$((nodes > 2 ? nodes : 2))
  events=$(demo_addresses events_in) control=$(demo_addresses control) ws=$(demo_addresses ws)
  for n in $(seq "$trainers"); do
    start "trainer-$n" "$bin/ppo-trainer" --agents 2 --steps 100000000 --seed "$n" --pace 120 --source "trainer-$n" \
      --events "$(demo_from "$n" "$events")" --control "$(demo_from "$n" "$control")" --checkpoints "build/demo/checkpoints-$n"
  done
  # One more in Python, where numpy is.
  local learners="$trainers trainers of two agents each learn to flip items"
  if /usr/bin/python3 -c "import numpy, zmq" 2>/dev/null; then
    learners="$trainers trainers of two agents each, and one in Python, learn to flip items"
    start trainer-python env PYTHONPATH=publishers/python PYTHONDONTWRITEBYTECODE=1 \
      /usr/bin/python3 publishers/python/examples/numpy_ppo.py --steps 100000000 --pace 120 \
      --source trainer-python --events "$events" --control "$control"
  fi
  page=${ws%%,*}
  page=${page/#ws:/http:}
  page=${page%/ws}
  demo_say
  say "the first events, of every type:"
  demo_follow --since last:20 -n 150
  demo_say
  say "from here on how training goes; Ctrl-C ends all of it:"
  demo_follow training_update episode_end system_status --since last:20
}

# On another port than the usual one, everything else takes free ones.
demo_bridge() {
  local settings=(--set "journal.path=build/demo/journal.sqlite") key
  if [ -n "${PPO_DEMO_PORT:-}" ]; then
    settings+=(--set "websocket.listen=127.0.0.1:$port")
    for key in events.bind bots.events bots.commands trainers.control; do
      settings+=(--set "$key=tcp://127.0.0.1:*")
    done
  fi
  start bridge "$bin/ppo-bridge" "${settings[@]}"
  names=(bridge) bridges=("$!")
}

# As many NATS servers and bridges, each time from nothing. Bridge k has the usual ports and 10 (k - 1) more, the servers
# have ports from 25179 and 25279 on; with PPO_DEMO_PORT all are as far from that as they are from 5178.
demo_cluster() {
  local place=$PWD/$logs/nodes n base server servers="" routes="" origins=""
  server=$(PATH=$PATH:/usr/sbin command -v nats-server) || die "nats-server is not installed"
  [ "$port" -le 45000 ] || die "PPO_DEMO_PORT is $port; must be 1..45000 with --nodes"
  rm -rf "$place"
  mkdir -p "$place"
  for n in $(seq "$nodes"); do
    servers+="${servers:+,}\"nats://127.0.0.1:$((port + 20000 + n))\""
    routes+="${routes:+,}\"nats://127.0.0.1:$((port + 20100 + n))\""
    origins+="${origins:+,}\"http://127.0.0.1:$((port + 10 * (n - 1)))\""
    list+="${list:+,}127.0.0.1:$((port + 378 + 10 * (n - 1)))"
  done
  for n in $(seq "$nodes"); do
    cat >"$place/nats-$n.conf" <<EOF
server_name: s$n
listen: 127.0.0.1:$((port + 20000 + n))
max_payload: 2MB
jetstream { store_dir: "$place/nats-$n", max_mem: 64MB, max_file: 4GB }
cluster { name: demo, listen: 127.0.0.1:$((port + 20100 + n)), routes: [$routes] }
EOF
    start "nats-$n" "$server" -c "$place/nats-$n.conf"
  done
  for n in $(seq "$nodes"); do
    base=$((port + 10 * (n - 1)))
    start "n$n" "$bin/ppo-bridge" --set engine.kind=jetstream --set "cluster.node=n$n" --set "cluster.servers=[$servers]" \
      --set "cluster.replicas=$((nodes < 3 ? 1 : 3))" --set cluster.bytes_max=1073741824 --set "journal.path=$place/n$n.sqlite" \
      --set "websocket.listen=127.0.0.1:$base" --set "websocket.origins=[$origins]" \
      --set "events.bind=[\"tcp://127.0.0.1:$((base + 378))\"]" --set "bots.events=tcp://127.0.0.1:$((base + 379))" \
      --set "bots.commands=tcp://127.0.0.1:$((base + 380))" --set "trainers.control=tcp://127.0.0.1:$((base + 381))"
    names+=("n$n") bridges+=("$!")
  done
}

# demo_ready LOG PID: waits for that bridge's line: ready ws=ws://... events_in=tcp://... and so on
demo_ready() {
  local tries=0
  until grep -q ^ready "$logs/$1.out"; do
    kill -0 "$2" 2>/dev/null || { cat "$logs/$1.log" >&2; exit 1; }
    [ $((tries += 1)) -le 300 ] || die "the bridge did not start; see $logs/$1.log"
    sleep 0.1
  done
}

# demo_addresses WHAT: of all bridges, with commas between.
demo_addresses() {
  local name
  for name in "${names[@]}"; do sed -nE "s|^ready .*\\b$1=([^ ]*).*|\\1|p" "$logs/$name.out"; done | paste -sd,
}

# demo_from K LIST: the same list, beginning with its K-th.
demo_from() {
  awk -F, -v k="$1" '{ for (i = 0; i < NF; ++i) printf "%s%s", (i ? "," : ""), $((k - 1 + i) % NF + 1) }' <<<"$2"
}

demo_say() {
  cat >&2 <<EOF

  PPO Bridge is running: $learners.

    dashboard  $page/
    metrics    $page/metrics
    WebSocket  $ws
    events in  $events  (ZeroMQ PUB)
    bots       $(demo_addresses events_out) (SUB), $(demo_addresses commands) (REQ)

EOF
  if [ -n "$list" ]; then
    cat >&2 <<EOF
    in another terminal:  export PPO_BRIDGES=$list
                          $bin/ppo-client cluster status
                          $bin/ppo-client tail --check
                          $bin/ppo-bot --target trainer-1/agent_0
    and everything goes on after:  kill -9 ${bridges[0]}   # the bridge n1

EOF
  else
    cat >&2 <<EOF
    in another terminal:  $bin/ppo-client --url $ws status
                          $bin/ppo-bot --target trainer-1/agent_0 --events $(demo_addresses events_out) --commands $(demo_addresses commands)

EOF
  fi
}

demo_follow() {
  "$bin/ppo-client" --url "$ws" tail "$@" &
  pids=("$!" "${pids[@]}")
  wait "$!" || true
}
