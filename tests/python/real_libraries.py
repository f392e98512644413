#!/usr/bin/env python3
"""The libraries themselves, where they are on PYTHONPATH: that what their loops publish is what they
say themselves. Not part of the tests, which have stand-ins; what is missing is skipped by name. CleanRL's
sac wants a Gymnasium of 0.29.

    PPO_BRIDGE_BIN=build/release/bin/ppo-bridge \\
    PYTHONPATH=publishers/python:tests/python:GYMNASIUM:PETTINGZOO:SB3 \\
    CLEANRL=folder-of-the-repository python3 tests/python/real_libraries.py -v
"""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

from hook_case import HookTest


def library(name: str) -> Any:
    """Skips the test where it cannot be imported."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise unittest.SkipTest("%s is not to be had: %s" % (name, error)) from None


class Gymnasium(HookTest):
    def setUp(self) -> None:
        self.gym = library("gymnasium")
        super().setUp()

    def ends(self, told: list) -> None:
        events = self.sent(len(told), "episode_end")
        got = [(e["agent_id"], round(e["reward"], 6), e["steps"]) for e in events]
        self.assertEqual(sorted(got), sorted(told))

    def make(self, seed: int = 0) -> Any:
        env = self.gym.make("CartPole-v1", max_episode_steps=30)
        env.action_space.seed(seed)
        return env

    def test_one_environment_normalised_and_recorded(self) -> None:
        wrappers = self.gym.wrappers
        env = wrappers.NormalizeReward(wrappers.RecordEpisodeStatistics(self.make()))
        self.hooked.hook_env(env, "env_0")
        told = []
        env.reset(seed=1)
        for _ in range(300):
            _, _, terminated, truncated, info = env.step(env.action_space.sample())
            if terminated or truncated:
                told.append(("env_0", float(info["episode"]["r"]), int(info["episode"]["l"])))
                env.reset()
        self.assertGreater(len(told), 5)
        self.ends(told)

    def test_the_wrapper(self) -> None:
        from ppo_bridge.gymnasium import BridgeWrapper

        env = BridgeWrapper(self.make(), self.hooked.publisher, "env_0", "agent_0")
        env.reset(seed=1)
        told, steps = [], 0
        for _ in range(200):
            _, _, terminated, truncated, _ = env.step(env.action_space.sample())
            steps += 1
            if terminated or truncated:
                told.append(("agent_0", float(steps), steps))
                env.reset()
                steps = 0
        self.ends(told)

    def vector(self, envs: Any, name: str = "env_0", steps: int = 120) -> list:
        """Of CartPole each step that counts gives 1, so that a return is a length."""
        self.hooked.hook_env(envs, name)
        envs.action_space.seed(1)
        envs.reset(seed=1)
        waits = [False] * envs.num_envs
        lengths, told = [0] * envs.num_envs, []
        one = "NextStep" if self.gym.__version__.startswith("1.0") else "SameStep"
        mode = getattr(envs.metadata.get("autoreset_mode"), "value", one)
        for _ in range(steps):
            _, _, terminated, truncated, _ = envs.step(envs.action_space.sample())
            for n in range(envs.num_envs):
                over = bool(terminated[n] or truncated[n])
                lengths[n] += not waits[n]
                if over:
                    told.append(("%s.%d" % (name, n), float(lengths[n]), lengths[n]))
                    lengths[n] = 0
                waits[n] = over and mode == "NextStep"
        envs.close()
        self.assertGreater(len(told), 5)
        return told

    def test_vectors_in_their_modes(self) -> None:
        vector, told = self.gym.vector, []
        if not hasattr(vector, "AutoresetMode"):
            raise unittest.SkipTest("this Gymnasium has one mode")
        for kind in (vector.SyncVectorEnv, vector.AsyncVectorEnv):
            for mode in (vector.AutoresetMode.NEXT_STEP, vector.AutoresetMode.SAME_STEP):
                envs = kind([self.make] * 3, autoreset_mode=mode)
                told += self.vector(envs, "%s-%s" % (kind.__name__, mode.value))
        self.ends(told)

    def test_a_vector_that_records(self) -> None:
        wrappers = getattr(self.gym.wrappers, "vector", self.gym.wrappers)
        envs = self.gym.vector.SyncVectorEnv([self.make] * 3)
        self.ends(self.vector(wrappers.RecordEpisodeStatistics(envs)))


class PettingZoo(HookTest):
    def make(self) -> Any:
        library("pettingzoo")
        utils = library("pettingzoo.utils")
        gym = library("gymnasium")

        class Game(utils.AECEnv):
            """Two by turns; each turn pays the other; over after twelve turns."""

            metadata = {"name": "game", "is_parallelizable": True}
            possible_agents = ["first", "second"]
            render_mode = None

            def observation_space(self, agent: Any) -> Any:
                return gym.spaces.Discrete(2)

            action_space = observation_space

            def observe(self, agent: Any) -> int:
                return 0

            def reset(self, seed: Any = None, options: Any = None) -> None:
                self.agents = list(self.possible_agents)
                for name in ("rewards", "_cumulative_rewards"):
                    setattr(self, name, dict.fromkeys(self.agents, 0))
                self.terminations = dict.fromkeys(self.agents, False)
                self.truncations = dict.fromkeys(self.agents, False)
                self.infos = {agent: {} for agent in self.agents}
                self.agent_selection, self.turns = "first", 0

            def step(self, action: Any) -> None:
                agent = self.agent_selection
                if self.terminations[agent] or self.truncations[agent]:
                    return self._was_dead_step(action)
                self._cumulative_rewards[agent] = 0
                self._clear_rewards()
                self.turns += 1
                other = "second" if agent == "first" else "first"
                if agent == "second":
                    self.rewards = {"first": self.turns, "second": -self.turns}
                self.terminations = dict.fromkeys(self.agents, self.turns >= 12)
                self._accumulate_rewards()
                self.agent_selection = other

        return utils.wrappers.OrderEnforcingWrapper(Game())

    def test_by_turns_and_in_parallel(self) -> None:
        expected = {"first": (42, 6), "second": (-42, 6)}
        env = self.make()
        self.hooked.hook_env(env, "env_0")
        env.reset(seed=1)
        for _ in env.agent_iter():
            _, _, terminated, truncated, _ = env.last()
            env.step(None if terminated or truncated else env.action_space(env.agent_selection).sample())
        self.hooked.unhook_all()
        parallel = library("pettingzoo.utils").aec_to_parallel(self.make())
        self.hooked.hook_env(parallel, "env_1", "p")
        parallel.reset(seed=1)
        while parallel.agents:
            parallel.step({agent: 0 for agent in parallel.agents})
        events = self.sent(4, "episode_end")
        got = {e["agent_id"]: (e["reward"], e["steps"]) for e in events}
        both = {**expected, **{"p." + name: account for name, account in expected.items()}}
        self.assertEqual(got, both)


class StableBaselines3(HookTest):
    def test_each_algorithm_s_episodes_are_the_monitor_s(self) -> None:
        sb3 = library("stable_baselines3")
        gym = library("gymnasium")
        from ppo_bridge.stable_baselines3 import BridgeCallback
        from stable_baselines3.common.monitor import Monitor
        from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

        count = 0
        for algorithm, name, options in (
            ("PPO", "CartPole-v1", {"n_steps": 64}),
            ("DQN", "CartPole-v1", {"learning_starts": 50}),
            ("SAC", "Pendulum-v1", {"learning_starts": 50}),
        ):
            with self.subTest(algorithm):
                monitor = Monitor(gym.make(name, max_episode_steps=60))
                env = VecNormalize(DummyVecEnv([lambda: monitor]))
                model = getattr(sb3, algorithm)("MlpPolicy", env, **options)
                model.learn(400, callback=BridgeCallback(self.hooked.publisher))
                told = list(zip(monitor.get_episode_rewards(), monitor.get_episode_lengths()))
                events = self.sent(count + len(told), "episode_end")[count:]
                got = [(e["reward"], e["steps"]) for e in events]
                self.assertEqual(got, [(round(reward, 6), length) for reward, length in told])
                count += len(told)
        tags = {event["data"]["tag"] for event in self.bridge.events("scalar", self.source)}
        self.assertLessEqual({"rollout/ep_rew_mean", "train/actor_loss", "train/value_loss"}, tags)


class CleanRL(HookTest):
    def played(self, name: str, *arguments: str) -> list:
        """The events of one of its scripts with one import changed, whose episodes are those that it
        prints."""
        for each in ("torch", "gymnasium", "tyro"):
            library(each)
        folder = os.environ.get("CLEANRL")
        if not folder:
            raise unittest.SkipTest("CLEANRL is not set to a folder of the repository")
        text = (Path(folder) / "cleanrl" / name).read_text()
        ours = text.replace("from torch.utils.tensorboard import", "from ppo_bridge.tensorboard import")
        self.assertNotEqual(text, ours)
        with tempfile.TemporaryDirectory() as place:
            script = Path(place) / name
            script.write_text(ours)
            environment = {
                **os.environ,
                "PPO_EVENTS_ADDRESS": self.bridge.events_in,
                "PPO_CONTROL_ADDRESS": self.bridge.control,
                "PYTHONPATH": os.pathsep.join([*sys.path, folder]),
            }
            command = [sys.executable, str(script), *arguments]
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=300, env=environment, cwd=place
            )
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])
        said = re.findall(r"global_step=(\d+), episodic_return=\[?([-\d.]+)", done.stdout)
        (source,) = {
            e["source"]
            for e in self.bridge.events("run_started")
            if e["data"]["config"]["program"]["argv"][0].endswith(name)
        }
        events = self.bridge.events(source=source)
        ends = [e["data"] for e in events if e["type"] == "episode_end"]
        # With Gymnasium 1.0 and later some of its scripts are told of no episodes.
        told = [(int(step), float(reward)) for step, reward in said]
        self.assertEqual([(e["global_step"], round(e["reward"], 4)) for e in ends], told)
        self.assertEqual(events[-1]["data"].get("state"), "finished")
        return events

    def tags(self, events: list) -> set:
        return {e["data"]["tag"] for e in events if e["type"] == "scalar"}

    def test_ppo(self) -> None:
        events = self.played("ppo.py", "--total-timesteps", "4000")
        self.assertLessEqual({"losses/policy_loss", "charts/SPS"}, self.tags(events))
        updates = [e["data"] for e in events if e["type"] == "training_update"]
        self.assertLessEqual({"policy_loss", "value_loss", "approx_kl", "steps"}, set(updates[-1]))

    def test_dqn(self) -> None:
        small = ("--total-timesteps", "1500", "--learning-starts", "100")
        self.assertIn("losses/td_loss", self.tags(self.played("dqn.py", *small)))

    def test_sac(self) -> None:
        small = ("--total-timesteps", "600", "--learning-starts", "100", "--env-id", "Pendulum-v1")
        tags = self.tags(self.played("sac_continuous_action.py", *small))
        self.assertLessEqual({"losses/qf1_loss", "losses/actor_loss", "losses/alpha"}, tags)


if __name__ == "__main__":
    unittest.main()
