"""What a user of the packages does, in a system of its own: install, upgrade under load, remove, purge.

Run as root inside a fresh Debian (`./dev package --test` makes one), with nothing of the source but this file, a
journal of an older version and the packages: install_test.py FOLDER. There is no systemd: the service is started as
its unit says, by what stands in for it here.
"""

from __future__ import annotations

import gzip
import json
import os
import pwd
import shlex
import shutil
import socket
import subprocess
import sys
import time
import unittest
import urllib.request
from pathlib import Path

GIVEN = Path(sys.argv.pop(1))
STATE = Path("/var/lib/ppo-bridge")
EXAMPLES = Path("/usr/share/doc/ppo-bridge/examples")
CONF = Path("/etc/ppo-bridge/bridge.toml")
UNIT = Path("/lib/systemd/system/ppo-bridge.service")
WANTED = Path("/etc/systemd/system/multi-user.target.wants/ppo-bridge.service")
NAMES = ("ppo-bridge", "ppo-client", "libppo-publisher-dev", "python3-ppo-bridge")
# What dpkg and adduser themselves leave, and what this test and Python do.
IGNORED = ("/var/lib/dpkg/", "/var/log/", "/var/cache/", "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow",
           "/etc/subuid", "/etc/subgid", "/tmp/", "/run/", "/var/lib/systemd/deb-systemd-helper", str(GIVEN))


def run(*command: object, good: bool = True) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120)
    if good and done.returncode != 0:
        raise AssertionError("%s: %d\n%s%s" % (command, done.returncode, done.stdout, done.stderr))
    return done.stdout


def packages(folder: str) -> list:
    return sorted((GIVEN / folder).glob("*.deb"))


def files() -> set:
    found = run("find", "/", "-xdev", "-not", "-type", "d").splitlines()
    return {f for f in found if not f.startswith(IGNORED) and "/__pycache__/" not in f}


class Service:
    """Starts the service as systemd would: its user, its command, its notify socket."""

    def __init__(self) -> None:
        unit = dict(line.split("=", 1) for line in UNIT.read_text().splitlines() if "=" in line)
        user = pwd.getpwnam(unit["User"])
        environment = {"PATH": "/usr/bin:/bin", "HOME": user.pw_dir, "USER": user.pw_name}
        self.notify = None
        if unit["Type"].startswith("notify"):
            self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            path = "/tmp/notify"
            Path(path).unlink(missing_ok=True)
            self.notify.bind(path)
            os.chmod(path, 0o666)
            self.notify.settimeout(20)
            environment["NOTIFY_SOCKET"] = path
        self.process = subprocess.Popen(shlex.split(unit["ExecStart"]), env=environment, stdout=subprocess.PIPE,
                                        text=True, user=user.pw_uid, group=user.pw_gid, extra_groups=[], umask=0o027)
        if self.notify is None:
            assert self.process.stdout is not None
            assert self.process.stdout.readline().startswith("ready"), "it did not start"
        else:
            while "READY=1" not in self.notify.recv(4096).decode().splitlines():
                pass

    def stop(self) -> None:
        self.process.terminate()
        assert self.process.wait(20) == 0
        assert self.process.stdout is not None
        self.process.stdout.close()
        if self.notify is not None:
            self.notify.close()


