#!/usr/bin/env python3
"""What the Python publisher costs a training script: publish() by itself, and a hooked training loop.

    python3 tests/bench/python_overhead.py [--steps 20000] [--work-us 1000] [--beside OTHER/publishers/python]
        [--require-slower-percent 3 --require-cpu-percent 3 --require-longest-ms 5]

The loop runs hooked with the bridge up, absent and frozen, each in a process of its own. A step is numpy
work of about --work-us, a decision, a step of the environment whose portfolio changes every time, and now
and then a trade and an update. With --beside the same is measured of another version, at the same time.

A machine that does other things as well gets quicker and slower from one second to the next. So hooked turns
of 500 steps alternate with unhooked ones, each is compared with the two unhooked ones next to it, and the figure is
the mean of the middle half of these pairs. A hooked turn begins once the publisher's thread is in its rhythm, an unhooked one
once it has nothing left to do. Where there are cores enough all rows are measured at once, each training
thread on a core of its own.

`wall` is by the clock, `CPU here` by the CPU time of the training thread, which others on the machine disturb less,
each with its standard error; `noise` the same of unhooked turns against those next to them, by the clock. `CPU in
all` is of the whole process, with the library's threads. `over` is how many steps took more than 5 ms longer than the
median one. Exit code 2 where a figure is above what is required; the longest step is held against the longest of the
unhooked ones.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TARGETS = ("up", "absent", "frozen")
TURN_STEPS = 500
BEGIN_STEPS = 250  # of a hooked turn, not measured
REST_S = 0.3  # longer than events wait for one another
LONG_S = 0.005  # a step that takes so much longer than the median one is counted
CORES_A_ROW = 2


class Agent:
    def __init__(self, rounds: int) -> None:
        import numpy

        self._tanh = numpy.tanh
        self._weights = numpy.random.default_rng(1).normal(size=(64, 64)) / 8
        self.observation = numpy.ones(64)
        self._rounds = rounds

    def sample_action(self, observation: Any) -> tuple:
        for _ in range(self._rounds):
            observation = self._tanh(self._weights @ observation)
        return {"type": "buy", "item": "Abyssal whip", "price": 1450000, "quantity": 1}, -0.5

    def update(self) -> dict:
        return {"policy_loss": 0.01, "value_loss": 0.5, "entropy": 1.1}


class Env:
    def __init__(self, observation: Any) -> None:
        self._observation = observation
        self._cash, self._inventory = 10_000_000, {"Abyssal whip": 1, "Dragon bones": 1000}

    def reset(self) -> tuple:
        return self._observation, {}

    def step(self, action: dict) -> tuple:
        self._cash += 1
        trades = []
        if self._cash % 10 == 0:
            trades = [{"type": "buy", "item": action["item"], "price": 1450000, "quantity": 1}]
        info = {
            "cash": self._cash,
            "total_value": self._cash + 2_000_000,
            "inventory": self._inventory,
            "realized_pnl": 0,
            "step_trades": trades,
        }
        return self._observation, 1.0, False, self._cash % 200 == 0, info


def steps(agent: Agent, env: Env, count: int) -> list[float]:
    """How long each took."""
    times: list[float] = []
    observation, _ = env.reset()
    clock = time.perf_counter
    for n in range(count):
        begin = clock()
        action, _ = agent.sample_action(observation)
        observation, _, _, done, _ = env.step(action)
        if done:
            env.reset()
        if n % 128 == 127:
            agent.update()
        times.append(clock() - begin)
    return times


def turn(agent: Agent, env: Env) -> dict:
    here, everywhere = time.thread_time(), time.process_time()
    times = steps(agent, env, TURN_STEPS)
    here, everywhere = time.thread_time() - here, time.process_time() - everywhere
    return {"wall": sum(times), "here": here, "all": everywhere, "times": times}


def rounds_for(work_us: float) -> int:
    agent, times = Agent(100), []
    for _ in range(50):
        begin = time.perf_counter()
        agent.sample_action(agent.observation)
        times.append(time.perf_counter() - begin)
    return max(int(100 * work_us / 1e6 / statistics.median(times)), 1)


def publish_us(endpoint: str) -> float:
    from ppo_bridge import Publisher

    data = {
        "agent_id": "agent_0",
        "action_type": "buy",
        "item": "Abyssal whip",
        "price": 1450000,
        "quantity": 1,
        "reasoning": "High profit potential based on margin analysis of the last hours",
        "profit": 1234.5678,
    }
    publisher = Publisher("bench", endpoint=endpoint, control="")
    times = []
    for _ in range(50):
        begin = time.perf_counter()
        for _ in range(1000):
            publisher.publish("agent_decision", data)
        times.append((time.perf_counter() - begin) * 1000)
        time.sleep(0.02)
    publisher.close()
    return statistics.median(times)


def measure(target: str, core: int | None, options: argparse.Namespace) -> dict:
    """One row. `core`: for this thread alone."""
    from ppo_bridge import PPOWebSocketIntegration
    from support import Bridge

    logging.disable()  # of what no bridge takes
    with tempfile.TemporaryDirectory() as place:
        # The one that is up keeps a journal, as bridges do.
        journal = ["journal.path=%s/journal.sqlite" % place] if target == "up" else []
        bridge = Bridge(*journal) if target != "absent" else None
        addresses = ("tcp://127.0.0.1:9", "tcp://127.0.0.1:10")
        if bridge is not None:
            addresses = bridge.events_in, bridge.control
        if core is not None:
            os.sched_setaffinity(0, os.sched_getaffinity(0) - {core})
        integration = PPOWebSocketIntegration(addresses[0], control=addresses[1], source=target, flush_ms=0)
        while bridge is not None and not integration.connected:
            time.sleep(0.01)
        if core is not None:
            os.sched_setaffinity(0, {core})
        if bridge is not None and target == "frozen":
            bridge.process.send_signal(signal.SIGSTOP)
        found: dict[str, Any] = {"alone": [], "hooked": []}
        if target == "up":
            found["publish_us"] = publish_us(bridge.events_in)
        agent = Agent(rounds_for(options.work_us))
        env = Env(agent.observation)
        gc.collect()
        for _ in range(max(options.steps // TURN_STEPS, 4)):
            time.sleep(REST_S)
            steps(agent, env, TURN_STEPS // 10)
            found["alone"].append(turn(agent, env))
            integration.hook_agent(agent, "agent_0")
            integration.hook_env(env, "env_0", "agent_0")
            steps(agent, env, BEGIN_STEPS)
            found["hooked"].append(turn(agent, env))
            integration.unhook_all()
        time.sleep(REST_S)
        found["alone"].append(turn(agent, env))
        integration.disconnect()
        if bridge is not None:
            bridge.close()
    return found


def percent(turns: list, before: list, after: list, what: str) -> tuple[float, float]:
    """How much more a turn takes than those around it, by the middle half of the pairs, and its standard error."""
    ratios = [200 * t[what] / (b[what] + a[what]) - 100 for t, b, a in zip(turns, before, after)]
    low, _, high = statistics.quantiles(ratios, n=4)
    middle = sorted(ratios)[len(ratios) // 4 : len(ratios) - len(ratios) // 4]
    return statistics.fmean(middle), 0.93 * (high - low) / len(ratios) ** 0.5


def report(name: str, found: dict, options: argparse.Namespace) -> bool:
    """Prints a row; False where it is above what is required."""
    alone, hooked = found["alone"], found["hooked"]
    wall, cpu = (percent(hooked, alone, alone[1:], what) for what in ("wall", "here"))
    noise, _ = percent(alone[1:], alone, alone[2:], "wall")
    in_all, _ = percent(hooked, alone, alone[1:], "all")
    times = [time for turn in hooked for time in turn["times"]]
    longest_alone = max(time for turn in alone for time in turn["times"])
    median = statistics.median(times)
    over = sum(time > median + LONG_S for time in times)
    shown = (name, *wall, *cpu, noise, in_all, median * 1e6, max(times) * 1000, over)
    print(ROW % shown)
    good = True
    for what, value, required in (
        ("wall, percent", wall[0], options.require_slower_percent),
        ("CPU here, percent", cpu[0], options.require_cpu_percent),
        ("longest step, ms beyond the longest alone", (max(times) - longest_alone) * 1000, options.require_longest_ms),
    ):
        if required is not None and value > required:
            print("%s: %s: %.2f; required: %g" % (name, what, value, required))
            good = False
    return good


HEADS = ("bridge", "wall", "CPU here", "noise", "CPU in all", "a step", "longest", "over")
HEAD = "%-12s %15s %15s %7s %10s %9s %9s %5s"
ROW = "%-12s %6.2f ±%5.2f %% %6.2f ±%5.2f %% %6.2f%% %9.2f%% %6.0f us %6.2f ms %5d"


def own_cores() -> list[int]:
    """One processor of each core."""
    first: dict[str, int] = {}
    for cpu in sorted(os.sched_getaffinity(0)):
        siblings = Path("/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list" % cpu)
        first.setdefault(siblings.read_text() if siblings.exists() else str(cpu), cpu)
    return list(first.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--steps", type=int, default=20_000, help="of each of the hooked loops")
    parser.add_argument("--work-us", type=float, default=1000.0, help="of a step by itself")
    parser.add_argument("--beside", type=Path, help="publishers/python of another version")
    parser.add_argument("--require-slower-percent", type=float, help="by the pairs")
    parser.add_argument("--require-cpu-percent", type=float, help="of the training thread, likewise")
    parser.add_argument("--require-longest-ms", type=float, help="beyond the longest step alone")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    parser.add_argument("--core", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row is not None:
        json.dump(measure(options.row, options.core, options), sys.stdout)
        return 0

    versions = {"": ROOT / "publishers/python"}
    if options.beside is not None:
        versions[" beside"] = options.beside
    rows = [(target + suffix, target, place) for target in TARGETS for suffix, place in versions.items()]
    cores = own_cores()
    at_once = len(cores) >= CORES_A_ROW * len(rows)
    running: list = []
    found = []
    for n, (_, target, place) in enumerate(rows):
        command = [sys.executable, __file__, "--row", target]
        command += ["--steps", str(options.steps), "--work-us", str(options.work_us)]
        if at_once:
            command += ["--core", str(cores[n])]
        path = [str(place), str(ROOT / "tests/python"), os.environ.get("PYTHONPATH", "")]
        environment = {"PPO_BRIDGE_BIN": str(ROOT / "build/release/bin/ppo-bridge"), "OPENBLAS_NUM_THREADS": "1"}
        environment |= {**os.environ, "PYTHONPATH": ":".join(path)}
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, env=environment))
        if not at_once:
            found.append(running[n].communicate()[0])
    found += [each.communicate()[0] for each in running[len(found):]]
    if any(each.returncode for each in running):
        return 1
    results = {name: json.loads(text) for (name, *_), text in zip(rows, found)}
    for name, result in results.items():
        if "publish_us" in result:
            print("%s: publish(), 200 bytes: %.2f us" % (name, result["publish_us"]))
    print(HEAD % HEADS)
    return 0 if all([report(name, result, options) for name, result in results.items()]) else 2


if __name__ == "__main__":
    sys.exit(main())
