"""What the machine is busy with, as scalars: `system/cpu`, `system/rss`, `system/disk`, `system/gpu/N/...`."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any, Callable, Iterator

_GPUS_MAX = 16


class MetricsThread:
    """Reads them from time to time on a thread of its own, "ppo-metrics": a driver or a disk that hangs
    holds up nobody else."""

    def __init__(self, publish: Callable[[str, dict], bool], every_s: float) -> None:
        self._stopped = threading.Event()
        target, of = _measure, (publish, every_s, self._stopped)  # and not self, which may be dropped
        threading.Thread(target=target, args=of, name="ppo-metrics", daemon=True).start()

    def stop(self) -> None:
        """Does not wait."""
        self._stopped.set()

    __del__ = stop


def _measure(publish: Callable, every_s: float, stopped: threading.Event) -> None:
    cpu, at = time.process_time(), time.monotonic()
    gpus: list = []
    first = True
    while not stopped.wait(every_s):
        if first:
            gpus, first = _gpus(), False
        cpu_before, at_before, cpu, at = cpu, at, time.process_time(), time.monotonic()
        publish("scalar", _scalar("cpu", 100 * (cpu - cpu_before) / max(at - at_before, 1e-9)))
        for read in (_rss, _disk, lambda: _gpu_loads(gpus)):
            try:
                for tag, value in read():
                    publish("scalar", _scalar(tag, value))
            except Exception:  # not on this system, or not now
                pass


def _scalar(tag: str, value: float) -> dict:
    return {"tag": "system/" + tag, "value": value}


def _rss() -> Iterator[tuple[str, float]]:
    with open("/proc/self/statm", "rb") as file:
        yield "rss", int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _disk() -> Iterator[tuple[str, float]]:
    """That of the working directory: percent used, as df has it."""
    disk = os.statvfs(".")
    used = disk.f_blocks - disk.f_bfree
    yield "disk", 100 * used / max(used + disk.f_bavail, 1)


def _gpus() -> list:
    """NVML's handles; empty where there is none of it."""
    try:
        import pynvml

        pynvml.nvmlInit()
        count = min(pynvml.nvmlDeviceGetCount(), _GPUS_MAX)
        return [pynvml.nvmlDeviceGetHandleByIndex(n) for n in range(count)]
    except Exception:
        return []


def _gpu_loads(gpus: list) -> Iterator[tuple[str, float]]:
    nvml: Any = sys.modules.get("pynvml")
    for n, gpu in enumerate(gpus):
        yield "gpu/%d/utilization" % n, nvml.nvmlDeviceGetUtilizationRates(gpu).gpu
        yield "gpu/%d/memory" % n, nvml.nvmlDeviceGetMemoryInfo(gpu).used
        yield "gpu/%d/temperature" % n, nvml.nvmlDeviceGetTemperature(gpu, nvml.NVML_TEMPERATURE_GPU)
        yield "gpu/%d/power" % n, nvml.nvmlDeviceGetPowerUsage(gpu) / 1000
