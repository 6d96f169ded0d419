"""Source code: whose licence holds for a file, which files are read, and what is taken off their tops."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.documents import Record
from gristmill.errors import UserError
from gristmill.sources.code import Code
from gristmill.sources.code_headers import without_header
from gristmill.sources.code_languages import is_generated, is_minified, is_vendored, language
from gristmill.sources.licence_heads import from_head
from gristmill.sources.licence_metadata import from_metadata
from gristmill.sources.licence_names import known
from gristmill.sources.licence_sets import allowed, licence_set
from gristmill.sources.licence_texts import from_text, is_licence_file
from gristmill.stage import InputFile
from tests.sources.archives import read

APACHE = (Path(__file__).parents[2] / "LICENSE").read_text()
BODY = "def add(a, b):\n    return a + b\n"
GPL_HEADER = "GNU GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007\n\nEveryone is permitted to copy.\n"


def packed(files: Mapping[str, str | bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, text in files.items():
            data = text if isinstance(text, bytes) else text.encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


def files(tmp_path: Path, contents: Mapping[str, str | bytes], **settings) -> dict[str, Record]:
    records = read(tmp_path, packed(contents), "repo-1.0.tar.gz", Code(**settings))
    assert len(records) == len(contents)
    return {str(record.title): record for record in records}


def outcomes(found: Mapping[str, Record]) -> dict[str, str]:
    return {name: record.reason or "kept" for name, record in found.items()}


# -- licences ------------------------------------------------------------------------------------------------------------


def test_the_nearest_licence_up_the_tree_holds(tmp_path: Path) -> None:
    found = files(
        tmp_path,
        {
            "r/LICENSE": APACHE,
            "r/a.py": BODY,
            "r/lib/b.py": BODY,
            "r/other/COPYING": "Some text of a licence that nobody knows.",
            "r/other/c.py": BODY,
            "r/other/deep/d.py": BODY,
            "r/gpl/package.json": '{"license": "GPL-3.0-only"}',
            "r/gpl/e.js": "let a = 1;\n",
            "r/f.py": "# SPDX-License-Identifier: GPL-2.0-or-later\n" + BODY,
            "r/g.py": "# SPDX-License-Identifier: MIT OR GPL-2.0-only\n" + BODY,
        },
    )
    assert outcomes(found) == {
        "r/LICENSE": "code.licence_file",
        "r/a.py": "kept",
        "r/lib/b.py": "kept",
        "r/other/COPYING": "code.unrecognised_licence",
        "r/other/c.py": "code.unrecognised_licence",
        "r/other/deep/d.py": "code.unrecognised_licence",
        "r/gpl/package.json": "code.licence",
        "r/gpl/e.js": "code.licence",
        "r/f.py": "code.licence",
        "r/g.py": "kept",
    }
    evidence = found["r/lib/b.py"].metadata
    assert evidence["licences"] == ["Apache-2.0"]
    assert evidence["evidence"][0]["file"] == "r/LICENSE"
    assert evidence["evidence"][0]["score"] > 0.9


def test_a_repository_without_a_licence_is_never_allowed(tmp_path: Path) -> None:
    assert outcomes(files(tmp_path, {"r/a.py": BODY})) == {"r/a.py": "code.no_licence"}
    assert outcomes(files(tmp_path, {"r/a.py": BODY}, unlicensed="keep")) == {"r/a.py": "kept"}


def test_several_licences_must_all_be_allowed_unless_any_will_do(tmp_path: Path) -> None:
    tree = {
        "r/LICENSE": APACHE,
        "r/PKG-INFO": "License: GPLv3\n",
        "r/COPYING.GPL": GPL_HEADER,
        "r/a.py": BODY,
    }
    assert outcomes(files(tmp_path, tree))["r/a.py"] == "code.licence"
    assert outcomes(files(tmp_path, tree, several="any"))["r/a.py"] == "kept"


MIT = """\
Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial
portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES
OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN
CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


def test_a_licence_text_at_the_top_of_a_file_holds_for_it_and_one_in_its_code_does_not(tmp_path: Path) -> None:
    comment = "".join(f"# {line}\n" for line in MIT.split("\n"))
    tree = {
        "r/COPYING": "Under the GPL.\n",
        "r/a.py": comment + BODY,
        "r/b.py": 'import os\nTEXT = r"""' + MIT + '"""\n' + BODY,
    }
    found = outcomes(files(tmp_path, tree))
    assert (found["r/a.py"], found["r/b.py"]) == ("kept", "code.licence")


