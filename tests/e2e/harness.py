# SPDX-License-Identifier: MIT
"""What the end-to-end tests share: running programs with and without the profiler, reports, checks, skipping.

A test is a Python program that calls main() with its cases. It exits with 0 when all checks hold, 1 when one fails
and 77, which ctest shows as skipped, when something that it needs is missing; with CI=true that is a failure too.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("STACKPIPE_BUILD", os.path.join(ROOT, "build")))
STACKPIPE = os.path.join(BUILD, "bin", "stackpipe")
AGENT = os.path.join(BUILD, "lib", "libstackpipe-agent.so")
TARGETS = os.path.join(BUILD, "tests", "targets")

SKIPPED = 77


class Failure(Exception):
    """A check that does not hold."""


class Skip(Exception):
    """Something that the test needs is missing on this machine."""


def check(holds, what):
    """Raises a Failure with the words `what` unless `holds`."""
    if not holds:
        raise Failure(what)


def need(program):
    """The path of a program, the system's own before others in PATH; skips the test when there is none."""
    path = shutil.which(program, path="/usr/bin:/bin:/usr/sbin:/sbin:" + os.environ.get("PATH", ""))
    if path is None:
        raise Skip(f"{program} is not installed")
    return path


def target(name):
    """The path of one of our own target programs, or of a library among them."""
    path = os.path.join(TARGETS, name)
    check(os.path.exists(path), f"{path} has not been built")
    return path


@dataclass
class Run:
    """What a program did."""

    status: int  # as a shell shows it: 128 + signal when it was killed
    stdout_path: str
    stderr_path: str
    seconds: float
    cpu_seconds: float  # of the program and its children

    @property
    def stdout(self):
        return read_text(self.stdout_path)

    @property
    def stderr(self):
        return read_text(self.stderr_path)


def read_text(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def clean_environment(extra=None):
    """The environment without anything that would change a profiled program or the profiler."""
    names = ("STACKPIPE_", "LD_PRELOAD", "DEBUGINFOD_URLS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(names)}
    kept.update({"LC_ALL": "C"}, **(extra or {}))
    return kept


class Bench:
    """A folder for one test's files, with the means to run programs in it. Use it in a `with` statement."""

    def __init__(self, name):
        self.folder = tempfile.mkdtemp(prefix=f"spipe-{name}-")
        self.count = 0

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None or not os.environ.get("STACKPIPE_KEEP"):
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            print(f"kept: {self.folder}", file=sys.stderr)

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, command, environment=None, prefix="run", new_session=False):
        """Starts a program with its output in files. Returns the process, to be given to finish()."""
        self.count += 1
        base = self.path(f"{prefix}-{self.count}")
        with open(base + ".out", "wb") as out, open(base + ".err", "wb") as err:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=self.folder,
                env=clean_environment(environment),
                start_new_session=new_session,
            )
        process.base = base
        process.started = time.monotonic()
        return process

    def finish(self, process, limit_s=120):
        """Waits for the end of a started program. Fails when it takes longer than the limit."""
        deadline = time.monotonic() + limit_s
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid != 0:
                break
            if time.monotonic() > deadline:
                process.kill()
                raise Failure(f"{process.args[0]} has not ended after {limit_s} s")
            time.sleep(0.002)
        process.returncode = os.waitstatus_to_exitcode(status)
        code = process.returncode if process.returncode >= 0 else 128 - process.returncode
        seconds = time.monotonic() - process.started
        return Run(code, process.base + ".out", process.base + ".err", seconds, usage.ru_utime + usage.ru_stime)

    def run(self, command, environment=None, limit_s=120):
        return self.finish(self.start(command, environment), limit_s)

    def record_command(self, command, rate=None, options=()):
        """The command line that records `command`, and where the capture goes."""
        check(os.path.exists(STACKPIPE), f"{STACKPIPE} has not been built")
        capture = self.path(f"capture-{self.count + 1}.spipe")
        own_options = ["--rate", str(rate)] if rate else []
        if "--budget" not in options:
            # On a busy machine samples cost more, and tests are to have as many as they ask for.
            own_options += ["--budget", "100"]
        return [STACKPIPE, "record", "-q", "-o", capture, *own_options, *options, "--", *command], capture

    def record(self, command, rate=None, options=(), environment=None, limit_s=180):
        """Profiles a program. Returns what it did and the capture's path."""
        line, capture = self.record_command(command, rate, options)
        return self.run(line, environment, limit_s), capture

    def report(self, capture, top=100000):
        """What `report --json` says of a capture."""
        run = self.run([STACKPIPE, "report", capture, "--json", "--top", str(top)])
        check(run.status == 0, f"report exits with {run.status}: {run.stderr.strip()}")
        return json.loads(run.stdout)


