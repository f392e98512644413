"""A bridge that other machines may reach: what it asks for, what `setup` makes, and two machines (network namespaces)."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import unittest
from pathlib import Path

from machines import Machines, run
from support import PATIENCE_S, die_with_parent, scratch, wait_until

BRIDGE = os.environ["PPO_BRIDGE_BIN"]
HERE = Path(__file__).resolve().parent
# Writes what goes over the wire of a machine, until it is ended.
TAP = """
import socket, sys
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
wire.bind(("wire", 0))
print("ready", flush=True)
with open(sys.argv[1], "wb", 0) as file:
    while True:
        file.write(wire.recv(65536))
"""
FILES = ("bridge.toml", "credentials", "server.key", "certificate.pem", "certificate.key", "token")


class Setup(unittest.TestCase):
    def setUp(self) -> None:
        self.home = scratch(self) / "bridge"

    def setup_at(self, listen: str, *more: str) -> subprocess.CompletedProcess:
        return run(BRIDGE, "setup", "--listen", listen, "--directory", str(self.home), *more)

    def test_it_makes_all_that_is_needed_and_tells_no_secret(self) -> None:
        done = self.setup_at("0.0.0.0", "--host", "bridge.lab", "--host", "10.0.0.7")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for file in FILES:
            self.assertEqual((self.home / file).stat().st_mode & 0o777, 0o600, file)
        self.assertEqual(run(BRIDGE, "-c", str(self.home / "bridge.toml"), "--check-config").returncode, 0)
        shown = run("openssl", "x509", "-in", str(self.home / "certificate.pem"), "-noout", "-fingerprint", "-sha256",
                    "-ext", "subjectAltName,basicConstraints,extendedKeyUsage").stdout
        self.assertIn(re.search(r"SHA-256: (\S+)", done.stdout).group(1), shown)
        for part in ("DNS:bridge.lab", "IP Address:10.0.0.7", "IP Address:127.0.0.1", "DNS:localhost", "CA:TRUE"):
            self.assertIn(part, shown)
        verified = run("openssl", "verify", "-x509_strict", "-CAfile", *[str(self.home / "certificate.pem")] * 2)
        self.assertEqual(verified.returncode, 0, verified.stderr)
        secrets = [(self.home / "token").read_text().strip(), (self.home / "server.key").read_text().split()[1]]
        for secret in secrets:
            self.assertNotIn(secret, done.stdout)

    def test_it_overwrites_nothing(self) -> None:
        self.home.mkdir()
        (self.home / "token").write_text("mine")
        done = self.setup_at("10.0.0.7")
        self.assertEqual(done.returncode, 1)
        self.assertIn("token is there already", done.stderr)
        self.assertEqual(os.listdir(self.home), ["token"])

    def test_what_is_wrong_is_named(self) -> None:
        for listen, more in (("10.0.0.7:5178", ()), ("*", ()), ("0.0.0.0", ("--host", "Bridge.Lab")), ("0.0.0.0", ("--days", "0"))):
            with self.subTest(listen=listen, more=more):
                self.assertEqual(self.setup_at(listen, *more).returncode, 2)
        self.assertFalse(self.home.exists())

    def test_beyond_loopback_it_starts_with_all_of_it_or_not_at_all(self) -> None:
        self.setup_at("0.0.0.0", "--host", "bridge.lab")
        config = self.home / "bridge.toml"
        for setting, wanted in (
            ('tls.certificate=""', "tls.key"),
            ("auth.mode=off", "auth.mode ="),
            ("websocket.hosts=[]", "websocket.hosts ="),
            ('zmq.curve_key=""', "zmq.curve_key ="),
        ):
            with self.subTest(setting=setting):
                settings = ["--set", setting]
                if wanted == "tls.key":
                    settings += ["--set", 'tls.key=""']
                done = run(BRIDGE, "-c", str(config), "--check-config", *settings)
                self.assertEqual(done.returncode, 2)
                self.assertIn("beyond loopback", done.stderr)
                self.assertIn(wanted, done.stderr)


class TwoMachines(Machines):
    def test_a_trainer_a_client_and_a_bot_on_another_machine(self) -> None:
        self.go("10.77.0.1", "10.77.0.2", "10.77.0.1")

    def test_the_same_by_ipv6(self) -> None:
        self.go("fd77::1", "fd77::2", "[fd77::1]")

    def go(self, address: str, of_theirs: str, host: str) -> None:
        home = scratch(self) / "bridge"
        ours, theirs = self.machine(), self.machine()
        self.do(ours, "ip", "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", str(theirs))
        for machine, own in ((ours, address), (theirs, of_theirs)):
            self.do(machine, "ip", "address", "add", own + "/24", "dev", "wire", *(["nodad"] if ":" in own else []))
            self.do(machine, "ip", "link", "set", "wire", "up")
        self.do(ours, BRIDGE, "setup", "--listen", address, "--directory", str(home))
        config = ("-c", str(home / "bridge.toml"))
        for name, role in (("trainer-1", "trainer"), ("bot-1", "bot")):
            self.do(ours, BRIDGE, *config, "curve", "create", name, "--role", role, "--out", str(home / (name + ".key")))
        with open(home / "log", "w+b") as log:
            bridge = subprocess.Popen(
                self.on(ours, BRIDGE, *config, "--set", 'journal.path=""'),
                stdout=subprocess.PIPE, stderr=log, text=True, preexec_fn=die_with_parent,
            )
            self.addCleanup(lambda: (bridge.kill(), bridge.wait(), bridge.stdout.close()))
            self.assertIn("wss://%s:5178" % host, bridge.stdout.readline(), (home / "log").read_text())
            tap = subprocess.Popen(self.on(theirs, sys.executable, "-c", TAP, str(home / "tapped")), stdout=subprocess.PIPE,
                                   preexec_fn=die_with_parent)
            self.addCleanup(lambda: (tap.kill(), tap.wait(), tap.stdout.close()))
            self.assertEqual(tap.stdout.readline(), b"ready\n")
            done = run(*self.on(theirs, sys.executable, str(HERE / "beyond_case.py"), str(home), host))
            self.assertEqual((done.returncode, done.stdout.strip()), (0, "ok"), done.stderr + (home / "log").read_text())
            plain = run(*self.on(theirs, "curl", "-s", "-m", "5", "http://%s:5178/metrics" % host))
            self.assertIn("https", plain.stdout)
            ca = str(home / "certificate.pem")
            nobody = run(*self.on(theirs, "curl", "-s", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", ca,
                                  "https://%s:5178/metrics" % host))
            self.assertEqual(nobody.stdout, "401")
            trainer, client = Path(BRIDGE).with_name("ppo-trainer"), os.environ.get("PPO_CLIENT_BIN", "")
            if trainer.exists() and client:
                at = ("--events", "tcp://%s:5556" % host, "--control", "tcp://%s:5559" % host)
                key = "PPO_CURVE_FILE=%s/trainer-1.key" % home
                self.do(theirs, "env", key, str(trainer), "--source", "trainer-1-c", "--steps", "200", "--agents", "1", *at)
                told = self.do(theirs, client, "sources", "--url", "wss://%s:5178/ws" % host, "--ca", ca, "--token-file", str(home / "token"))
                self.assertIn("trainer-1-c", told.stdout)
            tapped = home / "tapped"
            wait_until(lambda: b"GET /metrics" in tapped.read_bytes())  # what is said plainly is there
            token = (home / "token").read_text().strip().encode()
            for secret in (token, b"Hidden item", b"trade_executed"):
                self.assertNotIn(secret, tapped.read_bytes())
            bridge.send_signal(signal.SIGTERM)
            self.assertEqual(bridge.wait(PATIENCE_S), 0)
            written = (home / "log").read_text()
            self.assertNotIn((home / "token").read_text().strip(), written)


if __name__ == "__main__":
    unittest.main()
