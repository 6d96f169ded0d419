"""gristmill's licence detector beside ScanCode, on the same files: SPDX's texts, and licence files and heads of source files of
packages whose licence is known."""

from __future__ import annotations

import hashlib
import heapq
import json
import posixpath
import resource
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from debian_copyright import DebianCopyright, kind
from gristmill.sources.code_languages import language
from gristmill.sources.licence_heads import from_head
from gristmill.sources.licence_sets import allowed, licence_set, licences_in
from gristmill.sources.licence_texts import Evidence, from_text, is_licence_file, regions_in
from gristmill.sources.licence_tree import LicenceTree, decide
from licence_texts_report import family, spdx_texts
from licence_trees import top_folder
from source_packages import Package

HEAD = 6000  # bytes of a source file that both look at
A_PACKAGE = 2  # files of each sort
Found = list[str]  # identifiers and expressions, the main one first


@dataclass(frozen=True)
class Sample:
    """allowed: whether LLaMA's set should let it in. spdx: identifier of a reference text. tree: the licence files around it."""

    name: str
    data: bytes
    allowed: bool
    spdx: str | None = None
    tree: LicenceTree | None = None

    @property
    def text(self) -> str:
        return self.data.decode("utf-8-sig", "replace")

    @property
    def sort(self) -> str:
        return "SPDX texts" if self.spdx else "licence files" if is_licence_file(self.name) else "source heads"


