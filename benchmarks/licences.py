"""Licence detection: per licence over reference texts; allow or deny, tree by tree and file by file, over real source packages.

    python benchmarks/licences.py --data FOLDER                   # texts of SPDX and licensee's fixtures in FOLDER/licences
    python benchmarks/licences.py --fetch TREES                   # and some 150 packages of Debian, PyPI and npm, kept in TREES
    python benchmarks/licences.py --fetch TREES --only zlib six   # of these packages alone
    python benchmarks/licences.py --fetch TREES --offline --scancode VENV/bin/scancode   # only: both on some of those files

The truth is what Debian's copyright files say of every file, and what projects of PyPI and npm say of themselves. A third of the
Debian packages, by a hash of their names, is held out: rules were written from the others. Exit code 1 when LLaMA's set lets
a copyleft tree or reference text in, or, of all trees together, less than 97 % of those it should; 3 when no registry can be
reached, or ScanCode does not run.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import licence_peers
import licence_texts_report
import licence_trees
import source_packages as registry


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("GRISTMILL_TEST_DATA", "../shared/data"))
    parser.add_argument("--fetch", type=Path, help="a folder for packages; what is missing in it is fetched")
    parser.add_argument("--offline", action="store_true", help="only packages that are in the folder")
    parser.add_argument("--only", nargs="+", default=[], help="names of packages, as the registries have them")
    parser.add_argument("--show", type=int, default=0, help="files to print for each way of being wrong in a tree")
    parser.add_argument(
        "--scancode", metavar="COMMAND", help="compare with this ScanCode, over a sample, and do nothing else"
    )
    parser.add_argument("--sample", type=int, default=300, help="files for the comparison")
    chosen = parser.parse_args()
    if chosen.scancode and not chosen.fetch:
        parser.error("--scancode takes its files from packages: name their folder with --fetch")
    wrong = 0
    if not chosen.only and not chosen.scancode:
        wrong += licence_texts_report.reference_texts(Path(chosen.data) / "licences")
    if chosen.fetch:
        try:
            packages = wanted(chosen.fetch, chosen.only, chosen.offline)
        except registry.NoRegistry as problem:
            print(f"no packages: {problem}", file=sys.stderr)
            return 3
        if chosen.scancode:
            return _beside_scancode(chosen, packages)
        wrong += licence_trees.report(packages, chosen.show)
    return 1 if wrong else 0


def _beside_scancode(chosen: argparse.Namespace, packages: list[registry.Package]) -> int:
    try:
        licence_peers.beside_scancode(chosen.scancode, packages, Path(chosen.data) / "licences", chosen.sample)
    except (OSError, subprocess.SubprocessError) as problem:
        print(f"ScanCode does not run: {problem}", file=sys.stderr)
        return 3
    return 0


def wanted(folder: Path, only: list[str], offline: bool) -> list[registry.Package]:
    """Packages by registry and name. Raises NoRegistry."""
    folder.mkdir(parents=True, exist_ok=True)

    def names(all_names: list[str]) -> list[str]:
        return [name for name in all_names if not only or name in only]

    def table(kinds: dict[str, str]) -> dict[str, str]:
        return {kind: " ".join(names(line.split())) for kind, line in kinds.items()}

    debian, pypi, npm = (folder / part for part in ("debian", "pypi", "npm"))
    if not offline:
        for place in (debian, pypi, npm):
            place.mkdir(exist_ok=True)
        registry.fetch_debian(names(registry.DEBIAN), debian)
        registry.fetch_pypi(" ".join(table(registry.PYPI).values()).split(), pypi)
        registry.fetch_npm(" ".join(table(registry.NPM).values()).split(), npm)
    found = registry.debian_packages(names(registry.DEBIAN), debian)
    found += registry.known_packages(table(registry.PYPI), pypi) + registry.known_packages(table(registry.NPM), npm)
    if not found:
        raise registry.NoRegistry("none of the packages could be had")
    return found


if __name__ == "__main__":
    raise SystemExit(main())
