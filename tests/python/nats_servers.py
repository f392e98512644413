"""NATS servers with JetStream on free ports, one or three of them as a cluster."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import unittest
import urllib.request
from pathlib import Path

from support import die_with_parent, free_port, wait_until

PROGRAM = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin:/usr/local/sbin")
needs_nats = unittest.skipUnless(PROGRAM, "nats-server is not installed")


class NatsServers:
    """`count` servers that keep their files under `home`. `lines` are for their configuration too."""

    def __init__(self, home: Path, count: int = 1, lines: list[str] | None = None) -> None:
        self._lines = lines or []
        self.ports = [free_port() for _ in range(count)]
        self._routes = [free_port() for _ in range(count)]
        self._monitors = [free_port() for _ in range(count)]
        self._home = home
        self._processes: list[subprocess.Popen | None] = [None] * count
        for i in range(count):
            self.start(i)

    @property
    def urls(self) -> list[str]:
        return ["nats://127.0.0.1:%d" % port for port in self.ports]

    def start(self, i: int) -> None:
        config = self._home / ("nats%d.conf" % i)
        lines = ["server_name: s%d" % i, "listen: 127.0.0.1:%d" % self.ports[i], "max_payload: 2MB",
                 "http: 127.0.0.1:%d" % self._monitors[i],
                 "jetstream { store_dir: \"%s/js%d\", max_mem: 64MB, max_file: 1GB }" % (self._home, i), *self._lines]
        if len(self.ports) > 1:
            routes = ", ".join('"nats://127.0.0.1:%d"' % port for port in self._routes)
            lines.append("cluster { name: c, listen: 127.0.0.1:%d, routes: [%s] }" % (self._routes[i], routes))
        config.write_text("\n".join(lines) + "\n")
        with open(self._home / ("nats%d.log" % i), "ab") as log:
            self._processes[i] = subprocess.Popen([PROGRAM, "-c", str(config)], stdout=log, stderr=log,
                                                  preexec_fn=die_with_parent)
        wait_until(lambda: self._listens(i), "for nats-server")

    def _listens(self, i: int) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.ports[i])) == 0

    def leader(self, stream: str) -> int:
        """Which of them leads it."""
        for i, process in enumerate(self._processes):
            if process is None:
                continue
            url = "http://127.0.0.1:%d/jsz?accounts=true&streams=true" % self._monitors[i]
            with urllib.request.urlopen(url, timeout=5) as answer:
                accounts = json.load(answer).get("account_details") or []
            for detail in [d for account in accounts for d in account.get("stream_detail") or []]:
                if detail["name"] == stream and detail.get("cluster", {}).get("leader"):
                    return int(detail["cluster"]["leader"][1:])
        raise AssertionError("nobody leads " + stream)

    def signal(self, i: int, number: int) -> None:
        process = self._processes[i]
        if process is not None:
            process.send_signal(number)

    def kill(self, i: int) -> None:
        process = self._processes[i]
        if process is not None:
            process.kill()
            process.wait()
        self._processes[i] = None

    def leave(self, i: int, number: int) -> None:
        """It is asked to end by a signal, and is waited for."""
        self.signal(i, number)
        self._processes[i].wait(90)
        self._processes[i] = None

    def publish(self, i: int, subject: str, message: bytes) -> None:
        """As anybody may who has its address."""
        with socket.create_connection(("127.0.0.1", self.ports[i]), 5) as to:
            to.sendall(b'CONNECT {"verbose":false}\r\nPUB %s %d\r\n%s\r\nPING\r\n' % (subject.encode(), len(message), message))
            said = b""
            while b"PONG" not in said:
                said += to.recv(65536)

    def asked_on(self, i: int, subject: str) -> str:
        """Where the answer goes to what is asked next on `subject`."""
        with socket.create_connection(("127.0.0.1", self.ports[i]), 5) as to:
            to.sendall(b'CONNECT {"verbose":false}\r\nSUB %s 1\r\n' % subject.encode())
            for line in to.makefile("rb"):
                words = line.split()
                if words[:1] == [b"MSG"] and len(words) == 5:
                    return words[3].decode()
        raise AssertionError("nothing was asked on " + subject)

    def close(self) -> None:
        for i in range(len(self.ports)):
            self.kill(i)
