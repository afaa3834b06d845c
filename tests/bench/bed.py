# SPDX-License-Identifier: MIT
"""Where measurements happen: the helper programs of this folder, the two processors they are pinned to, and the ways in
which a program can be watched."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "e2e"))
import harness  # noqa: E402

BENCH = os.path.join(harness.BUILD, "bench")
PROFILER_LIBRARY = "libprofiler.so.0"
LIMIT_S = 300
PAIR_START_NS = 250_000_000  # by then perf has started, too


class Unusable(Exception):
    """Something that a row needs is missing, or has failed; the words say what."""


def helper(name):
    path = os.path.join(BENCH, name)
    if not os.path.exists(path):
        raise Unusable(f"{path} has not been built")
    return path


def processors():
    """The measured program's processor and everybody else's: the same one where there is only one."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[-1]


def read_account(path):
    with open(path, encoding="utf-8") as file:
        account = json.load(file)
    account["cpu_us"] = account["user_us"] + account["system_us"]
    account["own_cpu_us"] = account["cpu_us"] - account.get("agent_cpu_us", 0)
    return account


class Bed:
    """A folder for the files of a run, and the means to run programs watched in some way. Use it in a `with`."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="spipe-bench-")
        self.program_cpu, self.other_cpu = processors()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def call(self, command):
        """Runs a command of ours and returns its standard output."""
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S,
                              cwd=self.folder, env=harness.clean_environment(), check=False)
        if done.returncode != 0:
            raise Unusable(f"{os.path.basename(command[0])} fails: {(done.stderr or done.stdout).strip()[-300:]}")
        return done.stdout

    def session_command(self, result, command, options=(), prefix=(), is_pinned=True):
        pinned = ["--cpu", f"{self.program_cpu},{self.other_cpu}"] if is_pinned else []
        return [*prefix, helper("bench_session"), "--json", result, *pinned, *options, *command]

    def session(self, command, options=(), prefix=(), is_pinned=True):
        """Runs a program under bench_session (which see for the options), itself started by `prefix`. Returns what the
        program used and, when the agent was there, the session's account."""
        result = self.path("session.json")
        self.call(self.session_command(result, command, options, prefix, is_pinned))
        return read_account(result)

    def pair(self, command, options=(), prefix=(), watched_first=True):
        """Runs a program twice at the same time on the one processor, watched and by itself, so that both meet the same
        moments of the machine in slices of milliseconds. Returns both accounts, the watched one first."""
        start = ["--start-at", str(time.monotonic_ns() + PAIR_START_NS)]
        results = [self.path("watched.json"), self.path("itself.json")]
        commands = [self.session_command(results[0], command, [*options, *start], prefix),
                    self.session_command(results[1], command, start)]
        started = [subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                    text=True, cwd=self.folder, env=harness.clean_environment())
                   for line in (commands if watched_first else commands[::-1])]
        for process in started:
            complaint = process.communicate(timeout=LIMIT_S)[1]
            if process.returncode != 0:
                raise Unusable(f"{process.args[0]} fails: {complaint.strip()[-300:]}")
        return tuple(read_account(result) for result in results)

    def agent_options(self, rate=None, mechanism=None):
        options = ["--agent", harness.AGENT]
        if rate:
            options += ["--rate", str(rate)]
        if mechanism:
            options += ["--set", f"STACKPIPE_MECHANISM={mechanism}"]
        return options


def has_gperftools():
    listed = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=False).stdout
    return PROFILER_LIBRARY in listed


def perf():
    """The path of perf when it is there and may be used."""
    path = shutil.which("perf")
    if path is None:
        return None
    tried = subprocess.run([path, "record", "-q", "-e", "cpu-clock:u", "-o", "/dev/null", "true"], capture_output=True,
                           check=False)
    return path if tried.returncode == 0 else None
