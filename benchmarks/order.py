"""Plan and order of a mixture at the size of a crawl: `python benchmarks/order.py [--documents 10e6 100e6]`.

Document lengths are simulated (log-normal, as of web pages); the order is worked out in full, every entry of it, and
thrown away, so that the disk holds only lengths (4 bytes a document) and what is dealt out (8 bytes a document).
Prints CPU seconds and the resident memory at its highest, of a process of its own for each size: memory must not grow.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np

from gristmill.mixtures.order import Population, Targets, order_batches
from gristmill.mixtures.plan import Available
from gristmill.mixtures.shuffle import warm
from gristmill.mixtures.solver import solve
from gristmill.mixtures.spec import Mixture

PARTS = {
    "web": (0.9, 6.3),
    "code": (0.099, 6.8),
    "books": (0.001, 10.5),
}  # share of documents, log of the median length
CHUNK = 1 << 22


def simulate(folder: str, documents: int) -> tuple[list[Population], dict[str, Available]]:
    random = np.random.default_rng(0)
    populations, available = [], {}
    for number, (name, (share, median)) in enumerate(PARTS.items()):
        count, tokens, path = int(documents * share), 0, f"{folder}/{name}.lengths"
        with open(path, "wb") as stream:
            for start in range(0, count, CHUNK):
                size = min(CHUNK, count - start)
                lengths = np.clip(random.lognormal(median, 1.0, size), 8, 1e6).astype("<i4")
                tokens += int(lengths.sum(dtype=np.int64))
                lengths.tofile(stream)
        populations.append(Population(name, number, count, path))
        available[name] = Available(count, tokens)
    return populations, available


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def one(documents: int, memory: int, folder: str) -> None:
    warm()
    populations, available = simulate(folder, documents)
    before, started, wall = peak(), time.process_time(), time.monotonic()
    total = sum(offer.tokens for offer in available.values())
    mixture = Mixture(weights={"web": 0.8, "code": 0.12, "books": 0.08}, max_epochs=4, tokens=int(total * 0.9))
    plan = solve(mixture, available)
    planned = time.process_time()
    targets = Targets([[plan.targets[population.name] for population in populations]])
    entries = tokens = 0
    for batch in order_batches(populations, targets, 0, memory, f"{folder}/scratch"):
        entries += batch.num_rows
        tokens += int(batch.column("tokens").to_numpy().sum(dtype=np.int64))
    seconds = time.process_time() - planned
    assert tokens == plan.tokens
    print(plan)
    print(
        f"{documents:,} documents: plan {planned - started:.3f} s, order of {entries:,} entries {seconds:.1f} s of CPU "
        f"({entries / seconds / 1e6:.2f} M entries/s), {time.monotonic() - wall:.1f} s by the clock; "
        f"peak memory {peak():.0f} MiB, {before:.0f} MiB before"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", nargs="*", type=float, default=[10e6, 100e6])
    parser.add_argument("--memory", type=float, default=256, help="MiB that the order may hold")
    parser.add_argument("--folder", help="where lengths and scratch go")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        one(int(arguments.documents[0]), int(arguments.memory * 2**20), arguments.folder)
        return
    for documents in arguments.documents:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            options = ["--documents", str(documents), "--memory", str(arguments.memory), "--folder", folder]
            subprocess.run([sys.executable, os.path.abspath(__file__), "--one", *options], check=True)


if __name__ == "__main__":
    main()
