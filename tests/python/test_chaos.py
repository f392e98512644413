"""All attacks at once, beside those who use the bridge as it is meant: nobody else loses anything.

$PPO_CHAOS_SECONDS: how long they attack. `python3 -m chaos --help` runs them singly, and prints figures."""

from __future__ import annotations

import os
import unittest

from chaos.attacks import TOGETHER
from chaos.run import run_chaos

SECONDS = float(os.environ.get("PPO_CHAOS_SECONDS", "15"))
PING_S = 1.0  # attackers take what cores there are: only the bench, where it is alone, measures the bridge


class Chaos(unittest.TestCase):
    def attack(self, names: list[str], seconds: float) -> None:
        report = run_chaos(names, seconds)
        print(report.text)
        self.assertEqual(report.faults, [])
        self.assertGreater(report.commands, 0)
        self.assertLess(report.p50_s, PING_S)

    def test_all_attacks_together_hurt_nobody_else(self) -> None:
        self.attack(TOGETHER, SECONDS)

    def test_a_full_disk_loses_nothing_where_all_must_be_written(self) -> None:
        self.attack(["FullDisk", "LargeBatches", "SmallUnfinishedMultipart", "FullLog"], SECONDS / 2)


if __name__ == "__main__":
    unittest.main()
