"""The truth that licence detection is measured against, and packages fetched today."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sources.licence_benchmark import debian_copyright, licence_trees
from tests.sources.licence_benchmark import source_packages as registry

ACCOUNT = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: example

# a remark, and a field that goes on
Files: *
Copyright: 2001 One
           2002 Two
License: Expat

Files: src/*.c
       lib/?.h
Copyright: 2003 Three
License: GPL-2+ and Expat
 Both hold.
 .
 A second paragraph of the text.

Files: src/free.c odd\\*name
Copyright: 2004 Four
License: BSD-3-clause

Files-Excluded: *.jar

License: GPL-2+
 The text that stands alone covers no file.
"""


def account() -> debian_copyright.DebianCopyright:
    found = debian_copyright.DebianCopyright.parse(ACCOUNT)
    assert found is not None
    return found


def test_the_last_paragraph_that_matches_a_file_wins() -> None:
    assert account().licence("README") == "Expat"
    assert account().licence("src/main.c") == "GPL-2+ and Expat"
    assert account().licence("src/free.c") == "BSD-3-clause"


def test_a_star_crosses_folders_and_a_question_mark_is_one_character() -> None:
    assert account().licence("src/deep/down/main.c") == "GPL-2+ and Expat"
    assert account().licence("lib/a.h") == "GPL-2+ and Expat"
    assert account().licence("lib/ab.h") == "Expat"


def test_a_backslash_makes_a_star_plain() -> None:
    assert account().licence("odd*name") == "BSD-3-clause"
    assert account().licence("oddest name") == "Expat"


def test_paragraphs_of_licence_text_alone_cover_no_file() -> None:
    found = debian_copyright.DebianCopyright.parse(
        "Format: 1.0\n\nFiles: src/*\nLicense: MIT\n\nLicense: GPL-2+\n Text.\n"
    )
    assert found is not None
    assert found.licence("src/a.c") == "MIT"
    assert found.licence("a.c") is None


def test_prose_is_no_account() -> None:
    assert (
        debian_copyright.DebianCopyright.parse("This package was put together by its authors.\n\nLicense: GPL\n")
        is None
    )


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Expat", "in set"),
        ("Apache-2.0", "in set"),
        ("BSD-3-clause", "in set"),
        ("BSD-like", "other"),
        ("zlib", "other"),
        ("GPL-2+", "copyleft"),
        ("GPL-2+ and Expat", "copyleft"),
        ("GPL-2+ or Expat", "in set"),
        ("Expat and zlib", "other"),
        ("GPL-2+ or Expat and LGPL-2.1", "copyleft"),  # `and` binds before `or`
        ("GPL-2+ or Expat, and BSD-2-clause", "in set"),  # a comma binds weaker than either
        ("MPL-1.1 or GPL-2+ or LGPL-2.1+", "copyleft"),
    ],
)
def test_an_expression_is_as_free_as_all_of_its_ands_and_one_of_its_ors(expression: str, expected: str) -> None:
    assert debian_copyright.kind(expression) == expected


# -- from the registries -------------------------------------------------------------------------------------------------


def fetched(fetch: Callable[..., None], names: list[str], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    try:
        fetch(names, folder, timeout=20)
    except registry.NoRegistry as problem:
        pytest.skip(f"no registry: {problem}")


def decided(packages: list[registry.Package], expected: dict[str, bool]) -> None:
    missing = set(expected) - {one.name for one in packages}
    if missing:
        pytest.skip(f"the registry does not give {' '.join(sorted(missing))}")
    trees = {one.name: licence_trees.read(one) for one in packages}
    assert {name: tree.allowed for name, tree in trees.items()} == expected
    assert all(tree.files for tree in trees.values())


@pytest.mark.slow
def test_source_distributions_of_today_are_allowed_or_denied(tmp_path: Path) -> None:
    fetched(registry.fetch_pypi, ["six", "html2text"], tmp_path)
    decided(registry.known_packages({"MIT": "six", "GPL": "html2text"}, tmp_path), {"six": True, "html2text": False})


@pytest.mark.slow
def test_npm_packages_of_today_are_allowed_or_denied(tmp_path: Path) -> None:
    fetched(registry.fetch_npm, ["lodash"], tmp_path)
    decided(registry.known_packages({"MIT": "lodash"}, tmp_path), {"lodash": True})


@pytest.mark.slow
def test_debian_sources_of_today_are_decided_as_their_copyright_files_say(tmp_path: Path) -> None:
    fetched(registry.fetch_debian, ["cjson", "sed"], tmp_path)
    packages = registry.debian_packages(["cjson", "sed"], tmp_path)
    decided(packages, {"cjson": True, "sed": False})
    trees = {one.name: licence_trees.read(one) for one in packages}
    assert {name: tree.kind for name, tree in trees.items()} == {"cjson": "in set", "sed": "copyleft"}
