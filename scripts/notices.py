#!/usr/bin/env python3
"""Prints the licences of everything that is built into the program: to go wherever the binary goes.

Reads what cargo has unpacked of each crate; cargo fetches what is missing. A crate that brings no text of its licence is
listed with what its manifest says. The same text is printed once.
"""

import json
import pathlib
import subprocess

HEADING = """\
Built into uipath-audit-exporter: Rust's standard library, under MIT OR Apache-2.0 (https://www.rust-lang.org), and these
crates, under the licences that follow.
"""
RULE = "=" * 80


def metadata():
    """What cargo knows of the program on this machine's platform, build tools and tests left out later."""
    host = subprocess.run(["rustc", "--print", "host-tuple"], check=True, capture_output=True, text=True).stdout.strip()
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", host]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def built_in(known):
    """The ids of all crates that normal dependencies lead to. Macros among them, which leave only code behind."""
    nodes = {node["id"]: node for node in known["resolve"]["nodes"]}
    found, waiting = set(), [known["resolve"]["root"]]
    while waiting:
        crate = waiting.pop()
        if crate in found:
            continue
        found.add(crate)
        for dependency in nodes[crate]["deps"]:
            if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                waiting.append(dependency["pkg"])
    return found


def texts(crate):
    """The licence files of a crate."""
    directory = pathlib.Path(crate["manifest_path"]).parent
    for path in sorted(directory.rglob("*")):
        name = path.name.upper()
        if path.is_file() and name.startswith(("LICENSE", "LICENCE", "COPYING", "NOTICE", "COPYRIGHT", "UNLICENSE")):
            if path.suffix not in (".rs", ".py", ".json", ".toml"):
                yield path.read_text(errors="replace").strip()


def main():
    known = metadata()
    ids = built_in(known)
    crates = [crate for crate in known["packages"] if crate["id"] in ids and crate["source"]]
    crates.sort(key=lambda crate: (crate["name"], crate["version"]))
    whose = {}
    for crate in crates:
        for text in texts(crate):
            whose.setdefault(text, []).append(f"{crate['name']} {crate['version']}")
    print(HEADING)
    for crate in crates:
        authors = ", ".join(crate["authors"]) or "its authors"
        licence = crate["license"] or "see below"
        print(f"{crate['name']} {crate['version']}: {licence} ({authors})")
    for text, names in whose.items():
        print(f"\n{RULE}\n{', '.join(dict.fromkeys(names))}\n{RULE}\n\n{text}")


if __name__ == "__main__":
    main()
