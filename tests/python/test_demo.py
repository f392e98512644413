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
demo --nodes 2
"""


@needs_nats
class Demo(unittest.TestCase):
    def test_two_nodes(self) -> None:
        if b"no JetStream" in subprocess.run([os.environ["PPO_BRIDGE_BIN"], "--check-config", "--set", "engine.kind=jetstream"],
                                             capture_output=True, timeout=PATIENCE_S).stderr:
            self.skipTest("this build has no JetStream")
        home = scratch(self)
        (home / "build/release").mkdir(parents=True)
        binaries = Path(os.environ["PPO_BRIDGE_BIN"]).resolve().parent
        (home / "build/release/bin").symlink_to(binaries)
        if not (binaries / "ppo-trainer").exists():
            self.skipTest("there is no ppo-trainer beside the bridge")
        said = open(home / "said", "w+b")
        self.addCleanup(said.close)
        of_bridge = (0, 378, 379, 380, 381)
        port = free_port(10_000, 12_000, [*of_bridge, *(10 + far for far in of_bridge), 20_001, 20_002, 20_101, 20_102])
        demo = subprocess.Popen(["bash", "-c", SCRIPT % ROOT], cwd=home, stdout=said, stderr=said, start_new_session=True,
                                env={**os.environ, "PPO_DEMO_PORT": str(port)}, preexec_fn=die_with_parent)
        self.addCleanup(lambda: (demo.terminate(), demo.wait(PATIENCE_S)))

        def text() -> str:
            return (home / "said").read_text(errors="replace")

        while "Ctrl-C ends all of it" not in text():
            wait_until(lambda before=text(): text() != before or demo.poll() is not None, "for the demo to go on from: " + text())
            self.assertIsNone(demo.poll(), text())
        bridges = re.search(r"export PPO_BRIDGES=(\S+)", text()).group(1)
        status = subprocess.run([binaries / "ppo-client", "cluster", "status"], capture_output=True, text=True, timeout=PATIENCE_S,
                                env={**os.environ, "PPO_BRIDGES": bridges})
        self.assertEqual(status.returncode, 0, status.stderr)
        self.assertRegex(status.stdout, r"(?m)^n1 .*live")
        self.assertRegex(status.stdout, r"(?m)^n2 .*live")
        for trainer in ("trainer-1", "trainer-2"):
            self.assertIn(trainer, text())
        demo.send_signal(signal.SIGINT)
        self.assertEqual(demo.wait(PATIENCE_S), 0, text())
        self.assertIn("nothing is left running", text())
        self.assertEqual(self.left_in(home), [])

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
