"""Allow or deny over source packages: what gristmill's `code` source does with each file, beside whose licence holds for it."""

from __future__ import annotations

import hashlib
import os
import tarfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from debian_copyright import DebianCopyright, Kind, families, kind
from gristmill.sources.code import Code
from gristmill.sources.licence_sets import licences_in
from gristmill.stage import InputFile
from source_packages import Package

DENIED = ("code.licence", "code.no_licence", "code.unrecognised_licence")
KINDS: tuple[Kind, ...] = ("in set", "other", "copyleft")
LEAST_SHARE_ALLOWED = 0.97


@dataclass
class File:
    path: str
    allowed: bool
    kept: bool  # became a document
    reason: str
    found: tuple[str, ...]
    evidence: str
    truth: str | None = None  # Debian's short name

    @property
    def kind(self) -> Kind | None:
        return None if self.truth is None else kind(self.truth)


@dataclass
class Tree:
    package: Package
    files: list[File] = field(default_factory=list)

    @property
    def kind(self) -> Kind | None:
        """Of most of its files; of a PyPI or npm package what its project says."""
        if self.package.kind is not None:
            return kind(self.package.kind)
        counts = Counter(file.kind for file in self.files if file.kind is not None)
        return counts.most_common(1)[0][0] if counts else None

    @property
    def allowed(self) -> bool:
        return 2 * sum(file.allowed for file in self.files) > len(self.files)


def read(package: Package) -> Tree:
    """The files of a known language of a package, with gristmill's decision and, where Debian has one, its account."""
    account = DebianCopyright.parse(package.copyright) if package.copyright else None
    top = top_folder(package)
    tree = Tree(package)
    for record in Code().records(
        InputFile(str(package.archive), package.archive.name, package.archive.stat().st_size, "")
    ):
        path = record.metadata["path"].removeprefix(top)
        if record.metadata.get("language") is None or path.startswith("debian/"):
            continue
        evidence = [f"{one['file'].removeprefix(top)} ({one['how']})" for one in record.metadata["evidence"][:3]]
        tree.files.append(
            File(
                path=path,
                allowed=record.reason not in DENIED,
                kept=record.open,
                reason=record.reason or "kept",
                found=tuple(record.metadata["licences"]),
                evidence=", ".join(evidence) or "nothing",
                truth=account.licence(path) if account else None,
            )
        )
    return tree


def top_folder(package: Package) -> str:
    """The folder that holds everything in the archive, with its slash; Debian's paths begin below it."""
    with tarfile.open(package.archive) as opened:
        names = {member.name.removeprefix("./") for member in opened if member.isfile()}
    common = {name.partition("/")[0] for name in names}
    return common.pop() + "/" if len(common) == 1 and all("/" in name for name in names) else ""


def held_out(name: str) -> bool:
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % 3 == 0


def report(packages: list[Package], show: int) -> int:
    """Prints every table; the number of targets missed by all trees together."""
    started, trees = time.process_time(), list[Tree]()
    for package in packages:
        tree = read(package)
        if tree.files and tree.kind is not None:
            trees.append(tree)
            _line(tree, show)
    spent = time.process_time() - started
    files = [file for tree in trees for file in tree.files]
    size = sum(os.path.getsize(tree.package.archive) for tree in trees) / 1e6
    print(
        f"{len(trees)} trees, {len(files)} files of known languages, {size:.0f} MB packed: "
        f"{spent:.0f} CPU s, {len(files) / spent:.0f} files/s"
    )
    groups = {
        "Debian, seen": [t for t in trees if t.package.copyright and not held_out(t.package.name)],
        "Debian, held out": [t for t in trees if t.package.copyright and held_out(t.package.name)],
        "PyPI and npm": [t for t in trees if t.package.kind],
    }
    for name, group in groups.items():
        if group:
            _confusion(name, group)
    missed = _confusion("all", trees)
    _by_licence([file for tree in trees for file in tree.files if file.truth is not None])
    return missed