def same_bytes(path, other):
    """True when two files hold the same."""
    if os.path.getsize(path) != os.path.getsize(other):
        return False
    with open(path, "rb") as left, open(other, "rb") as right:
        while True:
            piece = left.read(1 << 20)
            if piece != right.read(1 << 20):
                return False
            if not piece:
                return True


def check_same_behaviour(plain, profiled):
    """Status and outputs are those of the run without us."""
    check(plain.status == profiled.status, f"exit status {profiled.status}, without us {plain.status}")
    check(same_bytes(plain.stdout_path, profiled.stdout_path), "stdout differs")
    check(same_bytes(plain.stderr_path, profiled.stderr_path), f"stderr differs: {profiled.stderr.strip()[:200]}")


def dropped(report):
    return sum(report["ledger"]["dropped"].values())


def check_ledger(report, ended=True):
    """Every tick is accounted for; after a Goodbye nothing is pending, and what was sent is what arrived."""
    ledger = report["ledger"]
    total = ledger["sent"] + ledger["pending"] + dropped(report)
    attempted = ledger["attempted"]
    check(attempted == total, f"the ledger does not close: attempted {attempted}, accounted {total}")
    # The ledger counts ticks; a sample that stands for several of them has their number as its weight.
    arrived = round(report["weight_ns"] * report["rate_hz"] / 1e9)
    if ended:
        check(not report["end"]["cut"], f"the capture is cut: {report['end']}")
        check(ledger["pending"] == 0, f"{ledger['pending']} ticks pending at Goodbye")
        check(ledger["sent"] == arrived, f"ticks sent {ledger['sent']}, arrived {arrived}")
    else:
        check(arrived >= ledger["sent"], f"ticks sent {ledger['sent']}, arrived {arrived}")


def reached_root_share(report):
    return report["stacks"].get("reached_root", 0) / max(1, sum(report["stacks"].values()))


def weight_share(report):
    """The sum of the weights beside the CPU time that the mechanism sees: 1.0 is exact."""
    return report["weight_ns"] / max(1, cpu_ns(report))


def cpu_ns(report):
    """Up to the tick the mechanism sees all CPU time of the process; above it what it covers."""
    whole = report["mechanism"] == "thread-cpu-timer"
    return report["process_cpu_ns"] if whole else report["covered_cpu_ns"]


def child_of(process, limit_s=5):
    """The pid of the only child of a process, once there is one."""
    path = f"/proc/{process.pid}/task/{process.pid}/children"
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        children = read_text(path).split()
        if children:
            return int(children[0])
        time.sleep(0.005)
    raise Failure(f"{process.args[0]} has started no program")


def is_alive(pid):
    """True while the process exists and is not a zombie."""
    try:
        return read_text(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(holds, what, limit_s=30):
    deadline = time.monotonic() + limit_s
    while not holds():
        check(time.monotonic() < deadline, f"after {limit_s} s still not so: {what}")
        time.sleep(0.01)


def kill(pid, number=signal.SIGKILL):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def skip_status():
    return 1 if os.environ.get("CI") == "true" else SKIPPED


def run_cases(cases):
    """Runs (name, function) cases in turn, says how each went, and returns the exit status."""
    failed, skipped = 0, 0
    for name, function in cases:
        try:
            function()
            print(f"ok      {name}")
        except Skip as reason:
            skipped += 1
            print(f"SKIPPED {name}: {reason}")
        except Failure as reason:
            failed += 1
            print(f"FAILED  {name}: {reason}")
        sys.stdout.flush()
    if failed:
        return 1
    return skip_status() if skipped else 0


def main(cases):
    """Runs the cases named on the command line, or all."""
    table = dict(cases)
    names = sys.argv[1:] or list(table)
    unknown = [name for name in names if name not in table]
    if unknown:
        print(f"unknown: {' '.join(unknown)}; there are: {' '.join(table)}", file=sys.stderr)
        sys.exit(2)
    sys.exit(run_cases([(name, table[name]) for name in names]))
