"""YAML as plain values with the line each stands on, and `--set` over it."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gristmill import yamltree
from gristmill.errors import UserError
from gristmill.stage import CommandLineText


def parsed(text: str) -> yamltree.Tree:
    return yamltree.parse(text, "r.yaml")


@pytest.mark.parametrize("word", ["no", "NO", "yes", "on", "off", "y", "n"])
def test_words_that_yaml_1_1_takes_for_booleans_are_text(word: str) -> None:
    assert parsed(f"keep: [{word}]").value == {"keep": [word]}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("null", None),
        ("", None),
        ("1_000_000", 1_000_000),
        ("1e6", 1e6),
        ("2.5E-3", 0.0025),
        ("0.65", 0.65),
        ("2024-10-01", "2024-10-01"),
        ("'1'", "1"),
        ("~/x", "~/x"),
    ],
)
def test_scalars_mean_what_they_look_like(text: str, value: object) -> None:
    found = parsed(f"key: {text}").value["key"]
    assert found == value
    assert type(found) is type(value)


def test_times_of_day_are_text_and_not_numbers_to_base_sixty() -> None:
    assert parsed("key: 12:30").value == {"key": "12:30"}


def test_every_part_knows_its_line() -> None:
    tree = parsed("a: 1\nb:\n  c: [x, y]\n  d:\n    - e: 2\n")
    assert tree.where(("a",)) == "r.yaml:1"
    assert tree.where(("b", "c")) == "r.yaml:3"
    assert tree.where(("b", "d", 0, "e")) == "r.yaml:5"
    assert tree.where(("b", "d", 0, "unheard of")) == "r.yaml:5"
    assert tree.where(("nothing",)) == "r.yaml:1"


@pytest.mark.parametrize(
    ("text", "where", "says"),
    [
        ("a: 1\na: 2\n", "r.yaml:2", "'a' stands here twice"),
        ("a:\n  b: 1\n  c: 2\n  b: 3\n", "r.yaml:4", "'b' stands here twice"),
        ("a: [1, 2\nb: 3\n", "r.yaml:2", "not valid YAML"),
        ("a: 1\n\tb: 2\n", "r.yaml:2", "not valid YAML"),
        ("a: &x\n  b: *x\n", "r.yaml:1", "contains itself"),
        ("a: &x [1, *x]\n", "r.yaml:1", "contains itself"),
        ("a: *nobody\n", "r.yaml:1", "not valid YAML"),
        ("[a]: 1\n", "r.yaml:1", "plain name"),
        ("- a\n- b\n", "r.yaml:1", "expected a mapping"),
        ("just words\n", "r.yaml:1", "expected a mapping"),
        ("", "r.yaml:1", "expected a mapping"),
        ("# only a comment\n", "r.yaml:1", "expected a mapping"),
        ("a: 1\n---\nb: 2\n", "r.yaml:", "another document"),
        ("b: 1\na: !!python/name:os.system\n", "r.yaml:2", "cannot read"),
        ("a: 1\n<<: 3\n", "r.yaml:2", "merg"),
        ("a: \x00\n", "r.yaml", "not valid YAML"),
        ("a: !!int word\n", "r.yaml:1", "cannot read"),
    ],
)
def test_broken_yaml_is_told_with_its_line(text: str, where: str, says: str) -> None:
    with pytest.raises(UserError) as caught:
        parsed(text)
    assert caught.value.where is not None
    assert caught.value.where.startswith(where)
    assert says in caught.value.message


def test_a_tag_of_python_objects_calls_nothing(tmp_path: Path) -> None:
    with contextlib.suppress(UserError):
        parsed(f"a: !!python/object/apply:os.mkdir ['{tmp_path}/made']\n")
    assert not (tmp_path / "made").exists()


def test_a_part_may_be_used_twice_and_merged() -> None:
    tree = parsed("base: &b {x: 1, y: 2}\nsame: *b\nmore:\n  <<: *b\n  z: 3\n")
    assert tree.value["same"] == {"x": 1, "y": 2}
    assert tree.value["more"] == {"x": 1, "y": 2, "z": 3}


def test_a_merged_value_may_be_replaced() -> None:
    tree = parsed("base: &b {x: 1, y: 2}\nmore:\n  <<: *b\n  y: 3\n")
    assert tree.value["more"] == {"x": 1, "y": 3}
    assert tree.where(("more", "y")) == "r.yaml:4"


@pytest.mark.timeout(20)
def test_aliases_that_multiply_are_refused_before_they_fill_memory() -> None:
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 7))
    with pytest.raises(UserError, match="alias"):
        parsed(f"a0: &a0 word\n{levels}")


def test_text_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_bytes(b"a: \xff\xfe\n")
    with pytest.raises(UserError, match="not UTF-8"):
        yamltree.load(str(tmp_path / "r.yaml"))


def test_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert yamltree.load(str(tmp_path / "r.yaml")).value == {"a": 1, "b": 2}


# -- --set ------------------------------------------------------------------------------------------------------------

RECIPE = """\
sources:
  web:
    read: jsonl
    stages:
      - language
      - url: {domains: [a.txt]}
      - gopher_quality: {name: strict}
      - exact:
mixture: {weights: {web: 1}}
"""


@pytest.mark.parametrize(
    ("assignment", "path", "value"),
    [
        ("mixture.weights.web=0.5", ("mixture", "weights", "web"), 0.5),
        ("mixture.seed=3", ("mixture", "seed"), 3),
        ("sources.web.input=a.jsonl,b.jsonl", ("sources", "web", "input"), "a.jsonl,b.jsonl"),
        ("sources.web.read.jsonl.fields.text=body", ("sources", "web", "read", "jsonl", "fields", "text"), "body"),
        (
            "sources.web.stages.language.keep=[no, en]",
            ("sources", "web", "stages", 0, "language", "keep"),
            ["no", "en"],
        ),
        ("sources.web.stages.language.keep=null", ("sources", "web", "stages", 0, "language", "keep"), None),
        ("sources.web.stages.url.soft_limit=3", ("sources", "web", "stages", 1, "url", "soft_limit"), 3),
        ("sources.web.stages.url.domains.0=b.txt", ("sources", "web", "stages", 1, "url", "domains", 0), "b.txt"),
        ("sources.web.stages.strict.min_words=9", ("sources", "web", "stages", 2, "gopher_quality", "min_words"), 9),
        ("sources.web.stages.exact.normalise=none", ("sources", "web", "stages", 3, "exact", "normalise"), "none"),
        ("sources.web.stages.3=minhash", ("sources", "web", "stages", 3), "minhash"),
        ("sources.web.stages.1.url.soft_limit=4", ("sources", "web", "stages", 1, "url", "soft_limit"), 4),
        ("tokenize.train.vocabulary=1_000", ("tokenize", "train", "vocabulary"), 1000),
        (" root =out=put", ("root",), "out=put"),
        ("root=", ("root",), None),
    ],
)
def test_set_reaches_every_part(assignment: str, path: yamltree.Path, value: object) -> None:
    tree = parsed(RECIPE)
    tree.override(assignment)
    here = tree.value
    for step in path:
        here = here[step]
    assert here == value
    assert tree.where(path) == f"--set {assignment}"


def test_set_changes_nothing_else() -> None:
    tree, other = parsed(RECIPE), parsed(RECIPE)
    tree.override("sources.web.stages.url.soft_limit=3")
    del tree.value["sources"]["web"]["stages"][1]["url"]["soft_limit"]
    assert tree.value == other.value


@pytest.mark.parametrize(
    "assignment",
    [
        "",
        "=",
        "=1",
        "mixture",
        "mixture.seed",
        "mixture.seed=[",
        "mixture.seed={a: 1",
        "sources.web.read.warc.extract=x",
        "sources.web.stages.nobody.keep=1",
        "sources.web.stages.nobody=1",
        "sources.web.stages.99=exact",
        "mixture.weights.web.deeper=1",
    ],
)
def test_set_that_leads_nowhere_is_told(assignment: str) -> None:
    with pytest.raises(UserError) as caught:
        parsed(RECIPE).override(assignment)
    assert f"--set {assignment}".strip() in str(caught.value)


def test_text_of_the_command_line_is_marked_wherever_it_stands() -> None:
    tree = parsed(RECIPE)
    tree.override("sources.web.input=[a, {b: c}]")
    first, second = tree.value["sources"]["web"]["input"]
    assert isinstance(first, CommandLineText)
    assert isinstance(second["b"], CommandLineText)


plain_names = st.text("abcxyz_", min_size=1, max_size=6)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(plain_names, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(plain_names, values, min_size=1, max_size=5))
def test_what_yaml_writes_is_read_back(value: dict[str, object]) -> None:
    assert parsed(yaml.safe_dump(value)).value == value


@given(st.text(max_size=80))
def test_any_text_is_a_tree_or_a_user_error(text: str) -> None:
    with contextlib.suppress(UserError):
        assert isinstance(parsed(text).value, dict)
