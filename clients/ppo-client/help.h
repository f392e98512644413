// What --help says besides the options.
#pragma once

namespace client {

inline constexpr const char* kExamples = R"(Examples:
  ppo-client tail                                     everything, as it comes
  ppo-client tail trade_executed 'episode_*'          some types
  ppo-client tail --item 'Twisted bow|Coal' --since 5m
  ppo-client tail --filter 'profit>=100k' --filter action_type=sell
  ppo-client tail --json | jq .data
  ppo-client recent --type error --count 20
  ppo-client top                                      the bridge at a glance
  ppo-client replay --from 1d --speed 100             yesterday again, a hundred times as fast
  ppo-client export --format csv --output events.csv  all that the bridge holds
  ppo-client command pause --target agent_0
  ppo-client runs --state running,crashed             every run there was, the newest first
  ppo-client series --run trainer-1@k3f9a2/agent_0 --tag 'losses/*' --format csv
  ppo-client compare trainer-1@k3f9a2 trainer-1@m2x7c1
  ppo-client alerts add 'training_update where policy_loss is NaN' --command pause
  ppo-client shell                                    a prompt; or: echo 'pause agent_0' | ...
  ppo-client status --url ws://127.0.0.1:5178/ws
  ppo-client cluster status                           several bridges: nodes, leader, lag, stalls

Exit codes: 0 ok, also after Ctrl-C; 1 the bridge cannot be reached; 2 wrong usage;
3 the bridge answered with an error; 4 with `timeout` or `unknown_outcome`: the command may have
been carried out, or may yet be.
Environment: PPO_BRIDGE_URL, PPO_BRIDGES (HOST[:PORT],...), PPO_TOKEN, PPO_TOKEN_FILE, NO_COLOR.)";

inline constexpr const char* kOthers =
    "Before or behind it also --url, --token-file, --ca, --color, --wait, --json and --timeout: "
    "ppo-client --help.";

inline constexpr const char* kTailHelp =
    R"(A connection that is lost comes back by itself, at the next bridge of --url where there are several,
and goes on after the last event shown; what the bridge no longer has is shown as a gap.

--check URL,URL,... follows all of these at once, else those of --url, and compares: each event the same
bytes with the same seq in all, none left out, none twice, the numbers of each source one behind the
other. A line every 2 s tells how far it is; it ends after -n compared events, or by Ctrl-C. Exit codes:
0 all is equal; 1 what is wrong was told, a bridge was never there, or one was too far behind (1,048,576
events) to be compared.

Filters (all must pass; quote them for the shell):
  item=Coal            the text; several with |:  item=Coal|Yew logs
  item_id=4151         the number or the text, whichever the events hold
  item_id="4151"       the text only; in quotes | and .. are plain characters
  profit>=100k         at least; profit<=1.67m at most (k, m, b as in the game)
  price=10..20         from 10 to 20, both included; 10.. and ..20 are open

Where, the language of alerts and of the page's tape, of what one event decides:
  'trade_executed where profit > 100k and (item ~ whip or not agent_id = a0)'
  'training_update where policy_loss is NaN'    '* where * ~ "anywhere in it"'
  'run crashed'

Since:
  42                   after event 42 of the present epoch (0: from its beginning)
  EPOCH:42             after event 42 of that epoch
  30s 5m 2h 1d         the events of the last 30 seconds, ...
  last:100             the last 100 events)";

inline constexpr const char* kReplayHelp =
    R"(From and to:
  42                   event 42
  1619395200           that time, in seconds since 1970 (from 1000000000 on)
  30s 5m 2h 1d         so long ago
Left out: all that the bridge holds, in memory and in its journal. Filters, and --where, are those of tail.)";

inline constexpr const char* kAlertsHelp =
    R"(The bridge watches for these, whether or not anybody is connected. Rules:
  trade_executed where profit > 100k and item = "Abyssal whip"
  training_update where policy_loss is NaN
  training_update where avg(approx_kl, 5m) > 0.05 for 30s
  count(error) per 1m > 10        count(trade_executed where profit < 0) per 1h > 20
  source stalled for 30s          also gone, connected, conflict
  run crashed                     also finished, interrupted, lost
  gap                             events of a source are lost
Fields are members of data (a.b for those within) and source, run, type; operators = != > >= < <= ~
(contains) is; and, or, not and parentheses; numbers as 100k, 1.5m, 5%; avg, min, max, sum, last.)";

inline constexpr const char* kShellHelp =
    R"(From a terminal a prompt with completion (Tab) and history; otherwise commands from standard
input, one a line: the exit code is that of the first that failed, the others still run.
  pause agent_0                        short for: command pause --target agent_0
  set_hyperparameter agent_0 name=clip_range value=0.1
  sources, status, recent -n 5, help, exit)";

}  // namespace client
