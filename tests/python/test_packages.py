"""The packages install from their folders, with nothing fetched, and say how to be used."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

from support import ROOT, Bridge, scratch

FOLDERS = ("publishers/python", "clients/python")
VERSION = (ROOT / "VERSION").read_text().strip()


class Version(unittest.TestCase):
    """It is in one place, and every program says it."""

    def test_every_program_says_it(self) -> None:
        folder = Path(os.environ["PPO_BRIDGE_BIN"]).parent
        for name in ("ppo-bridge", "ppo-client", "ppo-bot", "ppo-trainer"):
            if not (folder / name).exists():
                continue  # not built
            done = subprocess.run([folder / name, "--version"], capture_output=True, text=True, timeout=20)
            with self.subTest(name):
                self.assertEqual((done.returncode, done.stdout), (0, "%s %s\n" % (name, VERSION)))

    def test_the_changelog_begins_with_it(self) -> None:
        newest = re.search(r"^## (\S+) \(\d{4}-\d\d-\d\d\)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
        assert newest is not None
        self.assertEqual(newest.group(1), VERSION)


class Install(unittest.TestCase):
    """From a clone, with nothing fetched and nothing left there."""

    OFFLINE = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}

    def setUp(self) -> None:
        self.place = scratch(self)
        left_out = shutil.ignore_patterns("__pycache__")
        for folder in FOLDERS:
            shutil.copytree(ROOT / folder, self.place / folder, symlinks=False, ignore=left_out)

    def run_here(self, *command: object) -> str:
        kept = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
        done = subprocess.run(
            list(map(str, command)),
            capture_output=True,
            text=True,
            timeout=200,
            cwd=self.place,
            env={**kept, **self.OFFLINE, "PPO_QUIET": "1"},
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def files(self) -> list:
        return sorted(file for folder in FOLDERS for file in (self.place / folder).rglob("*"))

    def test_the_readmes_way_into_a_virtual_environment(self) -> None:
        before = self.files()
        readme = (ROOT / FOLDERS[0] / "README.md").read_text()
        self.assertIn("python3 -m venv --system-site-packages ", readme)
        self.run_here("/usr/bin/python3", "-m", "venv", "--system-site-packages", "venv")
        self.run_here("venv/bin/pip", "install", *("./" + folder for folder in FOLDERS))
        self.assertEqual(self.files(), before)
        code = (
            "import ppo_bridge, ppo_bridge.tensorboard, ppo_bridge_client\n"
            "import ppo_websocket_integration\n"
            "from pathlib import Path\n"
            "for package in (ppo_bridge, ppo_bridge_client):\n"
            "    assert Path(package.__file__).with_name('py.typed').exists()\n"
            "print(ppo_bridge.__file__, ppo_bridge.__version__, ppo_bridge_client.__version__)"
        )
        file, *versions = self.run_here("venv/bin/python", "-c", code).split()
        self.assertTrue(file.startswith(str(self.place / "venv")), file)
        self.assertEqual(versions, [VERSION, VERSION])
        # The system's own packages may disagree with each other.
        code = "import subprocess; subprocess.run(['venv/bin/pip', 'check'])"
        self.assertNotIn("ppo", self.run_here("venv/bin/python", "-c", code))
        self.run_here("venv/bin/pip", "install", "--force-reinstall", "--no-deps", "-e", "./" + FOLDERS[0])
        file = self.run_here("venv/bin/python", "-c", "import ppo_bridge; print(ppo_bridge.__file__)")
        self.assertTrue(file.startswith(str(self.place / FOLDERS[0])), file)

    def test_a_wheel_says_what_it_needs_and_is_the_same_each_time(self) -> None:
        found = []
        for n in range(2):
            out = self.place / ("out%d" % n)
            command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", out]
            self.run_here(*command, *("./" + folder for folder in FOLDERS))
            found.append({file.name: file.read_bytes() for file in out.iterdir()})
        self.assertEqual(found[0], found[1])
        self.assertEqual(
            sorted(found[0]),
            ["%s-%s-py3-none-any.whl" % (name, VERSION) for name in ("ppo_bridge", "ppo_bridge_client")],
        )
        with zipfile.ZipFile(out / ("ppo_bridge_client-%s-py3-none-any.whl" % VERSION)) as wheel:
            self.assertNotIn("pure_wheel.py", wheel.namelist())
            about = wheel.read("ppo_bridge_client-%s.dist-info/METADATA" % VERSION).decode()
        self.assertIn("\nRequires-Dist: websockets>=10\n", about)
        self.assertIn('\nProvides-Extra: bots\nRequires-Dist: pyzmq; extra == "bots"\n', about)


class Debian(unittest.TestCase):
    """What can be said of Debian's packages without installing them; `./dev package --test` does that."""

    HERE = ROOT / "conf/debian"

    def contents(self, component: str) -> set:
        place = scratch(self)
        build = Path(os.environ["PPO_BRIDGE_BIN"]).parent.parent
        command = ["cmake", "--install", build, "--component", component, "--prefix", "/usr"]
        done = subprocess.run(command, env={**os.environ, "DESTDIR": str(place)}, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return {"/" + f.relative_to(place).as_posix() for f in place.rglob("*") if f.is_file()}

    def test_each_holds_its_own(self) -> None:
        bridge, python = self.contents("bridge"), self.contents("python")
        self.assertLessEqual({"/etc/ppo-bridge/bridge.toml", "/lib/systemd/system/ppo-bridge.service",
                              "/usr/share/doc/ppo-bridge/changelog.Debian.gz",
                              "/usr/share/ppo-bridge/schemas/types/trade_executed.json"}, bridge)
        modules = "/usr/lib/python3/dist-packages/"
        self.assertLessEqual({modules + "ppo_bridge/__init__.py", modules + "ppo_bridge_client/VERSION"}, python)
        self.assertFalse([file for file in python if "__pycache__" in file or file.endswith("/RECORD")])
        kept = (self.HERE / "bridge/conffiles").read_text().split()
        self.assertEqual(kept, sorted(file for file in bridge if file.startswith("/etc/")))

    def test_the_scripts_of_the_packages_are_sound(self) -> None:
        scripts = [f for f in self.HERE.glob("*/p*") if f.is_file()]
        self.assertEqual(len(scripts), 5)
        for script in scripts:
            with self.subTest(script.parent.name + "/" + script.name):
                self.assertTrue(os.access(script, os.X_OK))
                self.assertIn("\nset -e\n", script.read_text())
                subprocess.run(["sh", "-n", script], check=True)

    @unittest.skipUnless(shutil.which("shellcheck"), "there is no shellcheck")
    def test_shellcheck_finds_nothing(self) -> None:
        scripts = [*self.HERE.glob("*/p*"), ROOT / "dev", ROOT / ".ci/run", ROOT / "tests/bench/many_cores.sh"]
        done = subprocess.run(["shellcheck", "-x", *(s for s in scripts if s.is_file())], cwd=ROOT, capture_output=True, text=True)
        self.assertEqual(done.stdout, "")


class Types(unittest.TestCase):
    @unittest.skipUnless(Path("/usr/bin/mypy").exists(), "there is no mypy")
    def test_mypy_finds_nothing_within_the_packages(self) -> None:
        for folder in FOLDERS:
            with self.subTest(folder), tempfile.TemporaryDirectory() as cache:
                command = ["/usr/bin/mypy", "--no-error-summary", "--cache-dir", cache]
                done = subprocess.run(command, cwd=ROOT / folder, capture_output=True, text=True, timeout=200)
                self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))


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
