"""The callback for Stable-Baselines3, over stand-ins of its shapes: what is published is what the
model computed, and what is set is what the model reads."""

from __future__ import annotations

import importlib.util
import os
import stat
import sys
import tempfile
import threading
import unittest
from typing import Any, Callable
from unittest import mock

import sb3_standins as sb3
from sb3_standins import vec
from support import BridgeTest, wait_until


class Sb3Test(BridgeTest):
    def setUp(self) -> None:
        patch = mock.patch.dict(sys.modules, sb3.MODULES)
        patch.start()
        self.addCleanup(patch.stop)
        self.source = self.id().split(".")[-1][-60:]
        self.to = self.publisher(self.source, system_metrics_s=0)

    def callback(self, **options: Any) -> Any:
        from ppo_bridge.stable_baselines3 import BridgeCallback

        return BridgeCallback(self.to, **options)

    def events(self, type: str | None = None) -> list:
        """The data of all that was published."""
        self.to.flush(20)
        self.bridge.wait_events(self.to.stats().published, None, self.source)
        return [event["data"] for event in self.bridge.events(type, self.source)]

    def scalars(self, tag: str) -> list:
        return [(s["step"], s["value"]) for s in self.events("scalar") if s["tag"] == tag]


class Rewards(Sb3Test):
    def under_vecnormalize(self, monitor: bool) -> None:
        env = sb3.VecNormalize(vec([39, 12], monitor=monitor))
        sb3.PPO("MlpPolicy", env).learn(56, self.callback())
        found = [(e["reward"], e["steps"], e["length"]) for e in self.events("episode_end")]
        self.assertEqual(found, [(39.0, 39, 39), (12.0, 12, 12)])
        self.assertEqual([e["global_step"] for e in self.events("episode_end")], [39, 51])

    def test_under_vecnormalize_rewards_are_those_of_the_monitor(self) -> None:
        self.under_vecnormalize(True)

    def test_under_vecnormalize_without_a_monitor_they_are_the_environment_s(self) -> None:
        self.under_vecnormalize(False)

    def test_a_mean_of_episodes_is_no_episode(self) -> None:
        sb3.PPO("MlpPolicy", vec([6])).learn(12, self.callback())
        self.assertEqual([e["reward"] for e in self.events("episode_end")], [6.0, 6.0])
        self.assertEqual(self.scalars("rollout/ep_rew_mean"), [(4, 123.0), (8, 123.0), (12, 123.0)])

    def test_each_environment_is_an_agent_of_its_own(self) -> None:
        sb3.PPO("MlpPolicy", vec([4], [6], [12])).learn(36, self.callback())
        found = [(e["agent_id"], e["reward"], e["global_step"]) for e in self.events("episode_end")]
        expected = [("agent_0", 4.0, 12), ("agent_1", 6.0, 18), ("agent_0", 4.0, 24)]
        expected += [("agent_0", 4.0, 36), ("agent_1", 6.0, 36), ("agent_2", 12.0, 36)]
        self.assertEqual(found, expected)
        wait_until(lambda: len(self.bridge.source(self.source).get("agents", ())) == 3)

    def test_decisions_and_portfolios(self) -> None:
        env = vec([4], info={"cash": 5, "total_value": 9})
        sb3.PPO("MlpPolicy", env).learn(4, self.callback(decision=lambda a, n: {"type": "buy", "price": a}))
        self.assertEqual(len(self.events("agent_decision")), 4)
        self.assertEqual([p["gp"] for p in self.events("portfolio_update")], [5])
        self.assertEqual(self.events("episode_end")[0]["final_value"], 9)


