"""The adapter for Gymnasium, with a small stand-in of its shape, and what adapters import."""

from __future__ import annotations

import sys
import types
import unittest
from typing import Any
from unittest import mock

import numpy
from support import BridgeTest, run_python


def module(name: str, **members: Any) -> types.ModuleType:
    made = types.ModuleType(name)
    vars(made).update(members)
    return made


class Wrapper:
    """As gymnasium's."""

    def __init__(self, env: Any) -> None:
        self.env = env


STANDINS = {
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


class Imports(unittest.TestCase):
    def test_nothing_is_imported_that_is_not_used(self) -> None:
        done = run_python(
            "import sys, ppo_bridge, ppo_bridge.tensorboard, ppo_bridge.wandb\n"
            "print([m for m in ('numpy', 'torch', 'gymnasium', 'stable_baselines3')"
            " if m in sys.modules])"
        )
        self.assertEqual((done.stdout, done.stderr), ("[]\n", ""))


if __name__ == "__main__":
    unittest.main()
