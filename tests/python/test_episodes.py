"""Rewards and episodes as hooks publish them, of every shape of environment: what was published is what
the stand-in has in its own account."""

from __future__ import annotations

import logging
import math
import unittest
import warnings
from typing import Any

import numpy
import stand_ins
from hook_case import HookTest
from stand_ins import AutoresetMode, Env, RecordEpisodeStatistics, SyncVectorEnv


class Scripted:
    """Gives these results, one a step."""

    def __init__(self, *results: Any) -> None:
        self.results = list(results)

    def reset(self, **kwargs: Any) -> Any:
        return None, {}

    def step(self, action: Any) -> Any:
        return self.results.pop(0)


class EpisodeTest(HookTest):
    def episodes(self, count: int) -> list:
        return self.sent(count, "episode_end")

    def played(self, env: Any, steps: int, **named: Any) -> Any:
        """A loop over one environment."""
        self.hooked.hook_env(env, "env_0", **named)
        env.reset()
        for _ in range(steps):
            _, _, terminated, truncated, _ = env.step(0)
            if terminated or truncated:
                env.reset()
        return env

    def played_many(self, envs: Any, steps: int) -> None:
        self.hooked.hook_env(envs, "env_0")
        envs.reset()
        for _ in range(steps):
            envs.step(numpy.zeros(envs.num_envs, int))

    def assert_accounts(self, accounts: dict) -> list:
        """Each agent's episodes are those of its account, in order."""
        events = self.episodes(sum(map(len, accounts.values())))
        for agent, account in accounts.items():
            own = [event for event in events if event["agent_id"] == agent]
            self.assertEqual([(e["reward"], e["steps"]) for e in own], account, agent)
            self.assertEqual([e["episode"] for e in own], list(range(1, len(own) + 1)))
            for event in own:
                self.assertEqual(event["length"], event["steps"])
        return events


