"""Licence detection over SPDX's reference texts: precision and recall by family of licences."""

from __future__ import annotations

import json
import re
import tarfile
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

from gristmill.sources.licence_sets import allowed, licence_set
from gristmill.sources.licence_texts import from_text

COPYLEFT = re.compile(r"^(?:A?GPL|LGPL|MPL|EPL|CDDL|EUPL|OSL|CC-BY-(?:SA|NC))", re.I)


def reference_texts(folder: Path) -> int:
    """Precision and recall over SPDX's texts; decisions of LLaMA's set over them. Number of copyleft texts allowed."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    spent, size, let_in = 0.0, 0, []
    with tempfile.TemporaryDirectory() as place:
        for archive in sorted(folder.glob("*.tar.xz")):
            with tarfile.open(archive) as opened:
                opened.extractall(place, filter="data")
        texts = sorted(Path(place).glob("spdx-license-list/licenses/*.json"))
        for path in texts:
            text = json.loads(path.read_text()).get("licenseText", "").encode()
            started = time.process_time()
            evidence = from_text("LICENSE", text)
            spent += time.process_time() - started
            size += len(text)
            names = evidence.licences if evidence else ()
            same = family(path.stem) in {family(name) for name in names}
            found["all"]["recognised"] += bool(names)
            found["all"]["right"] += same
            found[group(path.stem)]["texts"] += 1
            found[group(path.stem)]["right"] += same
            found[group(path.stem)]["none"] += not names
            if COPYLEFT.match(path.stem) and names and all(allowed(name, licence_set("llama")) for name in names):
                let_in.append(path.stem)
    count = len(texts)
    print(f"SPDX texts: {count}, recall {found['all']['right'] / count:.3f}, ", end="")
    print(f"precision {found['all']['right'] / max(1, found['all']['recognised']):.3f}, {size / 1e6 / spent:.1f} MB/s")
    print(f"{'family':<10}{'texts':>7}{'right':>7}{'none':>7}")
    for name in sorted(set(found) - {"all"}):
        print(f"{name:<10}{found[name]['texts']:>7}{found[name]['right']:>7}{found[name]['none']:>7}")
    print(f"copyleft texts that LLaMA's set lets in: {len(let_in)} {' '.join(let_in)}")
    return len(let_in)


def family(name: str) -> str:
    """An identifier without `-only`, `-or-later` and `+`, which no text can tell."""
    return re.sub(r"(?:-only|-or-later|\+)$", "", name)


def group(name: str) -> str:
    found = re.match(r"AGPL|LGPL|GPL|MPL|EPL|BSD|MIT|Apache|CC|OLDAP|OSL|AFL|Artistic", name)
    return found[0] if found else "other"
