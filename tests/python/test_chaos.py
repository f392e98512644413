"""All attacks at once, beside those who use the bridge as it is meant: nobody else loses anything.

$PPO_CHAOS_SECONDS: how long they attack. `python3 -m chaos --help` runs them singly, and prints figures."""

from __future__ import annotations

import os
import unittest

from chaos.attacks import ATTACKS
from chaos.run import run_chaos

SECONDS = float(os.environ.get("PPO_CHAOS_SECONDS", "10"))


class Chaos(unittest.TestCase):
    def test_all_attacks_together_hurt_nobody_else(self) -> None:
        report = run_chaos(list(ATTACKS), SECONDS)
        print(report.text)
        self.assertEqual(report.faults, [])
        self.assertGreater(report.commands, 0)


if __name__ == "__main__":
    unittest.main()