class OneEnvironment(EpisodeTest):
    def test_reward_length_and_global_step_are_the_environments(self) -> None:
        env = self.played(Env(), 20, kind="eval")
        events = self.assert_accounts({"env_0": env.account})
        self.assertEqual([e["global_step"] for e in events], [3, 8, 10, 13, 18, 20])
        told = {(e["kind"], e["reward_from"], e["ended"]) for e in events}
        self.assertEqual(told, {("eval", "steps", "terminated")})
        # Nothing said what it had: an environment without money has no curve of it.
        self.assertFalse({"profit", "final_value"} & set().union(*events))

    def test_how_it_ended_is_said(self) -> None:
        env = self.played(Env(truncates=True), 3)
        self.hooked.unhook_all()
        env = Env()
        self.hooked.hook_env(env, "env_1")
        env.reset()
        env.step(0)
        env.reset()
        old = Scripted((0, 1.0, True, {}), (0, 1.0, True, {"TimeLimit.truncated": True}))
        self.hooked.hook_env(old, "env_2")
        old.step(0)
        old.step(0)
        ended = [(e["agent_id"], e["ended"]) for e in self.episodes(4)]
        expected = [("env_0", "truncated"), ("env_1", "reset"), ("env_2", "done")]
        self.assertEqual(ended, [*expected, ("env_2", "truncated")])

    def test_a_reward_that_is_not_finite_makes_its_episode_s_null_and_no_other(self) -> None:
        nan, inf = math.nan, math.inf
        rows = ((nan, 1.0), (1.0, -inf), (inf, -inf), (numpy.float32(nan), 2), (None, 1.0))
        rows = (*rows, (10**400, 1), (1.0, 1.0))
        results = [(0, r, n == 1, False, {}) for row in rows for n, r in enumerate(row)]
        env = Scripted(*results)
        self.hooked.hook_env(env, "env_0")
        for _ in results:
            env.step(0)
        events = self.episodes(len(rows))
        self.assertEqual([e["reward"] for e in events], [None] * 6 + [2.0])
        self.assertEqual([e.get("not_finite") for e in events], [1, 1, 2, 1, 1, 1, None])
        self.assertEqual(self.hooked.stats.not_finite, 7)

    def test_a_reward_that_is_a_flag_counts_as_it_does_in_a_sum(self) -> None:
        rewards = (True, numpy.bool_(True), False, 0.5)
        env = Scripted(*((0, r, n == 3, False, {}) for n, r in enumerate(rewards)))
        self.hooked.hook_env(env, "env_0")
        for _ in rewards:
            env.step(0)
        (event,) = self.episodes(1)
        self.assertEqual(event["reward"], sum(rewards))

    def test_statistics_of_the_environment_s_own_are_preferred_to_normalised_rewards(self) -> None:
        env = stand_ins.NormalizeReward(RecordEpisodeStatistics(Env()))
        self.played(env, 20)
        events = self.assert_accounts({"env_0": env.unwrapped.account})
        self.assertEqual({e["reward_from"] for e in events}, {"info"})

    def test_normalised_rewards_without_statistics_are_called_so(self) -> None:
        env = self.played(stand_ins.NormalizeReward(Env()), 3)
        (event,) = self.episodes(1)
        self.assertEqual(event["reward_from"], "normalized")
        self.assertAlmostEqual(event["reward"], env.unwrapped.account[0][0] / 7)

    def test_statistics_of_normalised_rewards_are_called_so_too(self) -> None:
        env = self.played(RecordEpisodeStatistics(stand_ins.NormalizeReward(Env())), 3)
        (event,) = self.episodes(1)
        self.assertEqual((event["reward_from"], event["steps"]), ("normalized", 3))
        self.assertAlmostEqual(event["reward"], env.unwrapped.account[0][0] / 7)

    def test_a_lost_life_is_no_end(self) -> None:
        env = stand_ins.EpisodicLifeEnv(RecordEpisodeStatistics(Env()))
        self.played(env, 20)
        self.assert_accounts({"env_0": env.unwrapped.account})

    def test_a_time_limit_around_the_statistics_is_an_end(self) -> None:
        class TimeLimit(stand_ins.Wrapper):
            def step(self, action):
                observation, reward, terminated, _, info = super().step(action)
                return observation, reward, terminated, True, info

        self.played(TimeLimit(RecordEpisodeStatistics(Env())), 7)
        ended = [(e["ended"], e["steps"], e["reward_from"]) for e in self.episodes(7)]
        self.assertEqual(ended, [("truncated", 1, "steps")] * 7)

    def test_an_environment_that_raises_at_every_look_is_left_alone(self) -> None:
        class Evil:
            def __getattr__(self, name):
                raise RuntimeError(name)

            @property
            def metadata(self):
                raise RuntimeError("metadata")

            def __bool__(self):
                raise RuntimeError("bool")

            def step(self, action):
                return 0, 1.0, True, {}

        self.assertFalse(self.hooked.hook_agent(Evil(), "agent_0"))
        env = Evil()
        self.assertTrue(self.hooked.hook_env(env, "env_0"))
        self.assertEqual(env.step(0), (0, 1.0, True, {}))
        outer = stand_ins.Wrapper(env)
        self.assertTrue(self.hooked.hook_env(outer, "env_1"))
        outer.step(0)
        self.assertEqual(len(self.episodes(3)), 3)

    def test_statistics_of_another_form_do_no_harm(self) -> None:
        for told in (None, 5, {}, {"r": "much", "l": 1}, {"r": [1, 2]}, {"l": 3}):
            env = Scripted((0, 1.0, True, False, {"episode": told}))
            self.hooked.hook_env(env, "env_0")
            env.step(0)
        long = Scripted((0, 1.0, True, False, {"episode": {"r": 2.5, "l": -1}}))
        self.hooked.hook_env(long, "env_0")
        long.step(0)
        events = self.episodes(7)
        self.assertEqual([(e["reward"], e["steps"]) for e in events], [(1.0, 1)] * 6 + [(2.5, 1)])


