#!/usr/bin/env python3
"""What the Python publisher costs a training script: publish() by itself, and a hooked training loop.

    python3 tests/bench/python_overhead.py [--steps 20000] [--work-us 1000]
        [--require-slower-percent 3 --require-longest-ms 5]

The loop runs unhooked, and hooked with the bridge up, absent and frozen, in turns of a few hundred steps.
A step is numpy work of about --work-us, a decision, a step of the environment whose portfolio changes every
time, and now and then a trade and an update.

A machine that does other things as well gets quicker and slower from one second to the next, so each
hooked turn is compared with the unhooked one next to it, and the figure is the median of these pairs.
`CPU here` is the same of the CPU time of the training thread, which others on the machine disturb less; `CPU`
that of the whole process, with the library's thread, in all. `trimmed` is that without each turn's longest hundredth, `in all` the mean of all steps against that of all
unhooked ones beside them, `over` how many took more than 5 ms longer than the median one. The unhooked loop
is listed as well, one half against the other: what that shows is the machine's. Exit code 2 where a figure
is above what is required; the longest step is held against the longest of the unhooked ones.
"""

from __future__ import annotations

import argparse
import gc
import os
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "publishers/python"), str(ROOT / "tests/python")]
os.environ.setdefault("PPO_BRIDGE_BIN", str(ROOT / "build/release/bin/ppo-bridge"))

import numpy  # noqa: E402
from ppo_bridge import PPOWebSocketIntegration, Publisher  # noqa: E402
from support import Bridge  # noqa: E402

TURN_STEPS = 250
ROUND = ("alone", "up", "absent", "alone", "frozen")
NEXT_TO = {"up": 0, "absent": 1, "frozen": 1}  # which of the two unhooked turns of a round
LONG_S = 0.005  # a step that takes so much longer than the median one is counted


class Agent:
    def __init__(self, rounds: int) -> None:
        self._weights = numpy.random.default_rng(1).normal(size=(64, 64)) / 8
        self._rounds = rounds

    def sample_action(self, observation: numpy.ndarray) -> tuple:
        for _ in range(self._rounds):
            observation = numpy.tanh(self._weights @ observation)
        return {"type": "buy", "item": "Abyssal whip", "price": 1450000, "quantity": 1}, -0.5

    def update(self) -> dict:
        return {"policy_loss": 0.01, "value_loss": 0.5, "entropy": 1.1}


class Env:
    def __init__(self) -> None:
        self._cash, self._inventory = 10_000_000, {"Abyssal whip": 1, "Dragon bones": 1000}

    def reset(self) -> tuple:
        return numpy.ones(64), {}

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
        return numpy.ones(64), 1.0, False, self._cash % 200 == 0, info


def turn(agent: Agent, env: Env, steps: int, into: list) -> None:
    observation, _ = env.reset()
    clock = time.perf_counter
    for n in range(steps):
        begin = clock()
        action, _ = agent.sample_action(observation)
        observation, _, _, done, _ = env.step(action)
        if done:
            env.reset()
        if n % 128 == 127:
            agent.update()
        into.append(clock() - begin)


def rounds_for(work_us: float) -> int:
    agent, times = Agent(100), []
    for _ in range(50):
        begin = time.perf_counter()
        agent.sample_action(numpy.ones(64))
        times.append(time.perf_counter() - begin)
    return max(int(100 * work_us / 1e6 / statistics.median(times)), 1)


def publish_us(endpoint: str) -> float:
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
    for _ in range(20):
        begin = time.perf_counter()
        for _ in range(1000):
            publisher.publish("agent_decision", data)
        times.append((time.perf_counter() - begin) * 1000)
        time.sleep(0.02)
    publisher.close()
    return statistics.median(times)


