"""The adapters, with small stand-ins of the shape of what they adapt to."""

from __future__ import annotations

import sys
import threading
import types
import unittest
from typing import Any
from unittest import mock

import numpy
from ppo_bridge.tensorboard import SummaryWriter
from support import BridgeTest, run_python, wait_until


def module(name: str, **members: Any) -> types.ModuleType:
    made = types.ModuleType(name)
    vars(made).update(members)
    return made


class KVWriter:
    pass


class Logger:
    """As stable_baselines3.common.logger's: records, and dumps to its formats."""

    def __init__(self) -> None:
        self.name_to_value: dict = {}
        self.output_formats: list = []

    def dump(self, step: int) -> None:
        for each in self.output_formats:
            if isinstance(each, KVWriter):
                each.write(self.name_to_value, {}, step)
        self.name_to_value.clear()


class BaseCallback:
    """As stable_baselines3.common.callbacks'."""

    def __init__(self, verbose: int = 0) -> None:
        self.verbose, self.num_timesteps, self.locals = verbose, 0, {}

    @property
    def logger(self) -> Logger:
        return self.model.logger

    @property
    def training_env(self) -> Any:
        return self.model.env


class Wrapper:
    """As gymnasium's."""

    def __init__(self, env: Any) -> None:
        self.env = env


STANDINS = {
    "stable_baselines3": module("stable_baselines3"),
    "stable_baselines3.common": module("stable_baselines3.common"),
    "stable_baselines3.common.callbacks": module("callbacks", BaseCallback=BaseCallback),
    "stable_baselines3.common.logger": module("logger", KVWriter=KVWriter),
    "gymnasium": module("gymnasium", Wrapper=Wrapper),
}


class AdapterTest(BridgeTest):
    def setUp(self) -> None:
        patch = mock.patch.dict(sys.modules, STANDINS)
        patch.start()
        self.addCleanup(patch.stop)
        self.source = self.id().split(".")[-1][:60]
        self.to = self.publisher(self.source)

    def sent(self, count: int, type: str | None = None) -> list:
        self.to.flush(20)
        events = self.bridge.wait_events(count, type, self.source)
        self.assertEqual(len(events), count)
        return [(event["type"], event["data"]) for event in events]


class TensorBoard(AdapterTest):
    def test_a_script_of_cleanrl_s_streams(self) -> None:
        writer = SummaryWriter("runs/x", publisher=self.to)
        writer.add_text("hyperparameters", "|param|value|")
        writer.add_scalar("charts/episodic_return", numpy.float32(21.5), 128)
        writer.add_scalar("charts/episodic_length", 22, 128)
        writer.add_scalar("charts/episodic_return", 3.0, 128)
        writer.add_scalar("charts/learning_rate", 2.5e-4, 256)
        writer.add_scalar("losses/value_loss", numpy.float64(0.5), 256)
        writer.add_scalar("losses/policy_loss", float("nan"), 256)
        writer.add_scalar("losses/clipfrac", 0.25, 256)
        writer.add_scalar("charts/SPS", 1000, 256)
        writer.add_scalar("gradients/norm", 0.75, 256)
        writer.add_scalars("eval", {"a": 1}, 256)
        writer.add_histogram("weights", [1, 2, 3], 256)
        writer.add_scalar(None, object(), "never")
        writer.close()
        agent = {"agent_id": "agent_0"}
        self.assertEqual(
            self.sent(7),
            [
                ("text", {"tag": "hyperparameters", "text": "|param|value|", "step": None, **agent}),
                ("episode_end", {**agent, "episode": 1, "reward": 21.5, "steps": 22}),
                ("episode_end", {**agent, "episode": 2, "reward": 3.0}),
                ("scalar", {**agent, "tag": "gradients/norm", "value": 0.75, "step": 256}),
                ("scalar", {**agent, "tag": "eval/a", "value": 1, "step": 256}),
                (
                    "training_update",
                    {
                        **agent,
                        "update": 1,
                        "steps": 256,
                        "learning_rate": 2.5e-4,
                        "value_loss": 0.5,
                        "policy_loss": None,
                        "clip_fraction": 0.25,
                        "steps_per_second": 1000,
                    },
                ),
                ("scalar", {**agent, "tag": "None", "value": None, "step": None}),
            ],
        )

    def test_torch_s_own_writer_is_written_to_as_well(self) -> None:
        calls: list = []

        class TorchWriter:
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                calls.append((args, kwargs))

            def __getattr__(self, name: str) -> Any:
                return lambda *args: calls.append((name, *args))

        torch = {
            "torch": module("torch"),
            "torch.utils": module("torch.utils"),
            "torch.utils.tensorboard": module("tb", SummaryWriter=TorchWriter),
        }
        with mock.patch.dict(sys.modules, torch):
            writer = SummaryWriter("runs/x", publisher=self.to, flush_secs=5)
        writer.add_scalar("losses/entropy", 1.0, 5)
        writer.add_image("i", 3)
        writer.close()
        names = [call[0] for call in calls[1:]]
        self.assertEqual(calls[0], (("runs/x",), {"flush_secs": 5}))
        self.assertEqual(names, ["add_scalar", "add_image", "flush", "close"])
        self.sent(1, "training_update")


