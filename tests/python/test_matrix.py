"""Every shape of library with every shape of algorithm: each number on the wire is the one that the
stand-in computed."""

from __future__ import annotations

import sys
import types
import unittest
from typing import Any, Callable
from unittest import mock

import numpy
import sb3_standins as sb3
import stand_ins
from ppo_bridge import Hooks, PPOWebSocketIntegration
from ppo_bridge._extract import update_field
from ppo_bridge.tensorboard import SummaryWriter
from support import BridgeTest

# What each algorithm logs of an update, by the names that people use.
TAGS = {
    "PPO": ("pg_loss", "v_loss", "entropy", "approx_kl", "clipfrac", "explained_variance", "lr"),
    "DQN": ("td_loss", "q_values", "epsilon"),
    "SAC": ("qf1_loss", "qf2_loss", "actor_loss", "alpha", "alpha_loss"),
}
UPDATE_EVERY = 8


class Truth:
    """What a stand-in computed: curves by tag and step, and the episodes of each agent."""

    def __init__(self, algorithm: str) -> None:
        self.algorithm = algorithm
        self.curves: dict[tuple[str, Any], Any] = {}
        self.episodes: dict[str, list] = {}
        self._updates = 0

    def update(self, step: int, prefix: str = "", agent: str = "") -> dict:
        """The losses of the next update."""
        self._updates += 1
        found = {}
        for n, tag in enumerate(TAGS[self.algorithm]):
            value = ((self._updates * 5 + n * 3) % 17 - 8) / 16
            found[prefix + tag] = numpy.float32(value) if n % 2 else value
            self.curves[(agent + prefix + tag, step)] = value
        return found


