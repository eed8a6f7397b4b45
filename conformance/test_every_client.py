"""Every client in every scenario. The cells of the table run side by side, as
most of their time is an SDK's sleep between two tries."""

import collections
import concurrent.futures
import datetime
import unittest

from cell import Cell
from scenarios import SCENARIOS
from suite import QUICK, described

SIDE_BY_SIDE = 6
NAMES = [name for names in QUICK.values() for name in names]


def run(client, scenario):
    """Returns what the record has of a cell, what refused users read, and what went wrong."""
    lines, seen, problem = [], [], None
    try:
        cell = Cell(client)
        try:
            scenario(cell)
        finally:
            lines, seen = cell.world.audit(), cell.seen
            cell.close()
    except Exception as e:
        problem = e
    return lines, seen, problem


class EveryClient(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.clients = described(QUICK)
        with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            cls.cells = {(c.name, s): pool.submit(run, c, s) for s in SCENARIOS for c in cls.clients}
        cls.addClassCleanup(cls.show)

    @classmethod
    def show(cls):
        rows = [("CLIENT", "SCENARIO", "VERDICT", "REQUESTS TO VENDORD", "WITHIN")]
        for client in cls.clients:
            for scenario in SCENARIOS:
                lines, _, problem = cls.cells[client.name, scenario].result()
                rows.append((f"{client.name} {client.version}", scenario.__doc__, "failed" if problem else "ok",
                             counted(lines), f"{span(lines):.1f} s"))
        widths = [max(map(len, column)) for column in zip(*rows)]
        print("\n" + "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows))
        print("\nWhat the user of a refused program reads:")
        for scenario in SCENARIOS:
            for client in cls.clients:
                for text in cls.cells[client.name, scenario].result()[1]:
                    print(f"\n{scenario.__doc__}, {client.name}:\n    " + last_paragraph(text))

    def test_the_table_has_every_cell(self):
        self.assertEqual(len(self.cells), len(NAMES) * len(SCENARIOS))


def counted(lines):
    statuses = collections.Counter(line["status"] for line in lines)
    return ", ".join(f"{n} x {status}" for status, n in statuses.items())


def span(lines):
    """Seconds between the first request and the last."""
    times = [datetime.datetime.fromisoformat(line["time"]) for line in lines]
    return (max(times) - min(times)).total_seconds() if times else 0


def last_paragraph(text):
    """The message of a program that failed, without the trace before it."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith((" ", "}", "/", "Traceback", "During handling", "Node.js"))]
    return "\n    ".join(lines)


def cell_test(name, scenario):
    def test(self):
        problem = self.cells[name, scenario].result()[2]
        if problem:
            raise problem
    test.__doc__ = f"{name}: {scenario.__doc__}"
    return test


for scenario in SCENARIOS:
    for name in NAMES:
        setattr(EveryClient, f"test_{scenario.__name__}_{name.replace('-', '_')}", cell_test(name, scenario))


if __name__ == "__main__":
    unittest.main()