class Logged(Sb3Test):
    def test_everything_that_is_logged_keeps_its_tag_and_known_fields_are_an_update(self) -> None:
        sb3.PPO("MlpPolicy", vec([100])).learn(12, self.callback())
        self.assertEqual(self.scalars("train/value_loss"), [(8, 1.5), (12, 2.5), (12, 3.5)])
        self.assertEqual(self.scalars("train/n_updates"), [(8, 1), (12, 2), (12, 3)])
        self.assertEqual(self.scalars("time/fps"), [(4, 1000), (8, 1000), (12, 1000)])
        updates = self.events("training_update")
        self.assertEqual([u.get("value_loss") for u in updates], [None, 1.5, 2.5, 3.5])
        self.assertEqual([u["update"] for u in updates], [1, 2, 3, 4])
        self.assertEqual(updates[1]["learning_rate"], 3e-4)

    def test_several_learns_with_one_logger_log_once_and_numbers_go_on(self) -> None:
        model, callback = sb3.PPO("MlpPolicy", vec([4])), self.callback()
        logger = sb3.Logger("/tmp/somewhere/PPO_3", [])
        model.set_logger(logger)
        for _ in range(3):
            model.learn(4, callback, reset_num_timesteps=False)
            self.assertEqual(logger.output_formats, [])
        self.assertEqual([s for s, _ in self.scalars("time/fps")], [4, 8, 12])
        recorded = [n for _, n in self.scalars("train/n_updates")]
        self.assertEqual(recorded, sorted(set(recorded)))  # each once
        self.assertEqual([e["episode"] for e in self.events("episode_end")], [1, 2, 3])
        self.assertEqual([e["global_step"] for e in self.events("episode_end")], [4, 8, 12])
        updates = [u["update"] for u in self.events("training_update")]
        self.assertEqual(updates, list(range(1, len(updates) + 1)))
        self.assertEqual([r["name"] for r in self.events("run_started")], ["PPO_3"] * 3)
        self.assertEqual([r["state"] for r in self.events("run_ended")], ["finished"] * 3)

    def test_texts_arrays_and_hyperparameters_of_the_logger(self) -> None:
        import numpy

        model, callback = sb3.PPO("MlpPolicy", vec([100])), self.callback()
        seen: list = []

        def record() -> None:
            model.logger.record("note", "hello")
            model.logger.record("weights", numpy.arange(101.0))
            model.logger.record("flag", True)
            model.logger.record("success", numpy.bool_(True))
            model.logger.record("picture", object())
            seen.append(1)

        with mock.patch.object(model, "_on_step", record):
            model.learn(4, callback)
        self.assertEqual((self.events("text")[0]["text"], self.scalars("flag")), ("hello", [(4, 1)]))
        self.assertEqual(self.scalars("success"), [(4, 1)])
        histogram = self.events("histogram")[0]
        self.assertEqual((histogram["count"], histogram["p50"], histogram["p95"]), (101, 50, 95))

    def test_nothing_is_written_that_nobody_asked_for(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, stat.S_IRUSR | stat.S_IXUSR)
            before = os.getcwd()
            os.chdir(folder)
            written: list = []
            torch = sb3.module("torch.utils.tensorboard", SummaryWriter=lambda *a, **k: written.append(a))
            names = {"torch": sb3.module("torch"), "torch.utils": sb3.module("torch.utils")}
            try:
                with mock.patch.dict(sys.modules, {**names, "torch.utils.tensorboard": torch}):
                    sb3.PPO("MlpPolicy", vec([4])).learn(4, self.callback())
            finally:
                os.chdir(before)
                os.chmod(folder, stat.S_IRWXU)
            self.assertEqual((written, os.listdir(folder)), ([], []))