class Several(EpisodeTest):
    def envs(self, **named: Any) -> list:
        return [Env(seed=n, ends=((3, 5), (4,), (2, 6, 3))[n], **named) for n in range(3)]

    def accounts(self, envs: list) -> dict:
        return {"env_0.%d" % n: env.unwrapped.account for n, env in enumerate(envs)}

    def test_each_of_gymnasium_s_vector_has_its_episodes_in_every_mode(self) -> None:
        for mode in (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP, None):
            with self.subTest(mode):
                self.hooked.unhook_all()
                before = len(self.bridge.events("episode_end", self.source))
                envs = self.envs(truncates=mode is None)
                self.played_many(SyncVectorEnv(envs, mode), 40)
                count = sum(len(env.account) for env in envs)
                events = self.episodes(before + count)[before:]
                for n, env in enumerate(envs):
                    own = [e for e in events if e["agent_id"] == "env_0.%d" % n]
                    self.assertEqual([(e["reward"], e["steps"]) for e in own], env.account)
                    self.assertLessEqual(own[-1]["global_step"], 40 * 3)

    def test_a_mode_that_resets_by_mask_ends_none_of_the_others(self) -> None:
        envs = self.envs()
        vector = SyncVectorEnv(envs, AutoresetMode.DISABLED)
        self.hooked.hook_env(vector, "env_0")
        vector.reset()
        for _ in range(20):
            _, _, ended, _, _ = vector.step(numpy.zeros(3, int))
            if ended.any():
                vector.reset(options={"reset_mask": ended})
        self.assert_accounts(self.accounts(envs))

    def test_their_own_statistics_are_read_inside_and_outside(self) -> None:
        for mode in (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP, None):
            with self.subTest(mode):
                self.hooked.unhook_all()
                before = len(self.bridge.events("episode_end", self.source))
                envs = [stand_ins.NormalizeReward(RecordEpisodeStatistics(e)) for e in self.envs()]
                self.played_many(SyncVectorEnv(envs, mode), 30)
                events = self.episodes(before + sum(len(e.unwrapped.account) for e in envs))[before:]
                for n, env in enumerate(envs):
                    own = [e for e in events if e["agent_id"] == "env_0.%d" % n]
                    self.assertEqual([(e["reward"], e["steps"]) for e in own], env.unwrapped.account)
                    self.assertEqual({e["reward_from"] for e in own}, {"info"})
        for mode in (AutoresetMode.NEXT_STEP, None):
            self.hooked.unhook_all()
            before = len(self.bridge.events("episode_end", self.source))
            envs = self.envs()
            vector = SyncVectorEnv(envs, mode)
            self.played_many(stand_ins.VectorRecordEpisodeStatistics(vector), 30)
            events = self.episodes(before + sum(len(env.account) for env in envs))[before:]
            self.assertEqual({e["reward_from"] for e in events}, {"info"})

    def test_stable_baselines3_s_are_seen_once_by_step_and_by_its_two_halves(self) -> None:
        for waits in (False, True):
            with self.subTest(waits):
                self.hooked.unhook_all()
                before = len(self.bridge.events("episode_end", self.source))
                envs = self.envs(truncates=True)
                vector = stand_ins.VecNormalize(stand_ins.DummyVecEnv(envs))
                self.hooked.hook_env(vector, "env_0")
                vector.reset()
                for _ in range(20):
                    if waits:
                        vector.step_async([0, 0, 0])
                        vector.step_wait()
                    else:
                        vector.step([0, 0, 0])
                events = self.episodes(before + sum(len(env.account) for env in envs))[before:]
                for n, env in enumerate(envs):
                    own = [e for e in events if e["agent_id"] == "env_0.%d" % n]
                    self.assertEqual([(e["reward"], e["steps"]) for e in own], env.account)
                    self.assertEqual({e["reward_from"] for e in own}, {"steps"})
                    self.assertEqual({e["ended"] for e in own}, {"truncated"})

    def test_a_monitor_around_vecnormalize_does_not_make_its_rewards_raw(self) -> None:
        envs = self.envs()
        self.played_many(stand_ins.VecMonitor(stand_ins.VecNormalize(stand_ins.DummyVecEnv(envs))), 20)
        accounts = {"env_0.%d" % n: env.account for n, env in enumerate(envs)}
        self.assertEqual({e["reward_from"] for e in self.assert_accounts(accounts)}, {"steps"})

    def test_portfolios_and_trades_of_several_are_each_one_s_own(self) -> None:
        trade = {"type": "buy", "item": "Coal", "price": 5, "quantity": 1}
        infos = {
            "cash": numpy.array([5, 0, 7]),
            "_cash": numpy.array([True, False, True]),
            "step_trades": numpy.array([None, None, [trade]], object),
            "_step_trades": numpy.array([False, False, True]),
        }
        three = numpy.zeros(3), numpy.zeros(3, bool), numpy.zeros(3, bool)
        rows = [{"cash": 1}, {"cash": 2, "step_trades": [trade]}]
        two = numpy.zeros(2), numpy.zeros(2, bool)
        self.hooked.hook_agent(types_agent(), "learner")
        one = Scripted((None, *three, infos))
        other = Scripted((None, *two, rows))
        self.hooked.hook_env(one, "env_0")
        self.hooked.hook_env(other, "env_1", "b")
        one.step(0)
        other.step(0)
        gp = [(d["agent_id"], d["gp"]) for d in self.sent(4, "portfolio_update")]
        expected = [("learner.0", 5), ("learner.2", 7), ("b.0", 1), ("b.1", 2)]
        self.assertEqual(gp, expected)
        trades = [d["agent_id"] for d in self.sent(2, "trade_executed")]
        self.assertEqual(trades, ["learner.2", "b.1"])

    def test_more_than_are_seen_one_by_one_are_said_and_do_no_harm(self) -> None:
        many = 1500
        env = Scripted((None, numpy.ones(many), numpy.ones(many, bool), numpy.zeros(many, bool), {}))
        self.hooked.hook_env(env, "env_0")
        logging.getLogger("ppo_bridge").setLevel(logging.NOTSET)
        with self.assertLogs("ppo_bridge") as logged:
            env.step(0)
        self.assertIn("the first 1024 of 1500 are seen", logged.output[0])
        self.episodes(1024)


