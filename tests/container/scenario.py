"""What a user does with the image, on its file system: demo, check, run, health, stop. Called by `run`, in namespaces of
its own for mounts and network; each program gets one for processes, in which it is number 1.

    scenario.py IMAGE.json ROOT VERSION
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
IMAGE, IMAGE_ROOT, VERSION = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
CONFIG = json.loads(IMAGE.read_text())["Docker"]["config"]
WORK = IMAGE.parent
ROOT = WORK / "root-as-run"
PROGRAM = "usr/local/bin/uipath-audit-exporter"
STATE = "/var/lib/uipath-audit-exporter"
# Bytes that all files of the image may have together: it has twice as many here as where the program is optimized.
LARGEST = 80 << 20
# Seconds for whatever is waited for.
PATIENCE = 60
EXPORTER = """
[archive]
url = "file:///srv/uipath-audit"
[connections.simulator]
url = "http://127.0.0.1:8787/"
[connections.simulator.auth.client_credentials]
client_id = "4f5b9a5e-0c3e-4d61-9a38-6f1f2b1d7c10"
client_secret = { file = "/run/secrets/uipath" }
[defaults]
schedule = "* * * * * *"
start = "1d"
settle = "5s"
[[targets]]
name = "acme"
organization = "acme"
"""


def command(what, *arguments):
    """A program of the image in a process namespace of its own."""
    inside = f'mount -t proc proc "{ROOT}/proc" && exec "$@"'
    enter = [sys.executable, HERE / "enter.py", IMAGE, ROOT, what, *arguments]
    return ["unshare", "--pid", "--fork", "--kill-child", "--mount", "sh", "-c", inside, "sh", *map(str, enter)]


def run(what, *arguments, expect=0):
    done = subprocess.run(command(what, *arguments), capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == expect, f"{what} {arguments}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


class Running:
    """A program of the image that goes on."""

    def __init__(self, *arguments):
        self.log = WORK / f"{len(list(WORK.glob('*.log')))}.log"
        with self.log.open("w") as log:
            self.outside = subprocess.Popen(command("entry", *arguments), stdout=log, stderr=log)
        wait("it starts", self.number)

    def number(self):
        """Of the process, as it is seen from here; 0 until the program itself runs."""
        children = Path(f"/proc/{self.outside.pid}/task/{self.outside.pid}/children").read_text().split()
        assert self.outside.poll() is None, self.log.read_text()
        runs = children and os.readlink(f"/proc/{children[0]}/exe").endswith(PROGRAM)
        return int(children[0]) if runs else 0

    def stop(self):
        begin = time.monotonic()
        os.kill(self.number(), 15)
        code = self.outside.wait(PATIENCE)
        assert code == 0, f"exit {code} after SIGTERM\n{self.log.read_text()}"
        return time.monotonic() - begin


def wait(what, done):
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline, f"waited too long until {what}"
        time.sleep(0.05)


def is_small_and_bare():
    files = [path for path in IMAGE_ROOT.rglob("*") if path.is_file() and not path.is_symlink()]
    size = sum(path.stat().st_size for path in files)
    assert size < LARGEST, f"{size} bytes"
    programs = [str(path.relative_to(IMAGE_ROOT)) for path in files if path.stat().st_mode & 0o111]
    others = [path for path in programs if path != PROGRAM and ".so" not in path]
    assert not others, f"more programs than one: {others}"
    privileged = [path for path in files if path.stat().st_mode & 0o6000]
    assert not privileged, f"programs that change who they run as: {privileged}"
    packages = {path.name for path in (IMAGE_ROOT / "var/lib/dpkg/status.d").iterdir()}
    assert {"libc6", "libgcc-s1", "ca-certificates"} <= packages, f"scanners are told of {packages}"
    document = json.loads((IMAGE_ROOT / "usr/share/doc/uipath-audit-exporter/sbom.cdx.json").read_text())
    crates = {component["name"] for component in document["components"]}
    assert document["bomFormat"] == "CycloneDX" and {"tokio", "sled", "rustls"} <= crates, f"a list of {len(crates)} crates"
    assert "tempfile" not in crates, "what tests alone use is listed"
    sections = subprocess.run(["readelf", "-S", "-W", IMAGE_ROOT / PROGRAM], capture_output=True, text=True, check=True)
    assert ".dep-v0" in sections.stdout, "the program does not list its crates"
    print(f"the image holds {len(files)} files in {size / (1 << 20):.1f} MiB; its list has {len(crates)} crates")


def says_what_it_is():
    labels = CONFIG["Labels"]
    for name in ["title", "description", "licenses", "version", "revision"]:
        assert labels[f"org.opencontainers.image.{name}"], f"no {name}"
    assert labels["org.opencontainers.image.version"] == VERSION, "ARG VERSION is not that of Cargo.toml"
    assert CONFIG["User"] == "65532:65532" and CONFIG["StopSignal"] == "SIGTERM", CONFIG
    assert set(CONFIG["Volumes"]) == {STATE, "/srv/uipath-audit"}, CONFIG["Volumes"]


def mount():
    """As an engine does: places for mounts are made, then the root is read-only."""
    for place in ["proc", "dev", "run/secrets", "etc/uipath-audit-exporter"]:
        (IMAGE_ROOT / place).mkdir(parents=True, exist_ok=True)
    (WORK / "exporter.toml").write_text(EXPORTER)
    (WORK / "secret").write_text("sim-secret-1\n")
    os.chown(WORK / "secret", 65532, 65532)
    (WORK / "secret").chmod(0o400)
    files = {"etc/uipath-audit-exporter/exporter.toml": WORK / "exporter.toml", "run/secrets/uipath": WORK / "secret"}
    for device in ["null", "urandom"]:
        files[f"dev/{device}"] = Path("/dev") / device
    for place in files:
        (IMAGE_ROOT / place).touch()
    ROOT.mkdir()
    steps = [["mount", "--bind", IMAGE_ROOT, ROOT]]
    for volume in CONFIG["Volumes"]:
        # A new volume begins as the image has the directory: whose it is, too.
        of_image = (IMAGE_ROOT / volume[1:]).stat()
        assert of_image.st_uid == 65532, f"{volume} is not its user's"
        (WORK / volume[1:]).mkdir(parents=True)
        os.chown(WORK / volume[1:], of_image.st_uid, of_image.st_gid)
        steps.append(["mount", "--bind", WORK / volume[1:], ROOT / volume[1:]])
    steps += [["mount", "--bind", source, ROOT / place] for place, source in files.items()]
    steps += [["mount", "-o", "remount,bind,ro", ROOT], ["ip", "link", "set", "lo", "up"]]
    for step in steps:
        subprocess.run(step, check=True)
    try:
        (ROOT / "written").touch()
    except OSError:
        return
    raise AssertionError("the root can be written")


def exports():
    said = run("entry", "--version")
    assert VERSION in said, said
    # In its working directory, which is a volume.
    run("entry", "demo", "--events", "2000")
    summary = WORK / STATE[1:] / "uipath-audit-demo/demo.json"
    assert "2000" in summary.read_text(), summary.read_text()
    print("demo: done, read-only, as user 65532")

    simulator = Running("simulate", "--listen", "127.0.0.1:8787")
    wait("the simulator serves", lambda: "4f5b9a5e" in simulator.log.read_text())
    run("entry", "check")
    print("check: done")

    run("health", expect=1)
    daemon = Running()
    environment = Path(f"/proc/{daemon.number()}/environ")
    wait("it has started itself anew", lambda: b"MALLOC_ARENA_MAX=1" in environment.read_bytes().split(b"\0"))

    def healthy():
        return subprocess.run(command("health"), capture_output=True, check=False).returncode == 0

    wait("it is healthy", healthy)
    wait("it archives", lambda: list((WORK / "srv/uipath-audit/commits/acme").glob("*.json")))
    run("entry", "health", "--address", "127.0.0.1:9464", "--ready")
    print(f"run: healthy, ready, archives; ends {daemon.stop():.1f} s after SIGTERM")
    run("health", expect=1)
    simulator.stop()
    run("entry", "verify", "--deep", "--archive", "/srv/uipath-audit")
    print("verify: done")


is_small_and_bare()
says_what_it_is()
mount()
exports()