def run(integrations: dict, steps: int, rounds: int) -> tuple[dict, dict, dict]:
    """By name: the times of the steps of each turn, the CPU time of the process, and of this thread
    in each turn."""
    turns: dict[str, list] = {name: [] for name in ("alone", *integrations)}
    cpu = dict.fromkeys(turns, 0.0)
    here: dict[str, list] = {name: [] for name in turns}
    gc.collect()
    for _ in range(max(steps // TURN_STEPS, 1)):
        for name in ROUND:
            agent, env = Agent(rounds), Env()
            if name in integrations:
                integrations[name].hook_agent(agent, "agent_0")
                integrations[name].hook_env(env, "env_0", "agent_0")
            times: list = []
            begin, begin_here = time.process_time(), time.thread_time()
            turn(agent, env, TURN_STEPS, times)
            cpu[name] += time.process_time() - begin
            here[name].append([time.thread_time() - begin_here])
            turns[name].append(times)
            if name in integrations:
                integrations[name].unhook_all()
    cpu["alone"] /= ROUND.count("alone")
    return turns, cpu, here


def slower_percent(turns: list, beside: list, mean: Callable[[list], float]) -> float:
    ratios = [mean(one) / mean(other) for one, other in zip(turns, beside)]
    return (statistics.median(ratios) - 1) * 100


def report(turns: dict, cpu: dict, here: dict, options: argparse.Namespace) -> bool:
    """Prints the figures; False where one is above what is required."""
    alone = turns["alone"]
    everything = [time for each in alone for time in each]
    longest_alone, median_alone = max(everything), statistics.median(everything)
    print("a step alone: %.0f us" % (median_alone * 1e6))
    heads = ("bridge", "slower", "CPU here", "trimmed", "in all", "CPU", "a step", "longest", "over")
    print("%-8s %9s %9s %9s %9s %9s %11s %11s %5s" % heads)
    good = True
    for name in turns:
        if name == "alone":  # its turns in one place against those in the next
            mine, others = slice(1, None, 2), slice(None, None, 2)
        else:
            mine, others = slice(None), slice(NEXT_TO[name], None, 2)
        found, beside = turns[name][mine], alone[others]
        cpu_here = slower_percent(here[name][mine], here["alone"][others], statistics.fmean)
        slower = slower_percent(found, beside, statistics.fmean)
        without = slower_percent(found, beside, lambda times: statistics.fmean(trimmed(times)))
        flat = [time for each in found for time in each]
        mean_beside = statistics.fmean(time for each in beside for time in each)
        in_all = (statistics.fmean(flat) / mean_beside - 1) * 100
        if name == "alone":
            flat = everything  # for its longest
        more_cpu = (cpu[name] / cpu["alone"] - 1) * 100
        median_us = (statistics.median(flat) - median_alone) * 1e6
        over = sum(time > median_alone + LONG_S for time in flat)
        shown = (name, slower, cpu_here, without, in_all, more_cpu, median_us, max(flat) * 1000, over)
        print("%-8s %8.2f%% %8.2f%% %8.2f%% %8.2f%% %8.2f%% %+8.1f us %8.2f ms %5d" % shown)
        if name == "alone":
            continue
        if options.require_slower_percent is not None and slower > options.require_slower_percent:
            print("%s: slower by %.2f %%; required: %g" % (name, slower, options.require_slower_percent))
            good = False
        if options.require_cpu_percent is not None and cpu_here > options.require_cpu_percent:
            text = "%s: %.2f %% more CPU time of the training thread; required: %g"
            print(text % (name, cpu_here, options.require_cpu_percent))
            good = False
        if options.require_longest_ms is not None:
            excess_ms = (max(flat) - longest_alone) * 1000
            if excess_ms > options.require_longest_ms:
                text = "%s: longest step %.2f ms longer than the longest alone; required: %g"
                print(text % (name, excess_ms, options.require_longest_ms))
                good = False
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--steps", type=int, default=20_000, help="of each of the hooked loops")
    parser.add_argument("--work-us", type=float, default=1000.0, help="of a step by itself")
    parser.add_argument("--require-slower-percent", type=float, help="by the median of the pairs")
    parser.add_argument("--require-cpu-percent", type=float, help="of the training thread, likewise")
    parser.add_argument("--require-longest-ms", type=float, help="beyond the longest step alone")
    options = parser.parse_args()

    # The one that is up keeps a journal, as bridges do.
    place = tempfile.TemporaryDirectory()
    up, frozen = Bridge("journal.path=%s/journal.sqlite" % place.name), Bridge()
    targets = {
        "up": (up.events_in, up.control),
        "absent": ("tcp://127.0.0.1:9", "tcp://127.0.0.1:10"),
        "frozen": (frozen.events_in, frozen.control),
    }
    integrations = {
        name: PPOWebSocketIntegration(endpoint, source=name, control=control, flush_ms=0)
        for name, (endpoint, control) in targets.items()
    }
    while not integrations["frozen"].connected:
        time.sleep(0.01)
    frozen.signal(signal.SIGSTOP)
    print("publish(), 200 bytes: %.2f us" % publish_us(up.events_in))

    turns, cpu, here = run(integrations, options.steps, rounds_for(options.work_us))
    good = report(turns, cpu, here, options)
    for integration in integrations.values():
        integration.disconnect()
    up.close()
    frozen.close()
    place.cleanup()
    return 0 if good else 2


def trimmed(times: list) -> list:
    """Without the longest hundredth."""
    return sorted(times)[: len(times) - len(times) // 100]


if __name__ == "__main__":
    sys.exit(main())
