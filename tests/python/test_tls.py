"""Over TLS: our client and foreign ones, and what they say of a certificate that is not to be trusted."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import ssl
import subprocess
import unittest
import urllib.request
from unittest import mock

import websockets
from ppo_bridge_client import Client, Refused
from support import PATIENCE_S, Bridge, scratch, wait_until

QUICK = (0.01, 0.05)


class TlsBridge(unittest.TestCase):
    settings: tuple = ()

    def setUp(self) -> None:
        self.home = scratch(self)
        self.ca = self.certificate("bridge")
        self.bridge = Bridge(
            "tls.certificate=" + self.ca, "tls.key=" + self.ca.replace(".pem", ".key"), *self.settings
        )
        self.addCleanup(self.bridge.close)

    def certificate(self, name: str, host: str = "IP:127.0.0.1", days: int = 30) -> str:
        path = str(self.home / name)
        command = [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-subj", "/CN=" + name, "-addext", "subjectAltName=" + host, "-days", str(days)),
            *("-keyout", path + ".key", "-out", path + ".pem"),
        ]
        subprocess.run(command, check=True, capture_output=True)
        os.chmod(path + ".key", 0o600)
        return path + ".pem"

    def show(self, other: str) -> None:
        """From now on that certificate."""
        shutil.copy(other, self.ca)
        shutil.copy(other.replace(".pem", ".key"), self.ca.replace(".pem", ".key"))
        before = self.bridge.log().count("the certificate anew")
        self.bridge.signal(signal.SIGHUP)
        wait_until(lambda: self.bridge.log().count("the certificate anew") > before)

    def refusal(self, url: str, **options: str) -> str:
        async def use() -> str:
            async with Client(url, backoff_s=QUICK, **options) as client:
                with self.assertRaises(Refused) as refused:
                    await client.wait_connected(PATIENCE_S)
                return str(refused.exception)

        return asyncio.run(use())


class Ours(TlsBridge):
    def test_events_and_commands_as_without(self) -> None:
        async def use() -> None:
            self.assertTrue(self.bridge.ws.startswith("wss://"))
            with mock.patch.dict(os.environ, {"PPO_CA": self.ca}):
                client = Client(self.bridge.ws, ["t"], backoff_s=QUICK)
            async with client:
                await client.wait_connected(PATIENCE_S)
                secure = ssl.create_default_context(cafile=self.ca)
                place = self.bridge.ws.replace("wss:", "https:").replace("/ws", "/submit_event")
                body = b'{"type":"t","data":{"n":1}}'
                request = urllib.request.Request(place, body, {"Content-Type": "application/json"})
                await asyncio.to_thread(urllib.request.urlopen, request, context=secure)
                async for event in client:
                    self.assertEqual(event["data"], {"n": 1})
                    break
                status = await client.command("get_status")
                self.assertEqual(status["addresses"]["ws"], self.bridge.ws)

        asyncio.run(use())

    def test_a_wrong_certificate_is_told_and_not_tried_for_ever(self) -> None:
        self.assertIn("signed by nobody that is trusted here", self.refusal(self.bridge.ws))
        self.assertIn("ca= (PPO_CA)", self.refusal(self.bridge.ws, ca=self.certificate("other")))
        self.show(self.certificate("named", "DNS:bridge.example"))
        said = self.refusal(self.bridge.ws, ca=self.ca)
        self.assertIn("is for another name", said)
        self.assertIn(self.bridge.ws, said)
        with self.assertRaisesRegex(ValueError, "ca: cannot read a certificate in PEM from /none"):
            Client(self.bridge.ws, ca="/none")
        with self.assertRaisesRegex(ValueError, "ca: cannot read"):
            Client(self.bridge.ws, ca=self.ca.replace(".pem", ".key"))

    def test_the_wrong_scheme_is_told(self) -> None:
        plain = self.bridge.ws.replace("wss:", "ws:")
        self.assertIn("answered 400; it may speak TLS (wss://)", self.refusal(plain))
        other = Bridge()
        self.addCleanup(other.close)
        secure = other.ws.replace("ws:", "wss:")
        self.assertIn("is it ws:// there?", self.refusal(secure, ca=self.ca))

    def test_a_certificate_that_goes_bad_is_said_each_time_until_it_is_renewed(self) -> None:
        async def use() -> None:
            ca = str(self.home / "trusted.pem")
            shutil.copy(self.ca, ca)
            good = str(self.home / "good.pem")
            shutil.copy(self.ca, good)
            shutil.copy(self.ca.replace(".pem", ".key"), good.replace(".pem", ".key"))
            async with Client(self.bridge.ws, backoff_s=QUICK, ca=ca) as client:
                await client.wait_connected(PATIENCE_S)
                await asyncio.to_thread(self.show, self.certificate("other"))
                with self.assertLogs("ppo_bridge_client", "WARNING") as said:
                    await client._socket.close()
                    while len(said.output) < 3:
                        await asyncio.sleep(0.01)
                self.assertIn("signed by nobody that is trusted here", said.output[-1])
                await asyncio.to_thread(self.show, good)
                await client.wait_connected(PATIENCE_S)

        asyncio.run(use())


class Terminal(TlsBridge):
    def client(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        command = [os.environ["PPO_CLIENT_BIN"], *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE_S, env={**os.environ, **environment}
        )

    def test_ppo_client(self) -> None:
        at = ("--url", self.bridge.ws)
        for done in (self.client("status", *at, "--ca", self.ca), self.client("status", *at, PPO_CA=self.ca)):
            self.assertEqual(done.returncode, 0, done.stderr)
        for options, said in (
            ((), "is signed by nobody that this machine trusts"),
            (("--ca", self.certificate("other")), "other.pem holds; it must hold the bridge's certificate"),
            (("--ca", "/none"), "cannot read /none (--ca): No such file"),
            (("--ca", self.ca.replace(".pem", ".key")), "(--ca) holds no certificate in PEM"),
        ):
            done = self.client("status", *at, *options, "--wait", "20")
            self.assertEqual(done.returncode, 1)
            self.assertIn(said, done.stderr)
        plain = self.bridge.ws.replace("wss:", "ws:")
        done = self.client("tail", "--url", plain, "--wait", "20")
        self.assertIn("this port speaks TLS: use https:// and wss://", done.stderr)
        self.show(self.certificate("named", "DNS:bridge.example"))
        done = self.client("status", *at, "--ca", self.ca, "--wait", "20")
        self.assertIn("is for DNS:bridge.example; use an address that it is for", done.stderr)
        other = Bridge()
        self.addCleanup(other.close)
        done = self.client("status", "--url", other.ws.replace("ws:", "wss:"), "--ca", self.ca, "--wait", "20")
        self.assertIn("(is it ws:// there?)", done.stderr)


class Foreign(TlsBridge):
    def test_websockets(self) -> None:
        async def use() -> None:
            trust = ssl.create_default_context(cafile=self.ca)
            async with websockets.connect(self.bridge.ws, ssl=trust) as socket:
                self.assertEqual(json.loads(await socket.recv())["type"], "system_status")
                await socket.send('{"action":"ping"}')
                self.assertEqual(json.loads(await socket.recv())["status"], "pong")

        asyncio.run(use())

    def granted(self, *arguments: str) -> str:
        """Protocol and suite that openssl's client comes to; "" where it is refused."""
        at = self.bridge.ws.split("/")[2]
        command = ["openssl", "s_client", "-connect", at, "-CAfile", self.ca, "-verify_return_error", *arguments]
        done = subprocess.run(command, input="Q\n", capture_output=True, text=True, timeout=PATIENCE_S)
        lines = [line for line in done.stdout.splitlines() if line.startswith("New, ")]
        return "" if done.returncode != 0 or not lines else lines[0].replace("New, ", "").replace("Cipher is ", "")

    def test_openssl_s_client(self) -> None:
        weak = ("-cipher", "ALL:@SECLEVEL=0")
        for protocol in ("-tls1", "-tls1_1"):
            self.assertEqual(self.granted(protocol, *weak), "")
        for suite in ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"):
            self.assertEqual(self.granted("-ciphersuites", suite), "TLSv1.3, " + suite)
        self.assertEqual(self.granted("-ciphersuites", "TLS_AES_128_CCM_SHA256", "-tls1_3"), "")
        strong = {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"}
        listed = subprocess.run(
            ["openssl", "ciphers", "-s", "-tls1_2", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"], capture_output=True, text=True
        )
        suites = set(listed.stdout.strip().split(":"))
        self.assertTrue(strong < suites)
        granted = {s for s in suites if self.granted("-tls1_2", "-cipher", s + ":@SECLEVEL=0")}
        self.assertEqual(granted, strong)
        self.assertEqual(self.granted("-groups", "P-521"), "")
        self.assertNotEqual(self.granted("-groups", "P-256"), "")
        self.assertEqual(self.granted("-alpn", "h2"), "")
        self.assertNotEqual(self.granted("-alpn", "h2,http/1.1"), "")
        self.assertEqual(self.granted("-verify_hostname", "other.example"), "")


if __name__ == "__main__":
    unittest.main()
