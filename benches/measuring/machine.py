"""Runs a command and tells what it took: time, processor, memory of the whole tree of processes. And what it ran on."""

import collections
import datetime
import os
import pathlib
import platform
import re
import subprocess
import threading
import time

# Seconds of wall clock; seconds of processor, the system's included; bytes of memory at the peak.
Took = collections.namedtuple("Took", "seconds processor memory")

SECONDS_BETWEEN_SAMPLES = 0.01
TICK = os.sysconf("SC_CLK_TCK")
MIB = 1 << 20
# Cores that others take before anything is measured, and for how long that is looked at.
MOST_TAKEN = 0.3
SECONDS_TO_LOOK = 2


class Failure(Exception):
    """Something did not run, or did not get all events."""


def pinned(command, cores):
    """The command, kept to those cores; to none if there are none."""
    command = [str(part) for part in command]
    return ["taskset", "--cpu-list", ",".join(map(str, cores)), *command] if cores else command


def measured(command, log, environment=None, cwd=None):
    """Runs a command that must succeed."""
    # What an earlier run left to be written is not this one's matter.
    os.sync()
    with open(log, "wb") as file:
        began = time.monotonic()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment, cwd=cwd
        )
        watch = Watch(process.pid)
        watch.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    memory = watch.end()
    if process.returncode:
        tail = pathlib.Path(log).read_bytes()[-4000:].decode(errors="replace")
        raise Failure(f"`{' '.join(command)[:400]}` ended with {process.returncode}:\n{tail}")
    return Took(seconds, usage.ru_utime + usage.ru_stime, memory)


class Watch(threading.Thread):
    """Memory of a tree of processes, sampled: the largest sum of what is resident at once, or the peak that the system
    tells of a single process, if that is more. Pages that processes share are counted for each."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.peak, self.ended = pid, 0, threading.Event()

    def run(self):
        while True:
            together = 0
            for pid in tree(self.pid):
                resident, highest = memory(pid)
                together += resident
                self.peak = max(self.peak, highest)
            self.peak = max(self.peak, together)
            if self.ended.wait(SECONDS_BETWEEN_SAMPLES):
                return

    def end(self):
        self.ended.set()
        self.join()
        return self.peak


def tree(pid):
    """A process and all below it."""
    pids = [pid]
    for pid in pids:
        try:
            for children in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
                pids += map(int, children.read_text().split())
        except OSError:
            pass
    return pids


def memory(pid):
    """Bytes resident now, and at the peak; nothing of one that is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0, 0
    found = (re.search(rf"^{name}:\s+(\d+)", text, re.MULTILINE) for name in ["VmRSS", "VmHWM"])
    resident, highest = (int(match.group(1)) * 1024 if match else 0 for match in found)
    return resident, highest


def processor(pid):
    """Seconds of processor a process took so far, without its children."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def version(command, pattern=r"(\d+\.\d[\w.]*)"):
    """A version as a program tells it; None where the program is not there."""
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except OSError:
        return None
    match = re.search(pattern, told.stdout + told.stderr)
    return match.group(1) if match else "of unknown version"


def described(place, cores):
    """The machine in a few words."""
    cpu = re.search(r"^model name\s*:\s*(.+)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    total = int(re.search(r"^MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text(), re.MULTILINE).group(1))
    kind = subprocess.run(["df", "--output=fstype", place], capture_output=True, text=True).stdout.split()
    kept = f"all kept to {len(cores)} of its {os.cpu_count()} cores" if cores else f"{os.cpu_count()} cores"
    return (
        f"{cpu.group(1).strip() if cpu else platform.machine()}, {kept}, {total / (1 << 20):.0f} GiB of memory, "
        f"{kind[-1] if kind else 'some file system'}, Linux {platform.release()}"
    )


def busy():
    """A warning where others are at work already; else nothing."""
    before = times()
    time.sleep(SECONDS_TO_LOOK)
    idle, total = (after - earlier for after, earlier in zip(times(), before))
    taken = (1 - idle / total) * os.cpu_count()
    if taken < MOST_TAKEN:
        return ""
    return f" **Others were at work on {taken:.1f} cores when it began: these times are worth little.**"


def times():
    """Ticks that all cores were idle, and all ticks."""
    ticks = [int(field) for field in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)


def today():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")


def commit(root):
    told = subprocess.run(["git", "describe", "--always"], capture_output=True, text=True, cwd=root)
    # Tables that were just written change nothing that is measured.
    changed = ["git", "diff", "--quiet", "HEAD", "--", ".", ":(exclude)docs/performance.md"]
    dirty = "-dirty" if subprocess.run(changed, stderr=subprocess.DEVNULL, cwd=root).returncode == 1 else ""
    return told.stdout.strip() + dirty or "no commit"


def all_cores():
    return sorted(os.sched_getaffinity(0))
