"""./dev demo --nodes: what it prints is true, and nothing is left behind. Without its builds."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import unittest
from pathlib import Path

from nats_servers import needs_nats
from support import PATIENCE_S, ROOT, die_with_parent, free_port, scratch, wait_until

SCRIPT = """
set -euo pipefail
say() { echo "$*" >&2; }
die() { echo "$*" >&2; exit 1; }
install_servers() { :; }
build() { :; }
source %s/conf/demo.sh
demo %s
"""


class Demo(unittest.TestCase):
    def begin(self, *options: str) -> None:
        self.home = home = scratch(self)
        (home / "build/release").mkdir(parents=True)
        self.binaries = binaries = Path(os.environ["PPO_BRIDGE_BIN"]).resolve().parent
        (home / "build/release/bin").symlink_to(binaries)
        if not (binaries / "ppo-trainer").exists():
            self.skipTest("there is no ppo-trainer beside the bridge")
        said = open(home / "said", "w+b")
        self.addCleanup(said.close)
        of_bridge = (0, 378, 379, 380, 381)
        port = free_port(10_000, 12_000, [*of_bridge, *(10 + far for far in of_bridge), 20_001, 20_002, 20_101, 20_102])
        self.demo = demo = subprocess.Popen(["bash", "-c", SCRIPT % (ROOT, " ".join(options))], cwd=home, stdout=said, stderr=said, start_new_session=True,
                                env={**os.environ, "PPO_DEMO_PORT": str(port)}, preexec_fn=die_with_parent)
        self.addCleanup(lambda: (demo.terminate(), demo.wait(PATIENCE_S)))

        while "Ctrl-C ends all of it" not in self.text():
            wait_until(lambda before=self.text(): self.text() != before or demo.poll() is not None, "for the demo to go on from: " + self.text())
            self.assertIsNone(demo.poll(), self.text())

    def text(self) -> str:
        return (self.home / "said").read_text(errors="replace")

    def has_ended(self) -> None:
        self.assertEqual(self.demo.wait(PATIENCE_S), 0, self.text())
        self.assertIn("nothing is left running", self.text())
        self.assertEqual(self.left_in(self.home), [])

    def test_one_whose_follower_ends_ends(self) -> None:
        self.begin()
        for process in self.left_in(self.home):
            words = Path("/proc/%s/cmdline" % process).read_bytes().split(b"\0")
            if words[0].endswith(b"ppo-client"):
                os.kill(int(process), signal.SIGTERM)
        self.has_ended()

    @needs_nats
    def test_two_nodes(self) -> None:
        if b"no JetStream" in subprocess.run([os.environ["PPO_BRIDGE_BIN"], "--check-config", "--set", "engine.kind=jetstream"],
                                             capture_output=True, timeout=PATIENCE_S).stderr:
            self.skipTest("this build has no JetStream")
        self.begin("--nodes", "2")
        bridges = re.search(r"export PPO_BRIDGES=(\S+)", self.text()).group(1)
        status = subprocess.run([self.binaries / "ppo-client", "cluster", "status"], capture_output=True, text=True, timeout=PATIENCE_S,
                                env={**os.environ, "PPO_BRIDGES": bridges})
        self.assertEqual(status.returncode, 0, status.stderr)
        self.assertRegex(status.stdout, r"(?m)^n1 .*live")
        self.assertRegex(status.stdout, r"(?m)^n2 .*live")
        for trainer in ("trainer-1", "trainer-2"):
            self.assertIn(trainer, self.text())
        self.demo.send_signal(signal.SIGINT)
        self.has_ended()

    def left_in(self, place: Path) -> list[str]:
        left = []
        for process in Path("/proc").iterdir():
            try:
                if process.name.isdigit() and os.readlink(process / "cwd") == str(place):
                    left.append(process.name)
            except OSError:  # it has gone, or is somebody else's
                pass
        return left


if __name__ == "__main__":
    unittest.main()