class Runs(Sb3Test):
    def test_a_learn_is_a_run_with_a_name_the_parameters_and_an_end(self) -> None:
        model = sb3.SAC("MlpPolicy", vec([100]), learning_rate=lambda left: 1e-3 * left)
        model.learn(4, self.callback())
        started = self.events("run_started")[0]
        self.assertEqual(started["name"], "SAC")
        config = started["config"]
        expected = {"algorithm": "SAC", "gamma": 0.99, "ent_coef": "auto", "env": "Fixed-v1", "n_envs": 1}
        expected.update(total_timesteps=4, policy="MlpPolicy", tau=0.005)
        self.assertEqual({key: config[key] for key in expected}, expected)
        self.assertEqual(config["learning_rate"], {"start": 1e-3, "end": 0.0})
        self.assertEqual(self.events("run_ended"), [{"state": "finished"}])

        class Mine(sb3.SAC):
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)

        model = Mine("MlpPolicy", vec([100]))
        model.tensorboard_log = "/tmp/tb"
        model.learn(4, self.callback(), tb_log_name="mine")
        mine = self.events("run_started")[1]
        self.assertEqual((mine["name"], mine["config"]["tau"]), ("mine_1", 0.005))

    def test_a_run_of_the_script_s_own_keeps_its_name(self) -> None:
        self.to.start_run("my run", {"seed": 1})
        sb3.PPO("MlpPolicy", vec([4])).learn(4, self.callback())
        self.assertEqual([r["name"] for r in self.events("run_started")], ["my run"])
        self.assertEqual(self.events("run_config")[0]["config"]["algorithm"], "PPO")
        self.assertEqual(self.events("run_ended"), [])

    def test_a_learn_that_raises_and_is_caught_ends_as_interrupted(self) -> None:
        env = vec([100])
        env.envs[0].env.fails_at = 3
        model, callback = sb3.PPO("MlpPolicy", env), self.callback()
        model.set_logger(sb3.Logger(None, []))
        self.assertRaisesRegex(RuntimeError, "the game crashed", model.learn, 8, callback)
        self.assertEqual(self.events("run_ended"), [])
        model.learn(4, callback)
        self.assertEqual([r["state"] for r in self.events("run_ended")], ["interrupted", "finished"])
        self.assertEqual(len(self.scalars("time/fps")), 1)
        env.envs[0].env.fails_at = env.envs[0].env.steps + 3
        self.assertRaisesRegex(RuntimeError, "the game crashed", model.learn, 8, callback)
        self.to.close()
        ended = self.bridge.wait_events(3, "run_ended", self.source)[2]["data"]
        self.assertEqual(ended, {"state": "interrupted", "error": "learn() did not come to its end"})

    def test_an_episode_that_a_new_learn_cuts_off_is_none_of_the_next(self) -> None:
        model, callback = sb3.PPO("MlpPolicy", vec([6], monitor=False)), self.callback()
        model.learn(4, callback)
        model.learn(8, callback)
        model.learn(4, callback, reset_num_timesteps=False)
        found = [(e["length"], e["reward"], e["ended"], e["kind"]) for e in self.events("episode_end")]
        whole = (6, 6.0, "terminated", "train")
        self.assertEqual(found, [(4, 4.0, "reset", "train"), whole, whole])