class Load:
    """Publishes for as long as it is let, by the library of the package."""

    CODE = (
        "import select, sys, time\n"
        "from ppo_bridge import Publisher\n"
        "with Publisher(source='%s') as publisher:\n"
        "    n = 0\n"
        "    while not select.select([sys.stdin], [], [], 0)[0]:\n"
        "        for _ in range(20): n += publisher.publish('%s', %s)\n"
        "        time.sleep(0.01)\n"
        "    publisher.flush(10)\n"
        "print(n)\n"
    )

    def __init__(self, source: str = "load", kind: str = "tick", data: str = "{'n': n}") -> None:
        self.process = subprocess.Popen([sys.executable, "-c", self.CODE % (source, kind, data)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def end(self) -> int:
        return int(self.process.communicate("stop\n", timeout=30)[0])


def ticks() -> list:
    lines = run("ppo-client", "export", "--source", "load", "tick").splitlines()
    return [json.loads(line)["data"]["n"] for line in lines]


class Packages(unittest.TestCase):
    def test_from_the_first_installation_to_the_purge(self) -> None:
        before = files()
        run("dpkg", "-i", *packages("before"))
        self.addCleanup(lambda: run("dpkg", "--purge", *NAMES, good=False))
        self.installed()
        self.used()
        self.kept_across_an_upgrade()
        self.removed_and_installed_again()
        run("dpkg", "--purge", *NAMES)
        self.assertFalse(STATE.exists())
        self.assertFalse(CONF.parent.exists())
        self.assertEqual(sorted(files() - before), [])
        self.assertEqual(sorted(before - files()), [])
        self.assertRaises(KeyError, pwd.getpwnam, "ppo-bridge")

    def installed(self) -> None:
        user = pwd.getpwnam("ppo-bridge")
        self.assertEqual((user.pw_dir, user.pw_shell), (str(STATE), "/usr/sbin/nologin"))
        about = STATE.stat()
        self.assertEqual((about.st_uid, about.st_mode & 0o777), (user.pw_uid, 0o750))
        self.assertTrue(WANTED.is_symlink(), "not enabled")
        for name in ("ppo-bridge", "ppo-client", "ppo-bot"):
            self.assertTrue(run(name, "--version").startswith(name + " "))
        run("ppo-bridge", "--check-config", "-c", CONF)
        for name in ("nginx.conf", "bridge.toml", "monitoring/alerts.yml", "monitoring/grafana.json"):
            self.assertTrue((EXAMPLES / name).is_file(), name)
        self.assertTrue(Path("/usr/share/ppo-bridge/schemas/messages.json").is_file())

    def used(self) -> None:
        """By somebody who has the packages and nothing else: the service, the dashboard, a script, a bot."""
        service = Service()
        with urllib.request.urlopen("http://127.0.0.1:5178/", timeout=20) as page:
            self.assertIn(b"PPO Bridge", page.read())
        bot = subprocess.Popen(["timeout", "60", "ppo-bot", "--dry-run", "--target", "mine/agent_0"], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
        script = Load("mine", "margin_update", "{'item': 'Coal', 'buy_price': 100, 'sell_price': 200, 'margin': 100}")
        assert bot.stdout is not None
        said = ""
        while "would buy" not in said:
            line = bot.stdout.readline()
            self.assertTrue(line, said)
            said += line
        bot.terminate()
        bot.wait()
        bot.stdout.close()
        script.end()
        self.assertIn("Coal", run("ppo-client", "recent", "--source", "mine"))
        service.stop()

    def kept_across_an_upgrade(self) -> None:
        """A journal of an older version is taken over, and nothing is lost while a trainer publishes."""
        for file in STATE.glob("journal.sqlite*"):
            file.unlink()
        journal = STATE / "journal.sqlite"
        with gzip.open(GIVEN / "journal_before_runs.gz") as old:
            journal.write_bytes(old.read())
        shutil.chown(journal, "ppo-bridge", "ppo-bridge")
        CONF.write_text(CONF.read_text() + "\n[log]\nlevel = \"debug\"\n")
        service = Service()
        events = len(run("ppo-client", "export").splitlines())
        self.assertGreater(events, 0, "the old journal is not there")
        load = Load()
        time.sleep(1)
        run("dpkg", "-i", *packages("."))
        self.assertIn('level = "debug"', CONF.read_text())
        service.stop()
        time.sleep(1)  # the trainer publishes on
        service = Service()
        time.sleep(1)
        count = load.end()
        self.assertGreater(count, 1000)
        deadline = time.monotonic() + 20
        while len(ticks()) < count and time.monotonic() < deadline:
            time.sleep(0.5)
        self.assertEqual(ticks(), list(range(count)))
        self.assertEqual(run("ppo-client", "export", "gap"), "")
        run("ppo-client", "backup", "copy.sqlite")
        self.assertEqual((STATE / "copy.sqlite").owner(), "ppo-bridge")
        service.stop()
        self.count = count

    def removed_and_installed_again(self) -> None:
        run("dpkg", "--remove", *NAMES)
        self.assertIsNone(shutil.which("ppo-bridge"))
        self.assertTrue((STATE / "journal.sqlite").exists())
        self.assertIn('level = "debug"', CONF.read_text())
        self.assertFalse(list(Path("/usr/lib/python3/dist-packages").glob("ppo_bridge*/**/*.pyc")))
        run("dpkg", "-i", *packages("."))
        service = Service()
        self.assertEqual(len(ticks()), self.count)
        service.stop()


unittest.main(verbosity=2)