def test_what_a_text_says_of_single_files_holds_for_them_alone(tmp_path: Path) -> None:
    tree = {"r/LICENSE": MIT + "\nThe script tool.py is under the GPL.\n", "r/a.py": BODY, "r/tool.py": BODY}
    found = outcomes(files(tmp_path, tree))
    assert (found["r/a.py"], found["r/tool.py"]) == ("kept", "code.licence")


@pytest.mark.parametrize(
    ("text", "decision"),
    [
        (MIT + "\nThe pictures are under another licence.\n" * 20, "kept"),
        (MIT + "\nSome parts are under the GNU General Public License.\n" * 20, "code.licence"),
        (MIT + "\nCommercial use needs our consent.\n" * 20, "code.unrecognised_licence"),
        ("Dual licensed under the MIT and GPL licenses.\n", "kept"),
        ("Alternatively under the GPL, as it runs on BSD.\n", "code.licence"),
        ("You may use this for what you like, as we say.\n" * 60 + MIT, "code.unrecognised_licence"),
    ],
)
def test_licence_files_that_say_other_things_too(text: str, decision: str, tmp_path: Path) -> None:
    assert outcomes(files(tmp_path, {"r/LICENSE": text, "r/a.py": BODY}))["r/a.py"] == decision


def test_texts_of_other_things_do_not_stand_for_the_folder(tmp_path: Path) -> None:
    tree = {"r/COPYING": "Under the GPL.\n", "r/sub/LICENSE-picocli.md": APACHE, "r/sub/a.py": BODY}
    assert outcomes(files(tmp_path, tree))["r/sub/a.py"] == "code.licence"


def test_a_readme_speaks_where_nothing_else_does(tmp_path: Path) -> None:
    tree = {"r/README.md": f"# A tool\n\n## License\n\n{MIT}", "r/a.py": BODY}
    assert outcomes(files(tmp_path, tree))["r/a.py"] == "kept"
    assert outcomes(files(tmp_path, tree | {"r/COPYING": "Under the GPL.\n"}))["r/a.py"] == "code.licence"


@pytest.mark.parametrize(
    ("notice", "spdx"),
    [
        (
            "# This program is free software; you can redistribute it and/or modify\n# it under the terms of the GNU General\n"
            "# Public License as published by",
            "GPL-1.0-or-later",
        ),
        (" * under the terms of version 2.1 of the GNU Lesser General Public\n * License", "LGPL-2.0-or-later"),
        (
            " * modify it under the terms of either:\n *\n *   * the GNU Lesser General\n * Public License",
            "LGPL-2.0-or-later",
        ),
        (" * This file may be redistributed under the terms of the GNU Public\n * License.", "GPL-1.0-or-later"),
        ("// This Source Code Form is subject to the terms of the Mozilla Public\n// License, v. 2.0.", "MPL-2.0"),
        ("# Unlike programs under other terms, this compares with GNU tools.", None),
    ],
)
def test_a_notice_in_a_file_counts_before_the_licence_around_it(notice: str, spdx: str | None) -> None:
    found = from_head("a.py", notice + "\n" + BODY)
    assert (found and found.licences) == (spdx and (spdx,))


def test_lines_of_a_licence_that_begin_with_authors_stay() -> None:
    terms = MIT.replace("AUTHORS OR COPYRIGHT", "\nAUTHORS OR COPYRIGHT")
    found = from_head("a.c", "/* a.c\n\n   Author: Ann\n\n" + terms + "\n*/\nint a;\n")
    assert found is not None
    assert found.licences == ("MIT",)


def test_sets_and_own_lists() -> None:
    assert allowed("Apache-2.0 WITH LLVM-exception", licence_set("llama"))
    assert not allowed("MIT AND LGPL-2.1-only", licence_set("llama"))
    assert not allowed("", licence_set("llama"))
    assert not allowed("proprietary (", licence_set("permissive"))
    for name in ("llama", "stack", "permissive", "blue_oak"):
        among = licence_set(name)
        assert {"MIT", "Apache-2.0", "BSD-3-Clause"} <= among
        for family in ("GPL", "LGPL", "AGPL", "MPL", "EPL", "CDDL", "CC-BY-SA"):
            assert not any(spdx.startswith(family + "-") for spdx in among), (name, family)
    with pytest.raises(UserError, match="no SPDX identifier"):
        Code(allow=("MITT",)).check()