class Matrix(BridgeTest):
    def over_algorithms(self, shape: Callable) -> None:
        """`shape` plays, and returns what was computed."""
        for algorithm in TAGS:
            with self.subTest(algorithm):
                name = "%s-%s" % (self.id().split(".")[-1][-40:], algorithm)
                publisher = self.publisher(name, system_metrics_s=0)
                truth = shape(publisher, Truth(algorithm))
                publisher.flush(20)
                events = self.bridge.wait_events(publisher.stats().published, None, name)
                self.check(truth, events)
                self.assertEqual(publisher.stats().refused, 0)

    def check(self, truth: Truth, events: list) -> None:
        def of(type: str) -> list:
            return [event["data"] for event in events if event["type"] == type]

        self.assertGreater(len(truth.curves), 3)
        # By tag, by agent and tag, and what an update holds under its known name, by step.
        found: dict[tuple, list] = {}
        for data in of("scalar"):
            for name in (data["tag"], "%s/%s" % (data.get("agent_id"), data["tag"])):
                found.setdefault((name, data.get("step")), []).append(data["value"])
        known: dict[tuple, list] = {}
        for data in of("training_update"):
            for name, value in data.items():
                known.setdefault((name, data.get("steps")), []).append(value)
        for (tag, step), value in truth.curves.items():
            here = (tag, step)
            self.assertIn(value, found.get(here) or known.get(here) or [], here)
            field = update_field(tag)
            if field is not None and known:
                self.assertIn(value, known[(field, step)], here)
        ends = of("episode_end")
        self.assertEqual(len(ends), sum(map(len, truth.episodes.values())))
        self.assertGreater(len(ends), 3)
        for agent, account in truth.episodes.items():
            own = [data for data in ends if data["agent_id"] == agent]
            self.assertEqual([(d["reward"], d["steps"]) for d in own], account)
            self.assertEqual([d["length"] for d in own], [d["steps"] for d in own])
            steps = [d["global_step"] for d in own]
            self.assertEqual(steps, sorted(steps))

    # ---- Shapes.

    def test_seed_shaped(self) -> None:
        def play(publisher: Any, truth: Truth) -> Truth:
            env, agent = stand_ins.SeedEnv(), types.SimpleNamespace(update=None, steps=0)

            def sample_action(observation: Any) -> tuple:
                agent.steps += 1
                return {"type": "buy", "item": "Coal", "price": agent.steps, "quantity": 1}, -0.5

            agent.sample_action = sample_action
            agent.update = lambda *args: truth.update(agent.steps)
            integration = PPOWebSocketIntegration(publisher)
            integration.hook_agent(agent, "agent_0")
            integration.hook_env(env, "env_0")
            observation, _ = env.reset()
            for n in range(32):
                action, _ = agent.sample_action(observation)
                observation, _, terminated, truncated, _ = env.step(action)
                if terminated or truncated:
                    env.reset()
                if n % UPDATE_EVERY == 0:
                    agent.update(observation, terminated)
            truth.episodes = {"agent_0": env.account}
            return truth

        self.over_algorithms(play)

    def test_gymnasium_shaped(self) -> None:
        modules = {"gymnasium": sb3.module("gymnasium", Wrapper=stand_ins.Wrapper)}

        def play(publisher: Any, truth: Truth) -> Truth:
            with mock.patch.dict(sys.modules, modules):
                sys.modules.pop("ppo_bridge.gymnasium", None)
                from ppo_bridge.gymnasium import BridgeWrapper
            env = BridgeWrapper(stand_ins.Env(truncates=True), publisher, "env_0", "agent_0")
            env.reset(seed=1)
            for n in range(32):
                _, _, terminated, truncated, _ = env.step(0)
                if terminated or truncated:
                    env.reset()
                if n % UPDATE_EVERY == 0:
                    publisher.scalars(truth.update(n), n)
            truth.episodes = {"agent_0": env.unwrapped.account}
            return truth

        self.over_algorithms(play)

    def vector_shaped(self, mode: Any) -> None:
        def play(publisher: Any, truth: Truth) -> Truth:
            envs = [stand_ins.Env(seed=n, ends=(3 + n, 5)) for n in range(3)]
            vector = stand_ins.SyncVectorEnv(envs, mode)
            Hooks(publisher).hook_env(vector, "env_0", "agent_0")
            vector.reset()
            for n in range(30):
                vector.step(numpy.zeros(3, int))
                if n % UPDATE_EVERY == 0:
                    publisher.scalars(truth.update(n * 3, "losses/"), n * 3)
            truth.episodes = {"agent_0.%d" % n: env.account for n, env in enumerate(envs)}
            return truth

        self.over_algorithms(play)

    def test_vector_shaped_resetting_at_the_next_step(self) -> None:
        self.vector_shaped(stand_ins.AutoresetMode.NEXT_STEP)

    def test_vector_shaped_resetting_in_the_same_step(self) -> None:
        self.vector_shaped(stand_ins.AutoresetMode.SAME_STEP)

    def pettingzoo_shaped(self, env_type: type, turn: Callable) -> None:
        def play(publisher: Any, truth: Truth) -> Truth:
            env = env_type({"archer_0": 4, "knight_0": 7})
            Hooks(publisher).hook_env(env, "env_0")
            for episode in range(3):
                env.reset()
                turn(env)
                for name in env.possible_agents:
                    publisher.scalars(truth.update(episode, agent=name + "/"), episode, agent_id=name)
            truth.episodes = env.account
            return truth

        self.over_algorithms(play)

    def test_pettingzoo_shaped_in_parallel(self) -> None:
        def turn(env: Any) -> None:
            while env.agents:
                env.step(dict.fromkeys(env.agents, 0))

        self.pettingzoo_shaped(stand_ins.ParallelEnv, turn)

    def test_pettingzoo_shaped_by_turns(self) -> None:
        def turn(env: Any) -> None:
            for _ in env.agent_iter():
                _, _, terminated, truncated, _ = env.last()
                env.step(None if terminated or truncated else 0)

        self.pettingzoo_shaped(stand_ins.AECEnv, turn)

    def test_cleanrl_shaped(self) -> None:
        def play(publisher: Any, truth: Truth) -> Truth:
            env = stand_ins.Env()
            envs = stand_ins.SyncVectorEnv([stand_ins.RecordEpisodeStatistics(env)], None)
            writer = SummaryWriter("runs/%s__1" % truth.algorithm, publisher=publisher)
            writer.add_text("hyperparameters", "|param|value|\n|-|-|\n|seed|1|\n|gamma|0.99|")
            envs.reset()
            for step in range(1, 33):
                _, _, _, _, infos = envs.step([0])
                for info in infos.get("final_info", []):
                    if info and "episode" in info:
                        told = info["episode"]
                        writer.add_scalar("charts/episodic_return", told["r"], step)
                        writer.add_scalar("charts/episodic_length", told["l"], step)
                if step % UPDATE_EVERY == 0:
                    for tag, value in truth.update(step, "losses/").items():
                        writer.add_scalar(tag, value, step)
            writer.close()
            truth.episodes = {"agent_0": env.account}
            return truth

        self.over_algorithms(play)

    def test_stable_baselines3_shaped(self) -> None:
        def play(publisher: Any, truth: Truth) -> Truth:
            dump = sb3.Logger.dump

            def noted(logger: Any, step: int = 0) -> None:
                for tag, value in logger.name_to_value.items():
                    truth.curves[(tag, step)] = value
                dump(logger, step)

            with mock.patch.dict(sys.modules, sb3.MODULES), mock.patch.object(sb3.Logger, "dump", noted):
                from ppo_bridge.stable_baselines3 import BridgeCallback

                envs = [stand_ins.Env(seed=n, ends=(3 + n, 5)) for n in range(2)]
                vector = stand_ins.DummyVecEnv([stand_ins.Monitor(env) for env in envs])
                env = stand_ins.VecNormalize(vector)
                model = getattr(sb3, truth.algorithm)("MlpPolicy", env)
                model.learn(64, BridgeCallback(publisher))
            truth.episodes = {"agent_%d" % n: env.account for n, env in enumerate(envs)}
            return truth

        self.over_algorithms(play)


if __name__ == "__main__":
    unittest.main()
