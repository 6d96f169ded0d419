"""A ledger of grain brought to a mill: who brought how much, and the toll the miller keeps."""

import csv
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

TOLL = 1 / 16  # of the grain, as was the custom


def read_deliveries(path: Path) -> list[tuple[str, float]]:
    """Name and kilograms of every line; lines that are not complete are skipped with a warning."""
    found = []
    with path.open(newline="", encoding="utf-8") as stream:
        for number, row in enumerate(csv.reader(stream), 1):
            try:
                name, kilograms = row[0].strip(), float(row[1])
            except (IndexError, ValueError):
                print(f"{path}:{number}: not a name and a weight, skipped")
                continue
            found.append((name, kilograms))
    return found


def flour_owed(deliveries: Iterable[tuple[str, float]], yield_: float = 0.95) -> dict[str, float]:
    """Kilograms of flour each customer gets back, after the toll and what is lost as bran and dust."""
    owed: dict[str, float] = defaultdict(float)
    for name, kilograms in deliveries:
        owed[name] += kilograms * (1 - TOLL) * yield_
    return dict(owed)


def print_table(owed: dict[str, float]) -> None:
    width = max(map(len, owed), default=0)
    for name, kilograms in sorted(owed.items(), key=lambda item: -item[1]):
        print(f"{name:<{width}}  {kilograms:8.1f} kg")
