"""Figures as tables that people read: a median with its smallest and largest, and whether a goal is met."""

import re
import statistics

from . import machine
from .machine import MIB

MET, MISSED = "met", "**missed**"
# Off where figures mean nothing.
GOALS = True


class Table:
    """Markdown. Columns are named once; a row is texts."""

    def __init__(self, *columns):
        self.columns, self.rows = columns, []

    def row(self, *cells):
        assert len(cells) == len(self.columns), cells
        # A bar within a cell would end it, within a code span too.
        self.rows.append([str(cell).replace("|", "\\|") for cell in cells])

    def __str__(self):
        columns = [column.replace("|", "\\|") for column in self.columns]
        lines = [columns, ["---"] + ["---:"] * (len(self.columns) - 1), *self.rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def figure(values, spell):
    """The median, and the smallest and largest where there are several."""
    values = list(values)
    middle, least, most = (spell(value) for value in [statistics.median(values), min(values), max(values)])
    # The unit is that of the median, if both are in it.
    unit = " " + middle.rpartition(" ")[2]
    if least.endswith(unit) and most.endswith(unit):
        least, most = least.removesuffix(unit), most.removesuffix(unit)
    return middle if len(values) == 1 else f"{middle} ({least}–{most})"


def seconds(value):
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def times(value):
    return f"{value:.2f} ×" if value < 10 else f"{value:.1f} ×"


def share(value):
    return f"{value * 100:.1f} %"


def mib(value):
    return f"{value / MIB:.1f} MiB"


def count(value):
    return f"{round(value):,}"


def ratios(above, below):
    """Round by round: what disturbs a round disturbs both."""
    return [a / b for a, b in zip(above, below)]


def goal(text, met):
    if not GOALS:
        return ""
    return f"{text}: {MET if met else MISSED}"


def goals(*told):
    return "; ".join(filter(None, told))


def missed(text):
    """The goals that a report says are missed, with what missed them."""
    return [line.strip("| ").replace("\\|", "|") for line in text.splitlines() if MISSED in line]


def write(document, parts):
    """Puts each part between its markers in a document."""
    text = document.read_text()
    for name, part in parts.items():
        begin, end = f"<!-- figures {name} -->", f"<!-- end {name} -->"
        pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
        if not pattern.search(text):
            raise machine.Failure(f"{document} has no place for part {name}: {begin} … {end}")
        text = pattern.sub(lambda _: f"{begin}\n{part}\n{end}", text)
    document.write_text(text)