@pytest.mark.parametrize(
    ("path", "content", "licences"),
    [
        ("pyproject.toml", '[project]\nlicense = "MIT OR Apache-2.0"', ("MIT OR Apache-2.0",)),
        ("pyproject.toml", '[project]\nclassifiers = ["License :: OSI Approved :: BSD License"]', ("BSD-3-Clause",)),
        ("pyproject.toml", '[tool.poetry]\nlicense = "GPL-3.0-only"', ("GPL-3.0-only",)),
        ("setup.cfg", "[metadata]\nlicense = Apache Software License\n", ("Apache-2.0",)),
        ("setup.py", "setup(name='x', license='The MIT License (MIT)')", ("MIT",)),
        ("package.json", '{"licenses": [{"type": "MIT"}, {"type": "Apache-2.0"}]}', ("MIT", "Apache-2.0")),
        ("Cargo.toml", '[package]\nlicense = "MIT/Apache-2.0"', ("MIT OR Apache-2.0",)),
        ("composer.json", '{"license": ["MIT", "GPL-2.0-only"]}', ("MIT OR GPL-2.0-only",)),
        ("x.gemspec", "  s.licenses = ['MIT', 'Ruby']", ("MIT", "Ruby")),
        ("pom.xml", "<license><name>Apache License, Version 2.0</name></license>", ("Apache-2.0",)),
        ("PKG-INFO", "Name: x\nLicense-Expression: ISC\n\nLicense: GPL", ("ISC",)),
        ("package.json", '{"license": "SEE LICENSE IN x"}', None),
        ("package.json", "{broken", None),
    ],
)
def test_package_metadata_states_licences(path: str, content: str, licences: tuple[str, ...] | None) -> None:
    found = from_metadata(path, content.encode())
    assert (found and found.licences) == licences


@pytest.mark.parametrize(
    ("name", "spdx"),
    [
        ("GNU General Public License v3 (GPLv3)", "GPL-3.0-only"),
        ("GNU Library or Lesser General Public License (LGPL)", "LGPL-2.0-or-later"),
        ("Mozilla Public License 2.0 (MPL 2.0)", "MPL-2.0"),
        ("mit", "MIT"),
        ("Whatever", None),
    ],
)
def test_names_people_write_are_known(name: str, spdx: str | None) -> None:
    assert known(name) == spdx


def test_which_files_are_licences() -> None:
    yes = "LICENSE COPYING.LESSER license-mit.txt LICENSES/MIT.txt UNLICENSE NOTICE GPL-3.0.txt jquery.LICENSE.txt".split()
    no = "src/license.py README licensing_guide.html.erb debian/copyright mit.py license-checker.js".split()
    assert [is_licence_file(name) for name in yes] == [True] * len(yes)
    assert [is_licence_file(name) for name in no] == [False] * len(no)
    assert from_text("NOTICE", b"This product includes software by Ann.") is None
    head = from_head("a.c", "/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */")
    assert head is not None
    assert head.licences == ("(GPL-2.0 WITH Linux-syscall-note) OR MIT",)


# -- files ---------------------------------------------------------------------------------------------------------------


def test_files_nobody_wrote_are_passed_over(tmp_path: Path) -> None:
    found = files(
        tmp_path,
        {
            "r/LICENSE": APACHE,
            "r/vendor/x/a.go": "package x\n",
            "r/api_pb2.py": BODY,
            "r/gen.py": "# Generated by make_tables. Do not edit.\n" + BODY,
            "r/app.js": "a=1;b=2;" * 500,
            "r/logo.png": b"\x89PNG\0\0",
            "r/data.xyz": "1 2 3\n",
            "r/big.py": "x = 1\n" * 200_000,
            "r/empty.py": "\n\n",
            "r/latin.py": "# caf\xe9\nx = 1\n".encode("latin-1"),
        },
    )
    assert outcomes(found) == {
        "r/LICENSE": "code.licence_file",
        "r/vendor/x/a.go": "code.vendored",
        "r/api_pb2.py": "code.generated",
        "r/gen.py": "code.generated",
        "r/app.js": "code.minified",
        "r/logo.png": "binary",
        "r/data.xyz": "code.language",
        "r/big.py": "code.too_large",
        "r/empty.py": "code.empty",
        "r/latin.py": "kept",
    }
    assert found["r/latin.py"].text == "# café\nx = 1\n"