class Gymnasium(AdapterTest):
    def test_the_wrapper_gives_back_and_publishes(self) -> None:
        from ppo_bridge.gymnasium import BridgeWrapper

        class Env:
            def reset(self, seed: int | None = None) -> tuple:
                return numpy.zeros(2), {"seed": seed}

            def step(self, action: Any) -> tuple:
                return numpy.zeros(2), 1.0, action == 3, False, {"cash": action, "total_value": 9}

            def close(self) -> str:
                return "closed"

        env = BridgeWrapper(Env(), self.to, "env_0", "agent_0")
        self.assertEqual(env.reset(seed=7)[1], {"seed": 7})
        for action in (1, 1, 3):
            self.assertEqual(env.step(action)[4]["cash"], action)
        self.assertEqual(env.close(), "closed")
        sent = self.sent(3)
        self.assertEqual([type for type, _ in sent], ["portfolio_update"] * 2 + ["episode_end"])
        self.assertEqual(sent[2][1]["steps"], 3)


class StableBaselines3(AdapterTest):
    def test_the_callback_publishes_and_answers(self) -> None:
        from ppo_bridge.stable_baselines3 import BridgeCallback

        model = types.SimpleNamespace(
            logger=Logger(),
            env=types.SimpleNamespace(num_envs=2),
            lr_schedule=lambda progress: 3e-4 * progress,
            ent_coef=0.01,
            _current_progress_remaining=0.5,
        )
        callback = BridgeCallback(self.to, decision=lambda a, n: {"type": "buy", "price": a})
        callback.model = model
        callback._on_training_start()
        callback.num_timesteps = 2
        callback.locals = {
            "rewards": numpy.ones(2),
            "dones": numpy.array([False, True]),
            "infos": [{"cash": 5}, {"cash": 6}],
            "actions": numpy.array([3, 4]),
        }
        self.assertTrue(callback._on_step())
        model.logger.name_to_value.update({"train/value_loss": 0.5, "time/fps": 100, "name": "x"})
        model.logger.dump(2)
        model.logger.name_to_value["train/entropy_loss"] = -1.0
        got = self.sent(6)
        kinds = sorted((type, data.get("agent_id")) for type, data in got)
        self.assertEqual(
            kinds,
            sorted(
                [
                    ("portfolio_update", "agent_0"),
                    ("agent_decision", "agent_0"),
                    ("portfolio_update", "agent_1"),
                    ("episode_end", "agent_1"),
                    ("agent_decision", "agent_1"),
                    ("training_update", "agent_0"),
                ]
            ),
        )
        self.assertEqual(dict(got)["training_update"]["value_loss"], 0.5)
        self.command(callback, "agent_0")
        callback._on_training_end()
        self.assertEqual(self.sent(2, "training_update")[1][1]["entropy_loss"], -1.0)

    def command(self, callback: Any, agent: str) -> None:
        wait_until(lambda: self.bridge.commands_of(self.source))
        target = self.source + "/" + agent
        wait_until(lambda: agent in self.bridge.source(self.source)["agents"])

        def ask(command: str, **params: Any) -> dict:
            replies: list = []
            asking = threading.Thread(
                target=lambda: replies.append(self.bridge.ask(command, target, **params))
            )
            asking.start()
            while asking.is_alive():
                self.going_on = callback._on_step()
                asking.join(0.005)
            return replies[0]

        self.assertEqual(ask("get_hyperparameters")["result"]["learning_rate"], 1.5e-4)
        done = ask("set_hyperparameter", name="learning_rate", value=0.25)
        self.assertEqual(done["result"], {"learning_rate": 0.25, "step": 2})
        self.assertEqual(callback.model.lr_schedule(0.1), 0.25)
        ask("set_hyperparameter", name="entropy_coefficient", value=0.5)
        self.assertEqual(callback.model.ent_coef, 0.5)
        for params, message in (
            ({"name": "gamma", "value": 1}, "must be one of learning_rate, clip_range"),
            ({"name": "learning_rate", "value": 2}, "learning_rate is 2; must be 0..1"),
            ({"name": "clip_range", "value": 0.1}, "this model has no clip_range"),
        ):
            self.assertIn(message, ask("set_hyperparameter", **params)["data"]["message"])

        def pause_and_resume() -> None:
            self.assertTrue(self.bridge.ask("pause", target)["success"])
            wait_until(lambda: self.bridge.source(self.source)["activity"] == "paused")
            self.assertTrue(self.bridge.ask("resume", target)["success"])

        pausing = threading.Thread(target=pause_and_resume)
        pausing.start()
        while pausing.is_alive():
            self.assertTrue(callback._on_step())
        wait_until(lambda: self.bridge.source(self.source)["activity"] == "running")
        ask("stop")
        wait_until(lambda: not callback._on_step())


class Imports(unittest.TestCase):
    def test_nothing_is_imported_that_is_not_used(self) -> None:
        done = run_python(
            "import sys, ppo_bridge, ppo_bridge.tensorboard\n"
            "print([m for m in ('numpy', 'torch', 'gymnasium', 'stable_baselines3')"
            " if m in sys.modules])"
        )
        self.assertEqual((done.stdout, done.stderr), ("[]\n", ""))


if __name__ == "__main__":
    unittest.main()