def _line(tree: Tree, show: int) -> None:
    counts = Counter((file.kind, file.allowed) for file in tree.files)
    wrong_tree = tree.allowed != (tree.kind == "in set")
    let_in, kept_out = counts[("copyleft", True)], counts[("in set", False)]
    name = tree.package.name + (" *" if tree.package.copyright and held_out(tree.package.name) else "")
    allowed = sum(file.allowed for file in tree.files)
    print(
        f"{name:<36}{tree.kind:<10}allowed {allowed:>5}  denied {len(tree.files) - allowed:>5}"
        + (f"  copyleft let in {let_in}" if let_in else "")
        + (f"  MIT, BSD, Apache kept out {kept_out}" if kept_out else "")
        + ("   <--" if wrong_tree and tree.kind != "other" else "")
    )
    if not show:
        return
    ways: dict[tuple[str, str, str], list[File]] = defaultdict(list)
    for file in tree.files:
        if (file.kind, file.allowed) in (("copyleft", True), ("in set", False)):
            ways[
                (
                    file.truth or "",
                    " ".join(file.found),
                    file.evidence.partition(" (")[0] if file.reason != "code.no_licence" else "",
                )
            ].append(file)
    for (truth, found, evidence), files in sorted(ways.items(), key=lambda way: -len(way[1]))[:20]:
        print(
            f"    {len(files)} files: {truth} | found {found or files[0].reason} in {evidence[:60]}: "
            + " ".join(file.path for file in files[:show])
        )


def _confusion(name: str, trees: list[Tree]) -> int:
    """Prints a table; the copyleft trees let in, and one more where too few of MIT, BSD and Apache are."""
    by_tree = Counter((tree.kind, tree.allowed) for tree in trees)
    files = [file for tree in trees for file in tree.files if file.truth is not None]
    by_file = Counter((file.kind, file.allowed) for file in files)
    documents = Counter(file.kind for file in files if file.kept)
    print(f"\n{name}: what holds (rows), LLaMA's set (columns)")
    print(f"{'':<20}{'trees allowed':>15}{'denied':>8}{'files allowed':>16}{'denied':>8}{'documents':>11}")
    for row in KINDS:
        print(
            f"{row:<20}{by_tree[(row, True)]:>15}{by_tree[(row, False)]:>8}"
            f"{by_file[(row, True)]:>16}{by_file[(row, False)]:>8}{documents[row]:>11}"
        )
    should = by_tree[("in set", True)] + by_tree[("in set", False)]
    share = by_tree[("in set", True)] / should if should else 1.0
    print(
        f"MIT, BSD and Apache trees allowed: {100 * share:.1f} %; copyleft trees allowed: {by_tree[('copyleft', True)]}"
    )
    return by_tree[("copyleft", True)] + (share < LEAST_SHARE_ALLOWED)


def _by_licence(files: list[File]) -> None:
    """Precision: of the files whose main licence is found to be of a family, those for which Debian names it too. Recall: of the
    files for which Debian names one family alone, those whose main licence is found to be of it."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for file in files:
        assert file.truth is not None
        true = families(file.truth)
        found = {name for part in licences_in(file.found[0]) for name in families(part)} if file.found else set()
        for name in found:
            counts[name]["found"] += 1
            counts[name]["rightly"] += name in true
        if len(true) == 1:
            (name,) = true
            counts[name]["hold"] += 1
            counts[name]["recalled"] += name in found
    print(f"\n{'by licence, files':<20}{'alone':>8}{'found':>8}{'precision':>11}{'recall':>8}")
    for name, count in sorted(counts.items(), key=lambda item: -item[1]["hold"]):
        precision, recall = count["rightly"] / max(1, count["found"]), count["recalled"] / max(1, count["hold"])
        print(f"{name:<20}{count['hold']:>8}{count['found']:>8}{precision:>11.3f}{recall:>8.3f}")