@pytest.mark.parametrize(
    ("path", "text", "name"),
    [
        ("a.h", "class A { public: int x; };", "C++"),
        ("a.h", "int f(void);", "C"),
        ("a.m", "@interface A", "Objective-C"),
        ("a.m", "function y = f(x)\n% help\nend", "MATLAB"),
        ("run", "#!/usr/bin/env python3\n", "Python"),
        ("run", "#!/bin/bash -e\n", "Shell"),
        ("Dockerfile", "", "Dockerfile"),
        ("CMakeLists.txt", "", "CMake"),
        ("a.rs", "", "Rust"),
        ("a.qqq", "", None),
        ("README", "words", None),
    ],
)
def test_languages_by_name_and_content(path: str, text: str, name: str | None) -> None:
    assert language(path, text) == name


def test_what_counts_as_vendored_generated_minified() -> None:
    assert is_vendored("a/node_modules/b.js")
    assert not is_vendored("src/vendors.py")
    assert is_generated("package-lock.json", "{}")
    assert is_generated(
        "lib/a.js", '"use strict";\nObject.defineProperty(exports, "__esModule", { value: true });\nx();\n'
    )
    assert is_generated("a.css", "p { top: 0 }\n/*# sourceMappingURL=a.css.map */\n")
    assert not is_generated("a.js", '"use strict";\nx();\n')
    assert is_generated("pkg/generated/a.go", "package a\n")
    assert is_generated("a.go", "// Code generated by a tool. DO NOT EDIT.\n")
    assert is_generated("a.c", "/* Generated by Cython 3.0 */\n")
    assert is_generated("a.py", "# This table was generated by a call to\n# f(3)\n")
    for prose in (
        "The layout is typically generated by f.",
        "Do not modify the list in place.",
        "This file was written by Ann.",
    ):
        assert not is_generated("a.py", f'"""{prose}"""\n')
    assert not is_generated("a.py", "x = 1\n" * 20 + "# generated by hand\n")
    assert not is_minified("a.js", "function add(a, b) {\n  return a + b;\n}\n" * 40)


# -- headers -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "source", "expected"),
    [
        ("a.c", "/*\n * Copyright 2020 Ann\n */\n#include <a.h>\n", "#include <a.h>\n"),
        ("a.c", "// Copyright Ann\n// All rights reserved.\n\nint a;\n", "int a;\n"),
        (
            "a.c",
            "#include <a.h>\n#define B 1\n/* Copyright Ann */\n",
            "#include <a.h>\n#define B 1\n/* Copyright Ann */\n",
        ),
        ("a.c", "/* What it does. */\nint a;\n", "/* What it does. */\nint a;\n"),
        ("a.sh", "#!/bin/sh\n# Copyright Ann\n\necho\n", "#!/bin/sh\necho\n"),
        (
            "a.py",
            "#!/usr/bin/python\n# -*- coding: utf-8 -*-\n# Copyright Ann\n# MIT\nx = 1\n",
            "#!/usr/bin/python\n# -*- coding: utf-8 -*-\nx = 1\n",
        ),
        ("a.py", "# Reads files.\n\n# Copyright Ann\nx = 1\n", "# Reads files.\n\nx = 1\n"),
        ("a.py", '"""Copyright Ann.\n\nLicensed under MIT."""\nx = 1\n', "x = 1\n"),
        ("a.py", '"""Adds numbers."""\nCOPYRIGHT = 1\n', '"""Adds numbers."""\nCOPYRIGHT = 1\n'),
        ("a.md", "# Copyright\n\nText.\n", "# Copyright\n\nText.\n"),
        ("a.rs", "// Licensed under the Apache License\n#![no_std]\n", "#![no_std]\n"),
        ("a.php", "<?php\n/* Copyright Ann */\necho 1;\n", "<?php\necho 1;\n"),
        ("a.go", "// Copyright Ann\n\n//go:build linux\n\npackage a\n", "//go:build linux\n\npackage a\n"),
        ("a.lua", "--[[ Copyright\nAnn ]]\nreturn 1\n", "return 1\n"),
        ("a.py", "# Copyright", ""),
        ("a.pyx", "# Copyright Ann. See LICENSE.\n# cython: a=True, b=False\nx\n", "# cython: a=True, b=False\nx\n"),
        (
            "a.py",
            '"""Sends letters.\n\nAnd takes them.\n\n:copyright: (c) 2020 by Ann.\n:license: MIT, see LICENSE.\n"""\nx\n',
            '"""Sends letters.\n\nAnd takes them.\n"""\nx\n',
        ),
        (
            "a.c",
            "/*\n * sort.c: sorts lists\n *\n * Copyright 2020 Ann\n * Author: Ann\n *\n * Permission is hereby granted to\n"
            " * anyone, at no cost.\n *\n * Lists are short here.\n */\nint a;\n",
            "/*\n * sort.c: sorts lists\n *\n * Lists are short here.\n */\nint a;\n",
        ),
        (
            "a.py",
            "# Copyright Ann\n\n# Redistribution and use are permitted\n# if these conditions are met:\n\n# 1. Redistributions in"
            " binary form.\n\n# THIS SOFTWARE IS PROVIDED BY ANN\n# AND SHE IS NOT LIABLE.\n\n# Sorts.\nx\n",
            "# Sorts.\nx\n",
        ),
        (
            "a.py",
            "# After an article of the reader, which is\n# released under a free license\n# and translated to code.\nx\n",
            "# After an article of the reader, which is\n# released under a free license\n# and translated to code.\nx\n",
        ),
        (
            "a.xsl",
            "<!-- Shapes.\n\n The Zlib License\n Copyright 2020 Ann\n\n Permission is granted to all,\n if:\n\n"
            " 3. This notice may not be removed. -->\n<x/>\n",
            "<!-- Shapes.\n-->\n<x/>\n",
        ),
        (
            "a.go",
            "// Copyright 2009 Ann (all of it),\n// Bert and Carla of the north\n// All rights reserved.\n"
            "// Use of this source code is governed by a license\n// that lies beside it.\n\n// Package a sorts.\npackage a\n",
            "// Package a sorts.\npackage a\n",
        ),
        ("a.c", "/**\n * Copyright Ann\n *\n * Sorts.\n */\n\n/* Copyright Bert */\nx\n", "/**\n * Sorts.\n */\n\nx\n"),
        ("a.js", "// Draws.\n// SPDX-License-Identifier: MIT\n\nx\n", "// Draws.\n\nx\n"),
        (
            "a.c",
            "/* Copyright Ann\n   Draws lines and circles on it. */\nx\n",
            "/*\n   Draws lines and circles on it. */\nx\n",
        ),
    ],
)
def test_licence_headers_go_and_nothing_else(path: str, source: str, expected: str) -> None:
    assert without_header(path, source) == expected