class Named(EpisodeTest):
    ENDS = {"archer_0": 4, "knight_0": 7}

    def test_agents_of_a_parallel_environment_end_when_they_do(self) -> None:
        env = stand_ins.ParallelEnv(self.ENDS)
        self.hooked.hook_env(env, "env_0")
        for _ in range(2):
            env.reset()
            while env.agents:
                env.step(dict.fromkeys(env.agents, 0))
        events = self.assert_accounts(env.account)
        self.assertEqual(events[0]["global_step"], 8)

    def test_agents_by_turns_end_when_they_do(self) -> None:
        env = stand_ins.AECEnv(self.ENDS)
        self.hooked.hook_env(env, "env_0", "team")
        for _ in range(2):
            env.reset()
            for _ in env.agent_iter():
                _, _, terminated, truncated, _ = env.last()
                env.step(None if terminated or truncated else 0)
        self.assert_accounts({"team." + name: account for name, account in env.account.items()})

    def test_a_loop_that_breaks_off_loses_no_reward(self) -> None:
        env = stand_ins.AECEnv(self.ENDS)
        self.hooked.hook_env(env, "env_0")
        env.reset()
        for _ in env.agent_iter():
            _, _, terminated, _, _ = env.last()
            if terminated:
                break
            env.step(0)
        returns, steps = dict(env._returns), dict(env._steps)
        env.reset()
        events = self.episodes(2)
        self.assertEqual({e["agent_id"]: e["reward"] for e in events}, returns)
        self.assertEqual({e["agent_id"]: e["steps"] for e in events}, steps)

    def test_the_end_of_all_at_once_and_rewards_of_some(self) -> None:
        env = Scripted(
            ({}, {"a": 1.0, "b": 2.0}, {"__all__": False}, {"__all__": False}, {}),
            ({}, {"a": 1.0}, {"a": False, "__all__": False}, {"__all__": False}, {}),
            ({}, {"b": 2.5}, {"__all__": True}, {"__all__": False}, {}),
        )
        self.hooked.hook_env(env, "env_0")
        for _ in range(3):
            env.step({})
        got = {e["agent_id"]: (e["reward"], e["steps"], e["ended"]) for e in self.episodes(2)}
        self.assertEqual(got, {"a": (2.0, 2, "terminated"), "b": (4.5, 2, "terminated")})


class Said(EpisodeTest):
    def test_a_wrapper_that_warns_of_what_it_passes_on_has_no_reason_to(self) -> None:
        class Warning(stand_ins.Wrapper):
            def __getattr__(self, name):
                warnings.warn("%s is deprecated" % name)
                return getattr(self.env, name)

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            env = self.played(Warning(Env()), 3)
            self.hooked.unhook_all()
        self.assert_accounts({"env_0": env.unwrapped.account})

    def test_what_is_not_recognised_is_said_once_with_what_was_looked_for(self) -> None:
        class Agent:
            def sample_action(self):
                return numpy.zeros(2)

            def update(self):
                return "done"

        agent, env = Agent(), Scripted(*[(0, 1.0, True)] * 3)
        self.hooked.hook_agent(agent, "agent_0")
        self.hooked.hook_env(env, "env_0")
        logging.getLogger("ppo_bridge").setLevel(logging.NOTSET)
        with self.assertLogs("ppo_bridge") as logged:
            for _ in range(3):
                agent.sample_action()
                agent.update()
                env.step(0)
        mine = [line for line in logged.output if "looked for" in line]
        self.assertEqual(len(mine), 3)
        self.assertIn("agent_0: sample_action() gave a ndarray; looked for action_type", mine[0])
        self.assertIn("agent_0: update() gave a str; looked for losses by name", mine[1])
        self.assertIn("step() gave a tuple of 3 (int, float, bool); looked for (observation", mine[2])
        self.assertEqual(self.hooked.stats.unrecognised, 9)


def types_agent() -> Any:
    class Agent:
        def update(self):
            return 1.0

    return Agent()


if __name__ == "__main__":
    unittest.main()
