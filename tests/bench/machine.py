# SPDX-License-Identifier: MIT
"""The machine that figures were taken on, and whether it was quiet."""

import os
import platform
import time

QUIET_LOAD = 0.3  # of a core, used by others
QUIET_STEAL = 0.01  # of the time
PROBE_S = 0.5
REALTIME_COARSE = 5  # CLOCK_REALTIME_COARSE, which Python does not name


def read_first_line(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.readline().strip()
    except OSError:
        return ""


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


def cpu_times():
    """Jiffies of all cores together: busy, all, stolen by the hypervisor."""
    numbers = [int(word) for word in read_first_line("/proc/stat").split()[1:9]]
    whole = sum(numbers)
    return whole - numbers[3] - numbers[4], whole, numbers[7]


def busy_cores():
    """How many cores are at work while we only wait."""
    before = cpu_times()
    time.sleep(PROBE_S)
    after = cpu_times()
    return (after[0] - before[0]) / max(1, after[1] - before[1]) * os.cpu_count()


def tick_hz():
    """The kernel's tick, which is the resolution of its coarse clock."""
    return round(1 / time.clock_getres(REALTIME_COARSE))


def describe():
    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "tick_hz": tick_hz(),
        "governor": read_first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") or "none",
        "perf_event_paranoid": read_first_line("/proc/sys/kernel/perf_event_paranoid"),
        "load_at_start": os.getloadavg()[0],
        "busy_cores_at_start": round(busy_cores(), 2),
    }


class Watch:
    """What the hypervisor took away between start and end."""

    def __init__(self):
        self.start = cpu_times()

    def steal_share(self):
        now = cpu_times()
        return (now[2] - self.start[2]) / max(1, now[1] - self.start[1])


def warnings(facts, steal_share=0.0):
    said = []
    if facts["busy_cores_at_start"] > QUIET_LOAD:
        said.append(f"the machine was not quiet: {facts['busy_cores_at_start']} cores were busy before the start")
    if steal_share > QUIET_STEAL:
        said.append(f"the hypervisor took {100 * steal_share:.1f} % of the time away")
    return said
