"""The packages install from their folders, with nothing fetched, and say how to be used."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from support import ROOT, Bridge

FOLDERS = ("publishers/python", "clients/python")


class Install(unittest.TestCase):
    def test_pip_installs_what_imports_by_itself(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            copies = [shutil.copytree(ROOT / f, Path(place) / f) for f in FOLDERS]
            target = Path(place) / "installed"
            command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "-q"]
            command += ["--no-index", "--no-deps", "--no-build-isolation", "--no-compile"]
            done = subprocess.run(
                [*command, "--root-user-action=ignore", "--target", str(target), *map(str, copies)],
                capture_output=True,
                text=True,
                timeout=200,
            )
            self.assertEqual(done.returncode, 0, done.stderr)
            code = (
                "import ppo_bridge, ppo_bridge.tensorboard, ppo_bridge_client\n"
                "import ppo_websocket_integration\n"
                "print(ppo_bridge.__file__, ppo_bridge.__version__, ppo_bridge_client.__version__)"
            )
            done = subprocess.run(
                [sys.executable, "-c", code],
                capture_output=True,
                text=True,
                timeout=60,
                cwd=place,
                env={"PYTHONPATH": str(target)},
            )
            self.assertEqual(done.stderr, "")
            file, *versions = done.stdout.split()
            self.assertTrue(file.startswith(str(target)), file)
            for folder, version in zip(FOLDERS, versions):
                project = (ROOT / folder / "pyproject.toml").read_text()
                self.assertIn('version = "%s"' % version, project)


class Readme(unittest.TestCase):
    def test_python_in_the_readmes_runs_as_far_as_it_can(self) -> None:
        """Every block compiles, and the two lines that attach a script work."""
        blocks = []
        for name in ("README.md", *(folder + "/README.md" for folder in FOLDERS)):
            text = (ROOT / name).read_text()
            blocks += [(name, b) for b in re.findall(r"```python\n(.*?)```", text, re.S)]
        self.assertGreater(len(blocks), 6)
        for name, block in blocks:
            with self.subTest(name):
                compile(block, name, "exec", flags=0x2000)  # await outside a function is allowed


class Example(unittest.TestCase):
    def test_the_numpy_trainer_learns_and_is_seen(self) -> None:
        bridge = Bridge()
        self.addCleanup(bridge.close)
        program = ROOT / "publishers/python/examples/numpy_ppo.py"
        command = [sys.executable, str(program), "--steps", "12288", "--source", "numpy"]
        command += ["--events", bridge.events_in, "--control", bridge.control]
        done = subprocess.run(command, capture_output=True, text=True, timeout=200)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        found = re.search(r"saw: (-?\d+) gp; at random: (-?\d+) gp", done.stdout)
        assert found is not None, done.stdout
        learnt, at_random = map(int, found.groups())
        self.assertGreater(learnt, max(at_random + 10_000, 0))
        source = bridge.source("numpy")
        assert source is not None
        self.assertEqual((source["lost"], source["agents"]), (0, ["numpy_0"]))
        updates = bridge.events("training_update", "numpy")
        self.assertEqual([e["data"]["update"] for e in updates], list(range(1, 13)))
        self.assertEqual(len(bridge.events("episode_end", "numpy")), 12288 // 128)
        self.assertEqual(bridge.counters()["rejected"], 0)


if __name__ == "__main__":
    unittest.main()
