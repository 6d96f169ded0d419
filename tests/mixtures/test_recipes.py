"""Mixtures in recipes, as a user runs them: parts of sources, files, `--set`, `try`, and what cannot be met."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from gristmill import api
from gristmill.cli import app
from gristmill.errors import UserError
from gristmill.mixtures.order import Order
from gristmill.mixtures.plan import MixturePlan, read_plan
from tests.tokenize.corpus import made_up_texts, packed

RECIPE = """
sources:
  web:
    read: jsonl
    input: web.jsonl
    stages: [gopher_quality: {min_words: null, max_words: null, min_stop_words: null, min_mean_word_length: null,
                              max_mean_word_length: null, min_letter_words: null}]
  books:
    read: jsonl
    input: books.jsonl
  notes:
    read: jsonl
    input: notes.jsonl
stages: [minhash]
mixture:
  weights: {english: 0.5, europe: 0.3, books: 0.2}
  components:
    english: {source: web, where: {language: en, gopher_quality.words: {min: 20}}}
    europe: {source: web, by: language, weights: {de: 0.6, fr: 0.4}}
tokenize:
  train: {vocabulary: 400}
  sequence_length: 64
"""


def write_lines(path: Path, seed: int, count: int, languages: tuple[str, ...] = ("en",), copies: int = 1) -> None:
    texts = made_up_texts(seed, count)
    with path.open("w") as stream:
        for number, text in enumerate(texts * copies):
            stream.write(json.dumps({"text": text, "language": languages[number % len(languages)]}) + "\n")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("recipes")
    write_lines(folder / "web.jsonl", 1, 300, ("en", "de", "en", "fr", "xx"))
    write_lines(folder / "books.jsonl", 2, 20)
    write_lines(folder / "notes.jsonl", 3, 7, copies=4)
    (folder / "recipe.yaml").write_text(RECIPE)
    recipe = api.load(folder / "recipe.yaml", root=str(folder / "run"))
    assert api.run(api.plan(recipe), workers=1).ok
    return folder


def load(folder: Path, *overrides: str):
    return api.load(folder / "recipe.yaml", list(overrides), root=str(folder / "run"))


def try_(folder: Path, *overrides: str) -> MixturePlan:
    return api.try_mixture(load(folder, *overrides)).plan


def tokens_folder(folder: Path, *overrides: str) -> Path:
    return Path(api.plan(load(folder, *overrides)).graph.nodes["tokens"].folder)


def run(folder: Path, *overrides: str):
    result = api.run(api.plan(load(folder, *overrides)), workers=1)
    assert result.ok, result.failures
    return result


def ids_in_order(folder: Path) -> list[tuple[str, str]]:
    """(component, document id) of every entry of the order."""
    plan, names = read_plan(str(folder)), json.loads((folder / "sources.json").read_text())
    rows = []
    for source in names:
        (encoded,) = sorted(folder.parent.glob(f"encode.{source}-*"))
        tables = [
            pa.ipc.open_file(encoded / "shards" / f"{s}.documents.arrow").read_all() for s in names[source]["shards"]
        ]
        rows.append(pa.concat_tables(tables).column("id").to_pylist())
    with Order.open(str(folder / "order.arrow")) as order:
        return [
            (plan.rows[component].name, rows[source][document])
            for part in order
            for component, source, document in zip(part.component, part.source, part.document, strict=True)
        ]


def test_each_component_holds_the_documents_that_fulfil_its_conditions(folder):
    web = api.open_dataset(load(folder), "web").to_table(["id", "language", "gopher_quality.words"]).to_pylist()
    by_id = {row["id"]: row for row in web}
    taken = ids_in_order(tokens_folder(folder))
    for component, name in taken:
        if component.startswith("europe/"):
            assert by_id[name]["language"] == component.removeprefix("europe/")
        elif component == "english":
            assert by_id[name]["language"] == "en"
            assert by_id[name]["gopher_quality.words"] >= 20
        else:
            assert name not in by_id
    counts = Counter(row["language"] for row in web if row["language"] != "en" or row["gopher_quality.words"] >= 20)
    rows = {row.name: row.documents for row in read_plan(str(tokens_folder(folder))).rows}
    assert (rows["english"], rows["europe/de"], rows["europe/fr"]) == (counts["en"], counts["de"], counts["fr"])


def test_the_shares_reach_the_shards(folder):
    plan = read_plan(str(tokens_folder(folder)))
    seen = Counter()
    for row in packed(tokens_folder(folder)).select(["document_lengths", "sources"]).to_pylist():
        for length, source in zip(row["document_lengths"], row["sources"], strict=True):
            seen[source] += length
    for source in ("web", "books"):
        assert abs(seen[source] - sum(row.taken for row in plan.rows if row.source == source)) < 64


def test_trying_shows_what_a_run_comes_to(folder):
    change = ("mixture.weights={english: 0.2, books: 0.8}", "mixture.components.europe=null", "mixture.tokens=2000")
    before = sorted(path.name for path in (folder / "run").iterdir())
    with pytest.raises(UserError, match="weights do not say how much of 'europe'"):
        try_(folder, *change)
    change = ("mixture.weights={english: 0.2, europe: 0, books: 0.8}", "mixture.tokens=2000")
    tried = try_(folder, *change)
    assert sorted(path.name for path in (folder / "run").iterdir()) == before
    result = run(folder, *change)
    assert read_plan(str(tokens_folder(folder, *change))) == tried
    assert "tokens" in result.ran
    assert not [name for name in result.ran if name.startswith("encode")]


def test_another_weighting_encodes_and_looks_up_nothing_again(folder):
    result = run(folder, "mixture.weights={english: 0.1, europe: 0.6, books: 0.3}", "mixture.seed=7")
    assert result.ran == ("tokens",)


def test_another_condition_encodes_nothing_again(folder):
    change = "mixture.components.english.where={language: en, gopher_quality.words: {min: 100}}"
    tried = api.try_mixture(load(folder, change))
    assert "parts of web were counted for this table and are not on disk yet" in str(tried)
    assert tried.exact
    assert run(folder, change).ran == ("select.web", "tokens")
    assert read_plan(str(tokens_folder(folder, change))) == tried.plan


def test_a_weight_set_on_the_command_line_holds_and_the_others_make_room(folder):
    recipe = load(folder, "mixture.weights.books=0.6")
    assert recipe.notes == ("mixture.weights: books 0.6 as set; the others were scaled by 0.5",)
    assert recipe.mixture.weights == {"english": 0.25, "europe": 0.15, "books": 0.6}


def test_set_weights_that_sum_to_more_than_one_are_refused(folder):
    with pytest.raises(UserError, match=r"weights sum to 1.5, not 1"):
        load(folder, "mixture.weights.books=0.6", "mixture.weights.english=0.6")


def test_documents_are_repeated_by_the_size_of_their_cluster(folder):
    change = ("mixture.weights={notes: 1}", "mixture.components={}", "mixture.repeat=fineweb2")
    run(folder, *change)
    taken = Counter(ids_in_order(tokens_folder(folder, *change)))
    sizes = api.open_dataset(load(folder, *change), "notes").to_table(["id", "minhash.size"]).to_pylist()
    assert max(row["minhash.size"] for row in sizes) == 4
    assert {name: count for (_, name), count in taken.items()} == {
        row["id"]: {0: 1, 1: 1, 4: 3}[row["minhash.size"]] for row in sizes
    }


def test_shares_of_documents_are_met_to_the_document(folder):
    change = (
        "mixture={unit: documents, tokens: 6000, weights: {english: 0.75, books: 0.25},"
        " components: {english: {source: web, where: {language: en}}}}"
    )
    run(folder, change)
    plan = read_plan(str(tokens_folder(folder, change)))
    taken = Counter(component for component, _ in ids_in_order(tokens_folder(folder, change)))
    assert abs(taken["english"] - 3 * taken["books"]) <= 2
    assert taken == {row.name: row.documents_taken for row in plan.rows}
    index = json.loads((tokens_folder(folder, change) / "index.json").read_text())
    assert index["tokens"] + index["dropped_tokens"] == plan.tokens
    assert abs(plan.tokens - 6000) < 1000  # the documents drawn are not all of mean length


def test_phases_change_the_mixture_along_the_shards(folder):
    phases = "phases: [{sequences: 32}, {weights: {books: 1}}]"
    change = f"mixture={{tokens: 4096, max_epochs: 2, weights: {{web: 0.9, books: 0.1}}, {phases}}}"
    run(folder, change)
    rows = packed(tokens_folder(folder, change)).select(["document_lengths", "sources"]).to_pylist()
    books = [
        sum(length for length, source in zip(r["document_lengths"], r["sources"], strict=True) if source == "books")
        for r in rows
    ]
    assert sum(books[:32]) == pytest.approx(0.1 * 2048, abs=400)
    assert sum(books[32:]) == pytest.approx(2048, abs=400)


def test_a_mixture_file_is_completed_by_the_recipe(folder):
    (folder / "mixtures").mkdir(exist_ok=True)
    (folder / "mixtures" / "published.yaml").write_text(
        "tokens: 1_000_000_000\nmax_epochs: 2\nweights:\n  english: 0.9\n  books: 0.1\n"
        "components:\n  english: {source: crawl, where: {language: en}}\n"
    )
    english = "{source: web, where: {language: de}}"
    recipe = load(
        folder,
        f"mixture={{file: {folder}/mixtures/published.yaml, tokens: 3000, components: {{english: {english}}}}}",
    )
    assert recipe.mixture.tokens == 3000
    assert recipe.mixture.max_epochs == 2
    assert recipe.mixture.components["english"].where == {"language": "de"}
    assert api.try_mixture(recipe).plan.targets == {"english": 2700, "books": 300}


def test_what_is_wrong_in_a_mixture_file_is_shown_at_its_line(folder):
    (folder / "wrong.yaml").write_text("weights:\n  english: 0.9\n  boks: 0.1\ncomponents:\n  english: {source: web}\n")
    with pytest.raises(UserError) as error:
        load(folder, f"mixture={{file: {folder}/wrong.yaml}}")
    assert error.value.where == f"{folder}/wrong.yaml:1"
    assert "Did you mean 'books'?" in error.value.message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("mixture={file: nothing.yaml}", "mixture.file: no file .*nothing.yaml"),
        (
            "mixture.components.english.where={languag: en}",
            "reads the column 'languag', which no stage before it writes",
        ),
        ("mixture.components.english.where={gopher_quality.word: 3}", r"Did you mean 'gopher_quality.words'\?"),
        ("mixture.components.english.source=wbe", r"the source 'wbe', unknown. Did you mean 'web'\?"),
        ("mixture.weights.books=-0.2", r"books: -0.2 is not a finite number"),
        ("mixture.tokens=1_000_000", "cannot be met with max_epochs 1: english has"),
        ("mixture.components.europe.weights={de: 0.5, nl: 0.5}", "no document left in 'web' is language 'nl'"),
        ("mixture.components.english.where={gopher_quality.words: many}", "cannot be compared with 'many'"),
    ],
)
def test_mistakes_in_a_mixture_are_explained(folder, change, message):
    with pytest.raises(UserError, match=message):
        try_(folder, change)


def test_trying_before_anything_is_encoded_estimates_from_bytes_and_says_so(folder, tmp_path):
    recipe = api.load(folder / "recipe.yaml", root=str(tmp_path))
    with pytest.raises(UserError, match="the documents of 'web' are not there yet"):
        api.try_mixture(recipe)
    for stage in ("web/statistics", "books/statistics"):
        assert api.run(api.plan(recipe), workers=1, stage=stage).ok
    estimated = api.try_mixture(recipe)
    exact = try_(folder)
    assert not estimated.exact
    assert "tokens of web, books are estimated" in str(estimated)
    assert [row.documents for row in estimated.plan.rows] == [row.documents for row in exact.rows]
    for row, known in zip(estimated.plan.rows, exact.rows, strict=True):
        assert row.tokens == pytest.approx(known.tokens, rel=0.6)


def command(folder: Path, capsys, *arguments: str) -> str:
    app([*arguments, str(folder / "recipe.yaml"), "--root", str(folder / "run")], standalone_mode=False)
    return capsys.readouterr().out


def test_the_command_line_prints_the_table_and_json(folder, capsys):
    table = command(folder, capsys, "try", "--set", "mixture.weights.books=0.5")
    assert table.splitlines()[-1] == "tokens are those of the encoded documents"
    assert "  de " in table
    found = json.loads(command(folder, capsys, "try", "--json"))
    assert MixturePlan.from_dict(found) == try_(folder)
    assert found["exact"]


def test_plans_show_a_mixture_that_is_known_and_refuse_one_that_cannot_be_met(folder, capsys):
    assert "europe" in command(folder, capsys, "plan")
    with pytest.raises(UserError, match="cannot be met"):
        command(folder, capsys, "plan", "--set", "mixture.tokens=1_000_000")
    assert "stages to run" in capsys.readouterr().out
    with pytest.raises(UserError, match="cannot be met"):
        command(folder, capsys, "run", "--set", "mixture.tokens=1_000_000")