class Steered(Sb3Test):
    def steer(self, model: Any, callback: Any, operate: Callable[[Callable], None]) -> None:
        """Runs learn() while `operate` is given a way to ask."""
        failed: list = []

        def ask(command: str, **params: Any) -> Any:
            reply = self.bridge.ask(command, self.source, **params)
            return reply["result"] if reply.get("success") else reply["data"]["message"]

        def operator() -> None:
            try:
                wait_until(lambda: "checkpoint" in self.bridge.commands_of(self.source))
                operate(ask)
            except BaseException as error:
                failed.append(error)
            finally:
                self.bridge.ask("stop", self.source)

        thread = threading.Thread(target=operator)
        thread.start()
        model.learn(1 << 40, callback)
        thread.join()
        if failed:
            raise failed[0]

    def reload(self, model: Any, path: str | None = None) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "model.zip")
            model.save(path)
            return type(model).load(path, vec([4]))

    def check(self, model: Any, values: dict) -> None:
        """Each is set, is what the model then reads, and is so again after saving and loading."""

        def operate(ask: Callable) -> None:
            for name, value in values.items():
                self.assertEqual(ask("set_hyperparameter", name=name, value=value)[name], value)
                wait_until(lambda: abs(model.read.get(name, 1e9) - value) < 1e-6, name)
            got = ask("get_hyperparameters")
            for name, value in values.items():
                self.assertAlmostEqual(got[name], value, 6)

        self.steer(model, self.callback(), operate)
        loaded = self.reload(model)
        loaded.read.clear()
        loaded.learn(8, self.callback())
        for name, value in values.items():
            self.assertAlmostEqual(loaded.read[name], value, 6, name)

    def test_ppo(self) -> None:
        model = sb3.PPO("MlpPolicy", vec([100]), learning_rate=lambda left: 1e-3 * left)
        model.learning_rate = sb3.LinearSchedule(1e-3, 0.0, 1.0)  # that pickle can save
        model._setup_lr_schedule()
        values = dict(learning_rate=0.25, clip_range=0.125, ent_coef=0.5, vf_coef=0.75, gamma=0.5)
        self.check(model, {**values, "gae_lambda": 0.25, "n_epochs": 3, "max_grad_norm": 2.0})
        self.assertEqual(model.policy.optimizer.param_groups[0]["lr"], 0.25)

    def test_a2c(self) -> None:
        self.check(sb3.A2C("MlpPolicy", vec([100])), dict(learning_rate=0.25, ent_coef=0.5, gamma=0.5))

    def test_dqn(self) -> None:
        values = dict(learning_rate=0.25, gamma=0.5, tau=0.25, exploration_rate=0.375)
        self.check(sb3.DQN("MlpPolicy", vec([100])), {**values, "target_update_interval": 7, "batch_size": 16})

    def test_sac_with_a_fixed_coefficient(self) -> None:
        model = sb3.SAC("MlpPolicy", vec([100]), ent_coef=0.1)
        self.check(model, dict(ent_coef=0.5, learning_rate=0.25, gamma=0.5, tau=0.25))
        rates = [each.optimizer.param_groups[0]["lr"] for each in (model.actor, model.critic)]
        self.assertEqual(rates, [0.25, 0.25])

    def test_sac_with_a_learned_coefficient_says_no_and_stays_loadable(self) -> None:
        model = sb3.SAC("MlpPolicy", vec([100]))

        def operate(ask: Callable) -> None:
            for name in ("entropy_coefficient", "ent_coef"):
                message = ask("set_hyperparameter", name=name, value=0.5)
                self.assertIn("the model learns it", message)
                self.assertIn("must be one of learning_rate, gamma", message)
            self.assertEqual(ask("get_hyperparameters")["ent_coef"], 1.0)
            ask("set_hyperparameter", name="target_entropy", value=-3)
            wait_until(lambda: model.read.get("target_entropy") == -3)

        self.steer(model, self.callback(), operate)
        self.assertEqual(model.ent_coef, "auto")
        loaded = self.reload(model)
        self.assertEqual((loaded.log_ent_coef.item(), loaded.target_entropy), (0.0, -3.0))

    def test_what_an_algorithm_does_not_read_is_rejected(self) -> None:
        def operate(ask: Callable) -> None:
            for name in ("clip_range", "exploration_rate", "tau", "n_steps", "__class__", "policy"):
                message = ask("set_hyperparameter", name=name, value=0.5)
                self.assertIn("must be one of learning_rate, gamma, gae_lambda", message)
            for name, value in (("learning_rate", 2), ("gamma", 1.5), ("gamma", "x"), ("ent_coef", -1)):
                message = ask("set_hyperparameter", name=name, value=value)
                self.assertIn("%s is %r; must be " % (name, value), message)

        model = sb3.A2C("MlpPolicy", vec([100]))
        before = {k: v for k, v in vars(model).items() if not k.startswith("_")}
        self.steer(model, self.callback(), operate)
        for name in ("gamma", "ent_coef", "learning_rate", "n_steps"):
            self.assertEqual(getattr(model, name), before[name])

    def test_an_algorithm_that_is_not_known_has_what_its_family_has(self) -> None:
        class Mine(sb3.A2C):
            pass

        class Other(sb3.OnPolicyAlgorithm):
            defaults = sb3.A2C.defaults

        from ppo_bridge import Steering
        from ppo_bridge._sb3_parameters import declare

        for model, names in (
            (Mine("MlpPolicy", vec([4])), "learning_rate gamma gae_lambda max_grad_norm ent_coef vf_coef"),
            (Other("MlpPolicy", vec([4])), "learning_rate gamma gae_lambda"),
        ):
            steering = Steering(self.to)
            declare(steering, model)
            self.assertEqual([told["name"] for told in steering.describe()], names.split())

    def test_a_checkpoint_is_saved_where_it_says_and_a_full_disk_stops_nothing(self) -> None:
        env = sb3.VecNormalize(vec([100]))
        with tempfile.TemporaryDirectory() as folder:
            callback = self.callback(checkpoint_dir=folder)

            def operate(ask: Callable) -> None:
                saved = ask("checkpoint")
                self.assertTrue(sb3.PPO.load(saved["path"], vec([4])).num_timesteps == saved["step"])
                self.assertTrue(os.path.exists(saved["vecnormalize"]))
                callback._checkpoint_dir = os.path.join(saved["path"], "no folder")
                self.assertIn("Error", ask("checkpoint"))
                ask("pause")
                wait_until(lambda: self.bridge.source(self.source).get("activity") == "paused")
                ask("resume")

            self.steer(sb3.PPO("MlpPolicy", env), callback, operate)
        self.assertEqual(self.events("run_ended"), [{"state": "finished"}])


