#!/usr/bin/env python3
"""What the Python publisher costs a training script: publish() by itself, and a hooked training loop.

    python3 tests/bench/python_overhead.py [--steps 20000] [--work-us 1000]

The loop runs unhooked, and hooked with the bridge up, absent and frozen, in turns of a few hundred steps
so that all see the same machine. A step is numpy work of about --work-us, a decision, a step of the
environment whose portfolio changes every time, and now and then a trade and an update.
"""

from __future__ import annotations

import argparse
import gc
import os
import signal
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "publishers/python"), str(ROOT / "tests/python")]
os.environ.setdefault("PPO_BRIDGE_BIN", str(ROOT / "build/release/bin/ppo-bridge"))

import numpy  # noqa: E402
from ppo_bridge import PPOWebSocketIntegration, Publisher  # noqa: E402
from support import Bridge  # noqa: E402

TURN_STEPS = 250


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
    publisher = Publisher("bench", endpoint=endpoint, control="", flush_ms=0)
    times = []
    for _ in range(20):
        begin = time.perf_counter()
        for _ in range(1000):
            publisher.publish("agent_decision", data)
        times.append((time.perf_counter() - begin) * 1000)
        time.sleep(0.02)
    publisher.close()
    return statistics.median(times)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--steps", type=int, default=20_000, help="of each of the four")
    parser.add_argument("--work-us", type=float, default=1000.0, help="of a step by itself")
    options = parser.parse_args()

    up, frozen = Bridge(), Bridge()
    targets = {"up": up.events_in, "absent": "tcp://127.0.0.1:9", "frozen": frozen.events_in}
    integrations = {
        name: PPOWebSocketIntegration(endpoint, source=name, control="", flush_ms=0)
        for name, endpoint in targets.items()
    }
    while not integrations["frozen"].connected:
        time.sleep(0.01)
    frozen.signal(signal.SIGSTOP)
    print("publish(), 200 bytes: %.2f us" % publish_us(up.events_in))

    rounds = rounds_for(options.work_us)
    times: dict[str, list] = {name: [] for name in ("alone", *targets)}
    cpu = dict.fromkeys(times, 0.0)
    gc.collect()
    for _ in range(max(options.steps // TURN_STEPS, 1)):
        for name, into in times.items():
            agent, env = Agent(rounds), Env()
            if name in integrations:
                integrations[name].hook_agent(agent, "agent_0")
                integrations[name].hook_env(env, "env_0", "agent_0")
            begin = time.process_time()
            turn(agent, env, TURN_STEPS, into)
            cpu[name] += time.process_time() - begin
            if name in integrations:
                integrations[name].unhook_all()
    alone = times["alone"]
    print("a step alone: %.0f us, its longest %.2f ms" % (median_us(alone), max(alone) * 1000))
    heads = ("bridge", "slower", "CPU", "a step", "99.9 % below", "longest step")
    print("%-8s %8s %8s %10s %14s %16s" % heads)
    for name, found in times.items():
        slower = (statistics.fmean(trimmed(found)) / statistics.fmean(trimmed(alone)) - 1) * 100
        more_cpu = (cpu[name] / cpu["alone"] - 1) * 100
        numbers = (name, slower, more_cpu, median_us(found) - median_us(alone))
        tail = sorted(found)[int(len(found) * 0.999)] * 1000, max(found) * 1000
        print("%-8s %7.2f%% %7.2f%% %+7.1f us %11.2f ms %13.2f ms" % (*numbers, *tail))
    for integration in integrations.values():
        integration.disconnect()
    up.close()
    frozen.close()
    return 0


def trimmed(times: list) -> list:
    """Without the longest hundredth: what other programs take is not ours."""
    return sorted(times)[: len(times) - len(times) // 100]


def median_us(times: list) -> float:
    return statistics.median(times) * 1e6


if __name__ == "__main__":
    sys.exit(main())
