"""Machines that are network namespaces, where these may be made."""

from __future__ import annotations

import os
import subprocess
import unittest

from support import die_with_parent, wait_until


def run(*command: str, **options: object) -> subprocess.CompletedProcess:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)


def may_make_namespaces() -> bool:
    return os.geteuid() == 0 and run("unshare", "-n", "ip", "link", "add", "v0", "type", "veth", "peer", "v1").returncode == 0


@unittest.skipUnless(may_make_namespaces(), "network namespaces may not be made here")
class Machines(unittest.TestCase):
    def machine(self) -> int:
        holder = subprocess.Popen(["unshare", "-n", "sleep", "600"], preexec_fn=die_with_parent)
        self.addCleanup(lambda: (holder.kill(), holder.wait()))
        own = os.readlink("/proc/self/ns/net")
        wait_until(lambda: os.readlink("/proc/%d/ns/net" % holder.pid) != own)
        self.do(holder.pid, "ip", "link", "set", "lo", "up")
        return holder.pid

    def on(self, machine: int, *command: str) -> list[str]:
        return ["nsenter", "-t", str(machine), "-n", *command]

    def do(self, machine: int, *command: str) -> subprocess.CompletedProcess:
        done = run(*self.on(machine, *command))
        self.assertEqual(done.returncode, 0, done.stderr)
        return done
