"""Rules for source files."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.filters.code import CodeRules
from tests.stages import run_filter

CODE = "def add(a, b):\n    return a + b  # a sum\n"


def reasons(texts: list[str], names: list[str], **settings) -> list[str | None]:
    columns = {
        "metadata": [
            json.dumps({"extension": name.rpartition(".")[2]}) if n % 2 else None for n, name in enumerate(names)
        ],
        "title": names,
    }
    found = run_filter(CodeRules(**settings), texts, columns).column("drop").to_pylist()
    return [reason and reason.removeprefix("code_rules.") for reason in found]


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.py", CODE, None),
        ("a.py", CODE + "x" * 1001, "long_line"),
        ("a.py", ("x" * 101 + "\n") * 5, "long_lines"),
        ("a.py", "+-*/ " * 15 + "abc\n", "few_alphanumeric"),
        ("a.svgz", '<?xml version="1.0"?>\n<a>text</a>\n', "xml"),
        ("a.xml", '<?xml version="1.0"?>\n<a>text</a>\n', None),
        ("a.html", "<p>" + "some words\n" * 20 + "</p>\n", None),
        ("a.html", "<p>word</p>" * 3, "little_visible"),
        ("a.html", "<script>" + "var a = 1;\n" * 40 + "</script>" + "<p>word</p>\n" * 3, "little_visible"),
        ("a.json", '{"name": "value", "other": "words and words and words"}', None),
        ("a.json", '{"ab": "bc"}', "data_size"),
        ("a.yaml", "key: " + "word\n" * 1200, "data_size"),
        ("a.yml", "a: 1234567890\n" * 20, "data_letters"),
        ("a.py", "a = 1234567890\n" * 20, None),
    ],
)
def test_starcoder_rules(name: str, text: str, reason: str | None) -> None:
    assert reasons([text, text], [name, name]) == [reason, reason]


def test_dialects_differ_in_what_they_drop() -> None:
    texts, names = ['{"a": 1}', "1 2 3 a\n" * 9, "<p>word</p>"], ["a.json", "a.txt", "a.html"]
    assert reasons(texts, names) == ["data_size", None, "little_visible"]
    assert reasons(texts, names, dialect="codeparrot", min_alphanumeric=None) == [None, None, None]
    assert reasons(texts, names, dialect="redpajama", min_alphanumeric=None) == ["few_letters", "few_letters", None]


def test_numbers_are_those_of_python() -> None:
    text = "äb 12\n\nxyz\tq\n"
    batch = run_filter(CodeRules(), [text], {"metadata": [None], "title": [None]})
    found = {name: batch.column(f"code_rules.{name}").to_pylist()[0] for name in CodeRules.values.names}
    assert found["characters"] == len(text)
    assert found["lines"] == 3
    assert found["longest_line"] == 5
    assert found["alphanumeric"] == pytest.approx(sum(map(str.isalnum, text)) / len(text))
    assert found["letters"] == pytest.approx(sum(map(str.isalpha, text)) / len(text))
    assert found["letters_per_word"] == pytest.approx(6 / 4)
    assert found["mean_line"] == pytest.approx(sum(map(len, text.splitlines())) / 3)


class Visible(HTMLParser):
    """The standard library's parser as the oracle for what is visible."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.inside, self.count = "", 0

    def handle_starttag(self, tag, attrs):
        self.inside = tag if tag in ("script", "style") else self.inside

    def handle_endtag(self, tag):
        self.inside = "" if tag == self.inside else self.inside

    def handle_data(self, data):
        self.count += 0 if self.inside else sum(not c.isspace() for c in data)


@given(
    st.lists(
        st.sampled_from(
            ["<p>", "</p>", "<b class='x'>", "word ", "é", "1 < 2 ", "<script>", "</script>", "<style>", "</style>"]
        )
    )
)
def test_visible_text_is_what_a_parser_sees(parts: list[str]) -> None:
    text = "".join(parts) + "</style></script>"
    oracle = Visible()
    oracle.feed(text)
    oracle.close()
    batch = run_filter(CodeRules(), [text], {"metadata": [None], "title": ["a.html"]})
    assert batch.column("code_rules.visible").to_pylist() == [oracle.count]
