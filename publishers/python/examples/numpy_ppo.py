#!/usr/bin/env python3
"""A small PPO in numpy that learns to flip one item, hooked to the bridge.

    python3 numpy_ppo.py --steps 60000

The environment has Gymnasium's shape, the agent the shape that hooks know; neither knows of the bridge.
What attaches them is in main().
"""

from __future__ import annotations

import argparse
import signal
import sys
import time

import numpy as np
from ppo_bridge import PPOWebSocketIntegration, Steering

ITEM = "Coal"
ACTIONS = ("hold", "buy", "sell")


class FlipEnv:
    """One item whose price swings around its mean; 2 % tax on sales."""

    STEPS = 128
    CASH = 100_000
    LOT = 100
    TAX = 0.02

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)

    def reset(self, seed: int | None = None) -> tuple:
        if seed is not None:
            self._random = np.random.default_rng(seed)
        self._step = 0
        self._cash, self._held, self._cost, self._pnl = self.CASH, 0, 0, 0
        self._swing, self._moved = self._random.normal(0, 0.1), 0.0
        return self._observe(), self._info([])

    def step(self, action: dict) -> tuple:
        before = self._value()
        trades = self._trade(action["type"])
        moved = -0.15 * self._swing + self._random.normal(0, 0.05)
        self._swing, self._moved = self._swing + moved, moved
        self._step += 1
        reward = (self._value() - before) / 1000
        truncated = self._step >= self.STEPS
        return self._observe(), reward, False, truncated, self._info(trades)

    @property
    def price(self) -> int:
        return max(int(round(150 * np.exp(self._swing))), 1)

    def _trade(self, side: str) -> list:
        price, profit = self.price, 0
        if side == "buy":
            quantity = min(self.LOT, self._cash // price)
            self._cash -= quantity * price
            self._held += quantity
            self._cost += quantity * price
        elif side == "sell":
            quantity = self._held
            earned = int(quantity * price * (1 - self.TAX))
            profit = earned - self._cost
            self._cash += earned
            self._pnl += profit
            self._held = self._cost = 0
        else:
            return []
        if quantity == 0:
            return []
        trade = {"type": side, "item": ITEM, "price": price, "quantity": quantity}
        return [{**trade, "profit": profit}]

    def _value(self) -> int:
        return self._cash + int(self._held * self.price * (1 - self.TAX))

    def _observe(self) -> np.ndarray:
        held = self._held * self.price / self.CASH
        return np.array([5 * self._swing, 10 * self._moved, held, 1 - self._step / self.STEPS])

    def _info(self, trades: list) -> dict:
        return {
            "cash": self._cash,
            "inventory": {ITEM: self._held},
            "total_value": self._value(),
            "realized_pnl": self._pnl,
            "step_trades": trades,
        }


class Network:
    """Two tanh layers with one head for the policy and one for the value; Adam."""

    def __init__(self, inputs: int, random: np.random.Generator, width: int = 32) -> None:
        def layer(rows: int, columns: int, scale: float) -> list:
            return [random.normal(0, scale / np.sqrt(rows), (rows, columns)), np.zeros(columns)]

        self.parameters = (
            layer(inputs, width, 1.0)
            + layer(width, width, 1.0)
            + layer(width, len(ACTIONS), 0.01)
            + layer(width, 1, 1.0)
        )
        self._means = [np.zeros_like(p) for p in self.parameters]
        self._squares = [np.zeros_like(p) for p in self.parameters]
        self._updates = 0

    def forward(self, x: np.ndarray) -> tuple:
        w1, b1, w2, b2, wp, bp, wv, bv = self.parameters
        h1 = np.tanh(x @ w1 + b1)
        h2 = np.tanh(h1 @ w2 + b2)
        logits = h2 @ wp + bp
        logits = logits - logits.max(axis=-1, keepdims=True)
        log_p = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        return h1, h2, log_p, (h2 @ wv + bv)[..., 0]

    def descend(self, x: np.ndarray, h1: np.ndarray, h2: np.ndarray, d_logits: np.ndarray,
                d_values: np.ndarray, rate: float) -> None:  # fmt: skip
        """One step of Adam along the gradients with respect to both heads' outputs."""
        _, _, w2, _, wp, _, wv, _ = self.parameters
        d_values = d_values[:, None]
        d2 = (d_logits @ wp.T + d_values @ wv.T) * (1 - h2**2)
        d1 = (d2 @ w2.T) * (1 - h1**2)
        gradients = [x.T @ d1, d1.sum(0), h1.T @ d2, d2.sum(0)]
        gradients += [h2.T @ d_logits, d_logits.sum(0), h2.T @ d_values, d_values.sum(0)]
        norm = np.sqrt(sum((g**2).sum() for g in gradients))
        clip = min(1.0, 0.5 / (norm + 1e-8))
        self._updates += 1
        for p, g, m, s in zip(self.parameters, gradients, self._means, self._squares):
            m += 0.1 * (g * clip - m)
            s += 0.001 * ((g * clip) ** 2 - s)
            m_hat = m / (1 - 0.9**self._updates)
            s_hat = s / (1 - 0.999**self._updates)
            p -= rate * m_hat / (np.sqrt(s_hat) + 1e-8)


class Agent:
    """PPO: clipped objective, generalised advantages, an entropy bonus."""

    GAMMA, LAMBDA = 0.99, 0.95
    EPOCHS, MINIBATCH = 4, 256

    def __init__(self, env: FlipEnv, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._env = env
        self.network = Network(4, self._random)
        self.hyperparameters = {
            "learning_rate": 1e-3,
            "clip_range": 0.2,
            "entropy_coefficient": 0.01,
        }
        self._memory: list = []

    def sample_action(self, observation: np.ndarray, greedy: bool = False) -> tuple:
        _, _, log_p, value = self.network.forward(observation)
        if greedy:
            chosen = int(log_p.argmax())
        else:
            chosen = int(self._random.choice(len(ACTIONS), p=np.exp(log_p)))
        self._last = (observation, chosen, log_p[chosen], value)
        action = {"type": ACTIONS[chosen], "item": ITEM, "price": self._env.price}
        action["quantity"] = FlipEnv.LOT if chosen else 0
        return action, float(log_p[chosen])

    def remember(self, reward: float, done: bool) -> None:
        self._memory.append((*self._last, reward, done))

    def update(self, next_observation: np.ndarray) -> dict:
        x, a, old, values, rewards, dones = (np.array(c) for c in zip(*self._memory))
        self._memory.clear()
        following = float(self.network.forward(next_observation)[3])
        advantages = np.zeros(len(x))
        ahead = 0.0
        for t in reversed(range(len(x))):
            delta = rewards[t] + self.GAMMA * following * (1 - dones[t]) - values[t]
            ahead = delta + self.GAMMA * self.LAMBDA * (1 - dones[t]) * ahead
            advantages[t], following = ahead, values[t]
        returns = advantages + values
        stats: dict = {"policy_loss": [], "value_loss": [], "entropy": [], "approx_kl": []}
        stats["clip_fraction"] = []
        for _ in range(self.EPOCHS):
            for rows in np.array_split(
                self._random.permutation(len(x)), max(len(x) // self.MINIBATCH, 1)
            ):
                each = self._descend(x[rows], a[rows], old[rows], advantages[rows], returns[rows])
                for key, value in each.items():
                    stats[key].append(value)
        spread = returns.var()
        losses = {key: float(np.mean(value)) for key, value in stats.items()}
        losses["explained_variance"] = float(1 - (returns - values).var() / spread) if spread else 0
        return losses

    def _descend(self, x: np.ndarray, a: np.ndarray, old: np.ndarray, advantage: np.ndarray,
                 returns: np.ndarray) -> dict:  # fmt: skip
        clip, bonus = (self.hyperparameters[k] for k in ("clip_range", "entropy_coefficient"))
        count, rows = len(x), np.arange(len(x))
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
        h1, h2, log_p, value = self.network.forward(x)
        p = np.exp(log_p)
        ratio = np.exp(log_p[rows, a] - old)
        clipped = np.clip(ratio, 1 - clip, 1 + clip)
        policy_loss = -np.minimum(ratio * advantage, clipped * advantage).mean()
        entropies = -(p * log_p).sum(axis=1)
        # Where the clipped term is the smaller one, nothing pulls.
        pulls = (ratio * advantage <= clipped * advantage) * ratio * advantage
        one_hot = np.eye(len(ACTIONS))[a]
        d_logits = -pulls[:, None] * (one_hot - p) / count
        d_logits += bonus * p * (log_p + entropies[:, None]) / count
        d_values = 0.5 * (value - returns) / count
        rate = self.hyperparameters["learning_rate"]
        self.network.descend(x, h1, h2, d_logits, d_values, rate)
        return {
            "policy_loss": policy_loss,
            "value_loss": ((value - returns) ** 2).mean(),
            "entropy": entropies.mean(),
            "approx_kl": (ratio - 1 - np.log(ratio)).mean(),
            "clip_fraction": (np.abs(ratio - 1) > clip).mean(),
        }


def evaluate(agent: Agent, episodes: int, seed: int, at_random: bool = False) -> float:
    """Mean profit in gp of an episode, on prices that the agent never saw."""
    env = agent._env
    random = np.random.default_rng(seed)
    profit = 0.0
    for episode in range(episodes):
        observation, info = env.reset(seed=seed + episode)
        done = False
        while not done:
            if at_random:
                action = {"type": ACTIONS[random.integers(len(ACTIONS))]}
            else:
                action, _ = agent.sample_action(observation, greedy=True)
            observation, _, _, done, info = env.step(action)
        profit += info["total_value"] - FlipEnv.CASH
    return profit / episodes


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--steps", type=int, default=60_000)
    parser.add_argument("--rollout", type=int, default=1024, help="steps between two updates")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pace", type=float, default=0, help="steps a second at most; 0: no limit")
    parser.add_argument("--source", default=None, help="who publishes (made up)")
    parser.add_argument("--agent", default="numpy_0", help="what the agent is called")
    parser.add_argument("--events", default=None, help="where the bridge takes events in")
    parser.add_argument("--control", default=None, help="where it sends commands from")
    options = parser.parse_args()

    env = FlipEnv(options.seed)
    agent = Agent(env, options.seed)

    integration = PPOWebSocketIntegration(
        source=options.source, endpoint=options.events, control=options.control
    )
    integration.hook_agent(agent, options.agent)
    integration.hook_env(env, "env_0", options.agent)
    steering = Steering(integration.publisher, agent_id=options.agent)
    for name, low in (("learning_rate", 0.0), ("clip_range", 0.01), ("entropy_coefficient", 0.0)):
        steering.parameter(name, agent.hyperparameters, min=low, max=1.0)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: steering.stop())

    integration.publisher.start_run("numpy-ppo", {**vars(options), **agent.hyperparameters})
    integration.system_status("started", "%s trains in numpy" % options.agent)
    observation, _ = env.reset()
    due = time.monotonic()
    while steering.steps < options.steps and steering.step():
        action, _ = agent.sample_action(observation)
        observation, reward, terminated, truncated, _ = env.step(action)
        agent.remember(reward, terminated or truncated)
        if terminated or truncated:
            observation, _ = env.reset()
        if steering.steps % options.rollout == 0:
            losses = agent.update(observation)
            if steering.steps % (options.rollout * 10) == 0:
                text = "step %d  entropy %.3f  value loss %.3f"
                print(text % (steering.steps, losses["entropy"], losses["value_loss"]), flush=True)
        if options.pace > 0:
            due = max(due + 1 / options.pace, time.monotonic() - 1)
            time.sleep(max(due - time.monotonic(), 0))
    integration.system_status("stopped", "after %d steps" % steering.steps)
    integration.unhook_all()
    text = "mean profit an episode, on prices it never saw: %.0f gp; at random: %.0f gp"
    print(text % (evaluate(agent, 20, 10_000), evaluate(agent, 20, 10_000, at_random=True)))
    integration.disconnect()
    return 0


if __name__ == "__main__":
    sys.exit(main())