def beside_scancode(command: str, packages: list[Package], texts: Path, count: int) -> None:
    """Prints agreement with the truth and with one another, and CPU time, over some `count` files. Raises OSError and
    subprocess.CalledProcessError where ScanCode does not run."""
    samples = [*_of_texts(texts, count * 2 // 5), *_of_packages(packages, count - count * 2 // 5)]
    ours, our_seconds = _ours(samples)
    theirs, their_seconds, their_start = _scancode(command, samples)
    print(f"\n{len(samples)} files, {sum(len(one.data) for one in samples) / 1000:.0f} kB; agreement with the truth, %")
    print(f"{'':<38}{'files':>7}{'gristmill':>11}{'ScanCode':>10}{'same decision':>15}")
    for sort in ("SPDX texts", "licence files", "source heads"):
        chosen = [at for at, one in enumerate(samples) if one.sort == sort]
        truth, both = [samples[at].allowed for at in chosen], [[found[at] for at in chosen] for found in (ours, theirs)]
        if sort == "SPDX texts":
            right = [[_names(found, samples[at].spdx) for at, found in zip(chosen, of, strict=True)] for of in both]
            _row("SPDX texts, identifier", right, None)
        _decisions(f"{sort}, allow or deny", truth, both)
        if sort == "source heads":
            behind = [_behind(samples[at]) for at in chosen]
            with_tree = [[own or tree for own, tree in zip(of, behind, strict=True)] for of in both]
            _decisions("… and the tree's licence behind them", truth, with_tree)
    n = len(samples)
    print(
        f"gristmill {our_seconds:.2f} CPU s, {n / our_seconds:.0f} files/s; ScanCode {their_seconds:.1f} CPU s beside "
        f"{their_start:.1f} s to start, {n / their_seconds:.1f} files/s; ratio {their_seconds / our_seconds:.0f}"
    )
    for one, our, their in zip(samples, ours, theirs, strict=True):
        right = [_lets_in(found) == one.allowed for found in (our, their)]
        if not all(right):
            who = "both" if not any(right) else "ScanCode" if right[0] else "gristmill"
            print(
                f"  {who} wrong: {one.name} should be {'allowed' if one.allowed else 'denied'}; "
                f"gristmill {' & '.join(our)[:120] or '-'}; ScanCode {' & '.join(their)[:120] or '-'}"
            )


def _decisions(name: str, truth: list[bool], both: list[list[Found]]) -> None:
    let_in = [[_lets_in(found) for found in of] for of in both]
    _row(name, [[one == true for one, true in zip(of, truth, strict=True)] for of in let_in], let_in)
    wrongly = [sum(one and not true for one, true in zip(of, truth, strict=True)) for of in let_in]
    print(f"{'  of them to be denied, and let in':<38}{len(truth) - sum(truth):>7}{wrongly[0]:>11}{wrongly[1]:>10}")


def _row(name: str, right: list[list[bool]], decided: list[list[bool]] | None) -> None:
    shares = [100 * sum(one) / max(1, len(one)) for one in right]
    if decided is not None:
        shares.append(100 * sum(a == b for a, b in zip(*decided, strict=True)) / max(1, len(decided[0])))
    print(
        f"{name:<38}{len(right[0]):>7}{shares[0]:>11.1f}{shares[1]:>10.1f}" + "".join(f"{s:>15.1f}" for s in shares[2:])
    )


def _names(found: Found, spdx: str | None) -> bool:
    return family(spdx or "") in {family(part) for name in found for part in licences_in(name)}


def _behind(sample: Sample) -> Found:
    """What holds in the folder of a source file, for both: ScanCode decides nothing for trees."""
    assert sample.tree is not None
    evidence = sample.tree.evidence(sample.name.partition("/")[2])
    return [name for one in evidence for name in one.licences]


def _lets_in(found: Found) -> bool:
    """gristmill's rule for several licences in one place, for both."""
    return decide([Evidence("", "text", tuple(found))] if found else [], licence_set("llama"), "main") == "allowed"


# -- the sample ----------------------------------------------------------------------------------------------------------


def _order(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def _of_texts(folder: Path, count: int) -> list[Sample]:
    texts = heapq.nsmallest(count, spdx_texts(folder), key=lambda text: _order(text[0]))
    return [Sample(f"{spdx}.txt", text, allowed(spdx, licence_set("llama")), spdx) for spdx, text in texts]


def _of_packages(packages: list[Package], count: int) -> list[Sample]:
    found: list[Sample] = []
    for package in sorted(packages, key=lambda one: _order(one.name)):
        if len(found) < count:
            found += _of_package(package)
    return found[:count]


def _of_package(package: Package) -> list[Sample]:
    """Licence files at the top of a package, and the first bytes of source files that speak of a licence. The truth is what
    Debian, or the project, says of the file; files of other licences than MIT, BSD, Apache and copyleft ones are left out."""
    account = DebianCopyright.parse(package.copyright) if package.copyright else None
    top = top_folder(package)
    best: dict[bool, list[tuple[str, Sample]]] = {True: [], False: []}
    tree = LicenceTree()
    for path, data in _files(package):
        inside = path.removeprefix(top)
        if tree.wants(inside):
            tree.add(inside, data)
        stated = account.licence(inside) if account else package.kind
        whose = kind(stated) if stated else "other"
        if whose == "other":
            continue
        is_text = is_licence_file(inside)
        if "/" in inside if is_text else tree.wants(inside):  # of the texts those at the top; no metadata, no READMEs
            continue
        if not is_text:
            data = data[:HEAD]
            if (
                account is None
                or language(inside, data.decode("utf-8", "replace")) is None
                or b"icen" not in data[:2000]
            ):
                continue
        name = f"{package.name}/{inside}"
        sample = Sample(name, data, whose == "in set", tree=tree)
        best[is_text] = heapq.nsmallest(A_PACKAGE, [*best[is_text], (_order(name), sample)], key=lambda one: one[0])
    return [sample for part in best.values() for _, sample in part]


def _files(package: Package) -> Iterator[tuple[str, bytes]]:
    """Small files of an archive: of one in eight by a hash, of licence files and metadata all."""
    with tarfile.open(package.archive) as opened:
        for member in opened:
            path = member.name.removeprefix("./")
            if not member.isfile() or not 0 < member.size < 200_000:
                continue
            if LicenceTree.wants(path) or int(_order(path)[:2], 16) % 8 == 0:
                stream = opened.extractfile(member)
                assert stream is not None
                yield path, stream.read()


# -- the detectors -------------------------------------------------------------------------------------------------------


def _ours(samples: Iterable[Sample]) -> tuple[list[Found], float]:
    from_text("LICENSE", b"MIT License")  # builds the tables, as ScanCode's start does
    regions_in.cache_clear()
    found, started = [], time.process_time()
    for one in samples:
        if one.spdx or is_licence_file(one.name):
            evidence = from_text("LICENSE" if one.spdx else posixpath.basename(one.name), one.data)
        else:
            evidence = from_head(one.name, one.text)
        found.append(list(evidence.licences) if evidence else [])
    return found, time.process_time() - started


def _scancode(command: str, samples: list[Sample]) -> tuple[list[Found], float, float]:
    """What it finds in each file in the order of the text; CPU seconds for them, and what it needs for a single word."""
    with tempfile.TemporaryDirectory() as place:
        few, many = Path(place, "few"), Path(place, "many")
        few.mkdir()
        many.mkdir()
        (few / "word.txt").write_text("word\n")
        for at, one in enumerate(samples):
            folder = many / f"{at:05}"
            folder.mkdir()
            (folder / posixpath.basename(one.name)).write_bytes(one.data)
        _, start = _scan(command, few)
        scanned, spent = _scan(command, many)
    found: dict[int, Found] = {}
    for one in scanned:
        if one["type"] == "file":
            detections = sorted(one["license_detections"], key=lambda each: each["matches"][0]["start_line"])
            names = [name for each in detections for name in _parts(each["license_expression_spdx"])]
            found[int(Path(one["path"]).parts[1])] = list(dict.fromkeys(names))
    return [found[at] for at in range(len(samples))], spent - start, start


def _parts(expression: str) -> list[str]:
    """Licences that all hold, one by one, as our detector has them."""
    return [expression] if " OR " in expression else licences_in(expression)


def _scan(command: str, folder: Path) -> tuple[list[dict], float]:  # type: ignore[type-arg]
    output = folder.with_suffix(".json")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [command, "--license", "--quiet", "-n", "1", "--json", str(output), str(folder)],
        check=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=900,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(output.read_text())["files"], seconds
