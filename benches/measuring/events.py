"""Whether all events are there, in whatever form somebody wrote them down."""

import gzip
import re
import subprocess

from .machine import Failure

# Within an event every quotation mark is escaped: this is nowhere but at the begin of one.
ID = re.compile(rb'\{"id": ?"([0-9a-f-]{36})"')


def must_be_there(name, files, events):
    """Each of so many events, once. Returns the bytes of the files."""
    files = list(files)
    ids = [match for file in files for match in ID.findall(content(file))]
    if len(ids) != events or len(set(ids)) != events:
        raise Failure(f"{name} wrote {len(ids)} events, {len(set(ids))} of them distinct, instead of {events}")
    return sum(file.stat().st_size for file in files)


def content(file):
    if file.suffix == ".zst":
        return subprocess.run(["zstd", "-dcq", file], check=True, stdout=subprocess.PIPE).stdout
    if file.suffix == ".gz":
        return gzip.decompress(file.read_bytes())
    return file.read_bytes()
