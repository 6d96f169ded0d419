"""Licence detection: per licence over reference texts, and allow or deny over real source trees.

    python benchmarks/licences.py --data FOLDER                 # texts of SPDX and licensee in FOLDER/licences
    python benchmarks/licences.py --data FOLDER --trees TREES   # and every package in TREES that is named below

Packages are taken from the registries beforehand: `pip download --no-deps --no-binary :all: NAME`, `npm pack NAME`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import tarfile
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

from gristmill.sources.code import Code
from gristmill.sources.licence_sets import allowed, licence_set
from gristmill.sources.licence_texts import from_text
from gristmill.stage import InputFile

# What the projects themselves say they are, by name of the distribution.
TREES = {
    "Apache-2.0": "rxjs mathjs aiohttp boto3 google_auth requests tornado rsa bleach google_api_core tenacity python_dateutil",
    "BSD-3-Clause": "uglify_js lxml networkx psutil reportlab sympy idna markupsafe jinja2 flask click werkzeug httpx",
    "MIT": "express lodash moment chart.js marked eslint prettier pytz six sqlalchemy attrs pyyaml toml wcwidth colorama "
    "urllib3 markdown_it_py mdurl",
    "MPL-2.0": "axe_core lightningcss certifi tqdm pathspec",
    "AGPL": "ua_parser_js",
    "EPL": "elkjs",
    "GPL": "tinymce ansible_core chess html2text mutagen pylint docutils_gpl mercurial unidecode pyqt5_sip",
    "LGPL": "mariadb astroid paramiko psycopg2 chardet pygobject text_unidecode",
}
ALLOWED = ("Apache-2.0", "BSD-3-Clause", "MIT")
COPYLEFT = re.compile(r"^(?:A?GPL|LGPL|MPL|EPL|CDDL|EUPL|OSL|CC-BY-(?:SA|NC))", re.I)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("GRISTMILL_TEST_DATA", "../shared/data"))
    parser.add_argument("--trees", help="a folder of packages, *.tar.gz and *.tgz")
    chosen = parser.parse_args()
    wrong = reference_texts(Path(chosen.data) / "licences")
    if chosen.trees:
        wrong += trees(Path(chosen.trees))
    return wrong


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


def trees(folder: Path) -> int:
    """Allow or deny, tree by tree: a tree is allowed when most of its files with a known language are."""
    kinds = {name: kind for kind, names in TREES.items() for name in names.split()}
    table: Counter[tuple[bool, bool]] = Counter()
    wrong = 0
    for path in sorted([*folder.rglob("*.tar.gz"), *folder.rglob("*.tgz")]):
        name = path.name.rsplit("-", 1)[0].lower().replace("-", "_")
        if name not in kinds:
            continue
        reasons: Counter[str] = Counter()
        for record in Code().records(InputFile(str(path), path.name, path.stat().st_size, "")):
            reasons[record.reason or "kept"] += 1
        denied = sum(reasons[f"code.{rule}"] for rule in ("licence", "no_licence", "unrecognised_licence"))
        let_in, should = reasons["kept"] > denied, kinds[name] in ALLOWED
        table[(should, let_in)] += 1
        wrong += let_in and not should
        mark = "" if let_in == should else "   <--"
        print(f"{name:<24}{kinds[name]:<14}kept {reasons['kept']:>5}  denied {denied:>5}{mark}")
    print("                         allowed  denied")
    print(f"MIT, BSD, Apache trees   {table[(True, True)]:>7}{table[(True, False)]:>8}")
    print(f"copyleft trees           {table[(False, True)]:>7}{table[(False, False)]:>8}")
    return wrong


def family(name: str) -> str:
    """An identifier without `-only`, `-or-later` and `+`, which no text can tell."""
    return re.sub(r"(?:-only|-or-later|\+)$", "", name)


def group(name: str) -> str:
    found = re.match(r"AGPL|LGPL|GPL|MPL|EPL|BSD|MIT|Apache|CC|OLDAP|OSL|AFL|Artistic", name)
    return found[0] if found else "other"


if __name__ == "__main__":
    raise SystemExit(1 if main() else 0)
