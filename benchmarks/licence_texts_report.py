"""Licence detection over reference texts: SPDX's by family of licences, and the licence files that licensee is tested with."""

from __future__ import annotations

import json
import re
import tarfile
import time
from collections import Counter, defaultdict
from pathlib import Path

import yaml

from gristmill.sources.licence_sets import allowed, licence_set, licences_in
from gristmill.sources.licence_texts import from_text
from gristmill.sources.licence_tree import LicenceTree, decide

COPYLEFT = re.compile(r"^(?:A?GPL|LGPL|MPL|EPL|CDDL|EUPL|OSL|CC-BY-(?:SA|NC))", re.I)


def reference_texts(folder: Path) -> int:
    """Precision and recall over SPDX's texts; decisions of LLaMA's set over them and licensee's folders. Number of copyleft texts
    and folders allowed."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    spent, size, let_in = 0.0, 0, []
    texts = spdx_texts(folder)
    if not texts:
        print(f"no reference texts in {folder}")
        return 0
    for spdx, text in texts:
        started = time.process_time()
        evidence = from_text("LICENSE", text)
        spent += time.process_time() - started
        size += len(text)
        names = evidence.licences if evidence else ()
        same = family(spdx) in {family(name) for name in names}
        found["all"]["recognised"] += bool(names)
        found["all"]["right"] += same
        found[group(spdx)]["texts"] += 1
        found[group(spdx)]["right"] += same
        found[group(spdx)]["none"] += not names
        if COPYLEFT.match(spdx) and names and all(allowed(name, licence_set("llama")) for name in names):
            let_in.append(spdx)
    count = len(texts)
    print(f"SPDX texts: {count}, recall {found['all']['right'] / count:.3f}, ", end="")
    print(f"precision {found['all']['right'] / max(1, found['all']['recognised']):.3f}, {size / 1e6 / spent:.1f} MB/s")
    print(f"{'family':<10}{'texts':>7}{'right':>7}{'none':>7}")
    for name in sorted(set(found) - {"all"}):
        print(f"{name:<10}{found[name]['texts']:>7}{found[name]['right']:>7}{found[name]['none']:>7}")
    print(f"copyleft texts that LLaMA's set lets in: {len(let_in)} {' '.join(let_in)}")
    return len(let_in) + _licensee(folder)


def spdx_texts(folder: Path) -> list[tuple[str, bytes]]:
    """Identifiers and texts, by identifier; none where the list is not there."""
    members = _members(folder / "spdx-license-list.tar.xz")
    texts = {
        Path(path).stem: json.loads(data).get("licenseText", "").encode()
        for path, data in members.items()
        if "spdx-license-list/licenses/" in path and path.endswith(".json")
    }
    return sorted(texts.items())


def _licensee(folder: Path) -> int:
    """Folders with a licence file, changed as projects change them, and the licence that holds: licensee's fixtures. `other`
    and none must not be taken for a licence of LLaMA's set. The number of copyleft folders allowed."""
    members = {path.partition("/fixtures/")[2]: data for path, data in _members(folder / "licensee.tar.xz").items()}
    truth = yaml.safe_load(members.get("fixtures.yml", b"{}")) or {}
    right, wrong, let_in, unknown = 0, [], [], 0
    for name, stated in sorted(truth.items()):
        key = (stated or {}).get("key") or "none"
        tree = LicenceTree()
        for path, data in members.items():
            if path.startswith(f"{name}/") and tree.wants(inside := path.removeprefix(f"{name}/")):
                tree.add(inside, data)
        evidence = tree.evidence("main.c")
        names = {family(part).lower() for one in evidence for each in one.licences for part in licences_in(each)}
        fine = decide(evidence, licence_set("llama"), "main") == "allowed"
        known = key not in ("other", "none", "no-license")
        unknown += not known
        if key in names if known else not fine:
            right += 1
        else:
            wrong.append(f"{name} ({key}: {' '.join(sorted(names)) or '-'})")
        if fine and COPYLEFT.match(key):
            let_in.append(name)
    print(f"licensee's folders: {right} of {len(truth)} right, {unknown} of them of no one known licence")
    print(f"wrong: {', '.join(wrong) or '-'}; copyleft folders allowed: {len(let_in)} {' '.join(let_in)}")
    return len(let_in)


def _members(archive: Path) -> dict[str, bytes]:
    if not archive.exists():
        return {}
    with tarfile.open(archive) as opened:
        return {one.name: opened.extractfile(one).read() for one in opened if one.isfile()}  # type: ignore[union-attr]


def family(name: str) -> str:
    """An identifier without `-only`, `-or-later` and `+`, which no text can tell."""
    return re.sub(r"(?:-only|-or-later|\+)$", "", name)


def group(name: str) -> str:
    found = re.match(r"AGPL|LGPL|GPL|MPL|EPL|BSD|MIT|Apache|CC|OLDAP|OSL|AFL|Artistic", name)
    return found[0] if found else "other"