REAL = importlib.util.find_spec("stable_baselines3") is not None


@unittest.skipUnless(REAL, "stable_baselines3 is not on PYTHONPATH")
class Real(Sb3Test):
    """The library itself, where it is; setUp() puts no stand-ins in its place."""

    def setUp(self) -> None:
        self.source = self.id().split(".")[-1][-60:]
        self.to = self.publisher(self.source, system_metrics_s=0)

    def test_ppo_under_vecnormalize(self) -> None:
        import stable_baselines3
        from stable_baselines3.common.callbacks import BaseCallback
        from stable_baselines3.common.env_util import make_vec_env
        from stable_baselines3.common.vec_env import VecNormalize

        told: list = []

        class Told(BaseCallback):
            def _on_step(self) -> bool:
                told.extend(info["episode"] for info in self.locals["infos"] if "episode" in info)
                return True

        model = stable_baselines3.PPO("MlpPolicy", VecNormalize(make_vec_env("CartPole-v1", 2)), n_steps=64)
        callback = self.callback()
        model.learn(512, [callback, Told()])
        found = [(e["reward"], e["length"]) for e in self.events("episode_end")]
        self.assertEqual(found, [(each["r"], each["l"]) for each in told])
        self.assertEqual(callback.steering.set_hyperparameter({"name": "gamma", "value": 0.5})["gamma"], 0.5)
        callback.steering.set_hyperparameter({"name": "learning_rate", "value": 0.25})
        with tempfile.TemporaryDirectory() as folder:
            model.save(folder + "/m")
            loaded = stable_baselines3.PPO.load(folder + "/m")
        self.assertEqual((loaded.lr_schedule(0.5), loaded.rollout_buffer.gamma), (0.25, 0.5))

    def test_sac_with_a_learned_coefficient(self) -> None:
        import stable_baselines3
        from ppo_bridge import CommandRejected

        model, callback = stable_baselines3.SAC("MlpPolicy", "Pendulum-v1", learning_starts=50), self.callback()
        model.learn(120, callback)
        for name in ("entropy_coefficient", "ent_coef"):
            with self.assertRaisesRegex(CommandRejected, "the model learns it"):
                callback.steering.set_hyperparameter({"name": name, "value": 0.5})
        with tempfile.TemporaryDirectory() as folder:
            model.save(folder + "/m")
            self.assertIsNotNone(stable_baselines3.SAC.load(folder + "/m").log_ent_coef)


if __name__ == "__main__":
    unittest.main()
