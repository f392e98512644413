"""The test programs, and which of their tests come to a place that can be changed."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

UNIT_PROGRAMS = ("unit_bridge_tests", "unit_nodes_tests")
PROGRAMS = (*UNIT_PROGRAMS, "ppo-sim")
# Unit tests of other wings.
OTHER_TESTS = "*/log_test*,*/deflate_*,*/text_*"
MEMORY_BYTES_MAX = 4 << 30
WAITS_S = 60  # so long a test may wait in vain beside what it computes


@dataclass
class Test:
    """A test case, or some seeds of the simulator."""

    command: list[str]  # where several of a program are run, all but its name
    name: str = ""  # for the command line
    seconds: float = 0.0  # of the processor, beside those that any program takes
    places: set[int] = field(default_factory=set)  # the numbers of those that it comes to


class Programs:
    """Copies, so that what is built meanwhile changes nothing. They are removed at the end."""

    def __init__(self, build: Path, seeds: int) -> None:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        self._at = Path(tempfile.mkdtemp(prefix="run-", dir=build.parent))
        for name in PROGRAMS:
            shutil.copy2(build / "tests" / name, self._at)
        self._groups: list[list[Test]] = []
        try:
            for name in UNIT_PROGRAMS:
                self._groups.append(self._test_cases(name))
            simulator = str(self._at / "ppo-sim")
            # The one that notices more first.
            self._groups.append([Test([simulator, "--seeds", str(seeds), "--adversary"])])
            self._groups.append([Test([simulator, "--seeds", str(seeds)])])
            tests = [test for group in self._groups for test in group]
            for test in tests:
                self._measure(test)
            start_s = min(test.seconds for test in tests)
            for test in tests:
                test.seconds -= start_s
        except BaseException:
            shutil.rmtree(self._at)
            raise

    def __enter__(self) -> Programs:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._at)

    def come_to(self, place: int) -> bool:
        return any(place in test.places for group in self._groups for test in group)

    def notice(self, mutant: int, place: int) -> str:
        """What notices this mutant of that place, or nothing."""
        for group in self._groups:
            tests = [test for test in group if place in test.places]
            if not tests:
                continue
            command = list(tests[0].command)
            if tests[0].name:
                command.append("--test-case=" + ",".join(test.name for test in tests))
            wrong = self._run(command, 3 + int(10 * sum(test.seconds for test in tests)), PPO_MUTANT=str(mutant))
            if wrong:
                return wrong
        return ""

    def _test_cases(self, program: str) -> list[Test]:
        command = [str(self._at / program), "--abort-after=1", "--no-intro", "--source-file-exclude=" + OTHER_TESTS]
        listed = subprocess.run([*command, "--list-test-cases"], capture_output=True, text=True, check=True).stdout
        names = [line for line in listed.splitlines() if line and not line.startswith(("[doctest]", "===="))]
        return [Test(command, name.replace("\\", "\\\\").replace(",", "\\,")) for name in names]

    def _measure(self, test: Test) -> None:
        """With nothing changed."""
        handle, reached = tempfile.mkstemp(dir=self._at)
        os.close(handle)
        command = test.command + (["--test-case=" + test.name] if test.name else [])
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        wrong = self._run(command, 600, PPO_MUTANTS_REACHED=reached)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        test.seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        test.places = {int(number) for number in Path(reached).read_text().split()}
        os.remove(reached)
        if wrong:
            sys.exit("mutate: the tests fail with nothing changed: " + wrong)

    def _run(self, command: list[str], limit_s: int, **environment: str) -> str:
        """What goes wrong, or nothing. `limit_s`: of the processor, whatever else runs on the machine."""

        def bound() -> None:
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX,) * 2)
            resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s + 1))

        name = " ".join([Path(command[0]).name, *(["--adversary"] if "--adversary" in command else [])])
        try:
            done = subprocess.run(
                command, env={**os.environ, **environment}, timeout=10 * limit_s + WAITS_S, cwd=self._at,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", preexec_fn=bound)
        except subprocess.TimeoutExpired:
            return name + ": takes too long"
        if done.returncode == 0:
            return ""
        if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
            return name + ": takes too long"
        said = re.search(r"TEST CASE: *(.*)|(seed .*)", done.stdout or "")
        return f"{name}: {said.group(1) or said.group(2)}" if said else f"{name}: ends with {done.returncode}"