@given(
    st.lists(
        st.sampled_from((*"#*/-% \n", '"""', "/*", "*/", "<!--", "-->", "(c) 2020 ", "Copyright", "word ", "license")),
        max_size=30,
    )
)
def test_the_code_under_a_header_is_never_touched(parts: list[str]) -> None:
    for name in ("a.py", "a.c", "a.xml", "a.sh"):
        assert without_header(name, "".join(parts) + "\n\n\nx = 1;\n").endswith("x = 1;\n")


# -- folders and tables --------------------------------------------------------------------------------------------------


def test_folders_are_repositories(tmp_path: Path) -> None:
    for name, text in (("one/LICENSE", APACHE), ("one/src/a.py", BODY), ("two/b.py", BODY), ("one/.git/config", "x")):
        path = tmp_path / "repos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    source = Code()
    inputs = [
        InputFile(path, os.path.relpath(path, tmp_path), os.path.getsize(path), "v")
        for path in source.expand(str(tmp_path / "repos"))
    ]
    records = [record for file in source.select(inputs) for record in source.records(file)]
    assert {str(record.title): record.reason or "kept" for record in records} == {
        "LICENSE": "code.licence_file",
        "src/a.py": "kept",
        "b.py": "code.no_licence",
    }
    assert {record.metadata["repository"] for record in records} == {"one", "two"}


def test_tables_state_their_licences(tmp_path: Path) -> None:
    rows = [
        {"content": BODY, "path": "a.py", "repo_name": "x/y", "license": "mit"},
        {"content": BODY, "path": "a.py", "repo_name": "x/y", "license": "gpl-3.0"},
        {"content": BODY, "path": "a.py", "repo_name": "x/y", "licenses": ["MIT", "Apache-2.0"]},
        {"content": BODY, "path": "a.py", "repo_name": "x/y", "license": "NOASSERTION"},
        {"path": "a.py"},
    ]
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    records = read(tmp_path, data, "github.jsonl", Code())
    assert [record.reason or "kept" for record in records] == [
        "kept",
        "code.licence",
        "kept",
        "code.no_licence",
        "no_text",
    ]
    assert records[0].metadata["repository"] == "x/y"
