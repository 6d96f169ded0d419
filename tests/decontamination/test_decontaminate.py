"""Decontamination against a brute force, and what it does to documents."""

from __future__ import annotations

import csv
import gzip
import json
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.commit import read_receipt
from gristmill.dataset import Batch
from gristmill.decontamination.evaluation_sets import EvaluationSet, last_docstring, read_rows
from gristmill.decontamination.needles import NeedleReading, make_needles
from gristmill.decontamination.search import find_hits
from gristmill.decontamination.stage import Decontaminate
from gristmill.errors import UserError
from gristmill.kernels.folded_tokens import fold, tokens_of
from gristmill.kernels.text import Texts, apply_cuts
from tests.decontamination.by_hand import WORDS, hits_by_hand, spaced
from tests.stages import read_layer, run_phases, write_shard

QUESTION = "A robe takes two bolts of blue fiber and half that much white fiber, how many bolts in total does it take?"


def write_set(folder: Path, rows: list[dict], name: str = "evaluation.jsonl") -> str:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def run(stage: Decontaminate, texts: list[str], folder: Path, **shard):
    stage.check()
    stage = stage.model_copy(update={"max_loss": 1.0})
    ref = write_shard(folder, "web", "s0", texts, **shard)
    scope = run_phases(stage, [ref], folder / "out")
    path = Path(scope.layer_folder(ref), "s0.evidence.parquet")
    return read_layer(stage, scope, ref), pq.read_table(path) if path.exists() else None, scope


def cut_texts(texts: list[str], layer: pa.Table) -> list[str]:
    cut = apply_cuts(Texts.from_strings(texts), layer.column("cuts").combine_chunks())
    return [cut[row] for row in range(len(texts))]


# -- tokens ------------------------------------------------------------------------------------------------------------

LETTERS = st.sampled_from(
    ["a", "B", "é", "ß", "don't", "1,000.5", "3", "x2y", "—", "(", "$", " ", "\n", "\u00a0", "İ", "…"]
)
TEXT = st.lists(LETTERS, max_size=25).map("".join)
LATIN = st.text(st.characters(codec="utf-8", max_codepoint=0x24F), max_size=40)


@given(text=TEXT | LATIN)
@settings(max_examples=300)
def test_words_are_those_of_the_readings_written_down_plainly(text):
    for reading, words in WORDS.items():
        expected = [word.replace("i̇", "i") for word in words(text)]
        found = tokens_of(Texts.from_strings([text, " ".join(expected)]), fold(reading))
        split = found.first[1]
        assert split == len(expected), reading
        if reading == "gpt3":  # folding is its own square: no marks are left to drop
            assert found.hashes[:split].tolist() == found.hashes[split:].tolist()


@given(first=TEXT | LATIN, second=TEXT | LATIN)
@settings(max_examples=300)
def test_tokens_are_equal_exactly_when_the_words_are(first, second):
    for reading, words in WORDS.items():
        both = [words(first), words(second)]
        both = [[word.replace("i̇", "i") for word in part] for part in both]
        found = tokens_of(Texts.from_strings([first, second]), fold(reading))
        split = found.first[1]
        for at, word in enumerate(both[0]):
            for other_at, other in enumerate(both[1]):
                assert (found.hashes[at] == found.hashes[split + other_at]) == (word == other), (reading, word, other)


# -- search ------------------------------------------------------------------------------------------------------------

ROW = st.lists(st.sampled_from(["a", "B", "c.", "é", "7", "--", "a,", "\n"]), max_size=12).map(" ".join)


@given(
    documents=st.lists(ROW, max_size=6),
    rows=st.lists(st.tuples(ROW, ROW), min_size=1, max_size=5),
    reading=st.sampled_from(["gpt3", "datatrove"]),
    n=st.integers(2, 5),
    shorter=st.integers(0, 2),
)
@settings(max_examples=200)
def test_hits_equal_a_brute_force(documents, rows, reading, n, shorter):
    least = max(1, n - shorter)
    known, expected = hits_by_hand(documents, rows, reading, n, least)
    with tempfile.TemporaryDirectory() as folder:
        path = write_set(Path(folder), [{"q": q, "a": a} for q, a in rows])
        sets = {"e": EvaluationSet(files=path, fields="a", context="q")}
        how = NeedleReading(folding=reading, n=n, least=least, across_fields=True)
        if not known:
            with pytest.raises(UserError, match="nothing to search for"):
                make_needles(sets, how)
            return
        needles = make_needles(sets, how)
    assert len(needles) == len(known)
    hits = find_hits(Batch(0, len(documents), Texts.from_strings(documents)), needles)
    words = [WORDS[reading](document) for document in documents]
    found: list[set] = [set() for _ in documents]
    for row, token, needle in zip(hits.rows, hits.tokens, hits.needles, strict=True):
        found[row].add(tuple(words[row][token : token + needles.lengths[needle]]))
    assert found == expected
    for row, start, end in zip(hits.rows, hits.starts, hits.ends, strict=True):
        assert len(WORDS[reading](documents[row].encode()[start:end].decode())) >= least


@given(
    documents=st.lists(st.text("aB \n.é", max_size=30), max_size=5),
    passages=st.lists(st.text("aB \n.é", min_size=3, max_size=9), min_size=1, max_size=5),
)
@settings(max_examples=200)
def test_passages_are_found_where_str_find_does(documents, passages):
    with tempfile.TemporaryDirectory() as folder:
        path = write_set(Path(folder), [{"code": passage} for passage in passages])
        how = NeedleReading(folding="characters", n=None, least=3, across_fields=False)
        sets = {"e": EvaluationSet(files=path, fields="code")}
        searched = {spaced(passage) for passage in passages if len(spaced(passage)) >= 3}
        try:
            needles = make_needles(sets, how)
        except UserError:
            assert not searched
            return
    hits = find_hits(Batch(0, len(documents), Texts.from_strings(documents)), needles)
    for row, document in enumerate(documents):
        mine = {
            spaced(document.encode()[start:end].decode())
            for hit_row, start, end in zip(hits.rows, hits.starts, hits.ends, strict=True)
            if hit_row == row
        }
        assert mine == {passage for passage in searched if passage in spaced(document)}


def test_more_hits_than_there_is_room_for_at_first(tmp_path):
    path = write_set(tmp_path, [{"q": "a a a"}])
    needles = make_needles(
        {"e": EvaluationSet(files=path, fields="q")},
        NeedleReading(folding="gpt3", n=3, least=3, across_fields=True),
    )
    texts = Texts.from_strings(["a " * 9000, "b", "a a a", "a " * 5000])
    hits = find_hits(Batch(0, 4, texts), needles)
    assert np.bincount(hits.rows).tolist() == [8998, 0, 1, 4998]


# -- what happens to documents -----------------------------------------------------------------------------------------


def sentence(seed: int, words: int) -> str:
    chooser = np.random.default_rng(seed)
    return " ".join("".join(chooser.choice(list("abcdefgh"), 6)) for _ in range(words))


def test_gpt3_takes_200_characters_on_both_sides_and_short_pieces(tmp_path):
    path = write_set(tmp_path, [{"q": QUESTION}])
    stage = Decontaminate(sets={"robes": EvaluationSet(files=path, fields="q")})
    before, after = sentence(1, 100), sentence(2, 40)
    texts = [f"{before}\n{QUESTION.upper()}\n{after}", before, f"{sentence(3, 40)} {QUESTION} {sentence(4, 40)}"]
    layer, evidence, scope = run(stage, texts, tmp_path)
    cut = cut_texts(texts, layer)
    assert cut == [before[: len(before) - 199], before, ""]
    assert layer.column("drop").to_pylist() == [None, None, "decontaminate.too_little_left"]
    assert layer.column("decontaminate.matches").to_pylist() == [1, 0, 1]
    first = evidence.to_pylist()[0]
    assert (first["evaluation_set"], first["evaluation_row"], first["position"]) == ("robes", 0, 0)
    assert first["grams"] == len(QUESTION.split()) - 12
    assert texts[0].encode()[first["start"] : first["end"]].decode() == QUESTION.upper().rstrip("?")
    receipt = read_receipt(f"{scope.folder}/count", "count")
    assert receipt.counts["evaluation/robes/found"] == len(QUESTION.split()) - 12


def test_pieces_are_parted_by_a_blank_line_and_too_many_of_them_drop_the_document(tmp_path):
    path = write_set(tmp_path, [{"q": QUESTION}])
    sets = {"robes": EvaluationSet(files=path, fields="q")}
    parts = [sentence(seed, 30) for seed in range(4)]
    text = f" {QUESTION} ".join(parts)
    stage = Decontaminate(sets=sets, margin=0, min_piece=100, max_pieces=4)
    layer, _, _ = run(stage, [text], tmp_path / "a")
    assert [piece.strip(" ?") for piece in cut_texts([text], layer)[0].split("\n\n")] == parts
    assert layer.column("drop").to_pylist() == [None]
    layer, _, _ = run(Decontaminate(sets=sets, margin=0, max_pieces=3), [text], tmp_path / "b")
    assert layer.column("drop").to_pylist() == ["decontaminate.too_many_pieces"]


def test_ngrams_in_more_documents_than_the_limit_are_no_contamination(tmp_path):
    path = write_set(tmp_path, [{"q": QUESTION}, {"q": sentence(9, 13)}])
    texts = [f"{sentence(seed, 20)} {QUESTION}" for seed in range(4)] + [sentence(9, 13)]
    sets = {"robes": EvaluationSet(files=path, fields="q")}
    for limit, matches in ((3, [0, 0, 0, 0, 1]), (4, [1, 1, 1, 1, 1]), (0, [1, 1, 1, 1, 1])):
        stage = Decontaminate(sets=sets, action="drop", most_documents=limit)
        layer, evidence, scope = run(stage, texts, tmp_path / str(limit))
        assert layer.column("decontaminate.matches").to_pylist() == matches
        assert len(evidence) == sum(matches)
        found = pq.read_table(f"{scope.folder}/count/found.parquet")
        assert found.column("ignored").to_pylist().count(True) == (len(QUESTION.split()) - 12 if limit == 3 else 0)


def test_documents_dropped_before_are_neither_searched_nor_counted(tmp_path):
    path = write_set(tmp_path, [{"q": QUESTION}])
    stage = Decontaminate(sets={"e": EvaluationSet(files=path, fields="q")}, action="report", most_documents=1)
    layer, evidence, _ = run(stage, [QUESTION, QUESTION], tmp_path, dropped=[0])
    assert layer.column("decontaminate.matches").to_pylist() == [None, 1]
    assert evidence.column("row").to_pylist() == [1]
    assert layer.column("drop").to_pylist() == [None, None]
    assert layer.column("cuts").null_count == 2


def test_an_ngram_of_two_sets_is_evidence_for_both(tmp_path):
    one = write_set(tmp_path, [{"q": "x"}, {"q": QUESTION}], "one.jsonl")
    two = write_set(tmp_path, [{"q": "so " + QUESTION}], "two.jsonl")
    stage = Decontaminate(
        sets={"one": EvaluationSet(files=one, fields="q"), "two": EvaluationSet(files=two, fields="q")},
        reading="datatrove",
    )
    layer, evidence, _ = run(stage, ["nothing", f"He said: {QUESTION}"], tmp_path)
    assert layer.column("drop").to_pylist() == [None, "decontaminate.contaminated"]
    assert layer.column("decontaminate.evaluation_sets").to_pylist() == [None, ["one", "two"]]
    rows = evidence.select(["evaluation_set", "evaluation_row", "position", "grams"]).to_pylist()
    grams = len(QUESTION.split()) - 11
    assert [tuple(row.values()) for row in rows] == [("one", 1, 0, grams), ("two", 0, 1, grams)]


def test_lists_of_numbers_are_no_contamination(tmp_path):
    path = write_set(tmp_path, [{"q": "Sum " + "1 + " * 20 + "1"}])
    sets = {"sums": EvaluationSet(files=path, fields="q")}
    for distinct, matches in ((1, 1), (2, 0)):
        stage = Decontaminate(sets=sets, reading="datatrove", min_distinct_words=distinct)
        layer, _, _ = run(stage, [" ".join(map(str, range(12)))], tmp_path / str(distinct))
        assert layer.column("decontaminate.matches").to_pylist() == [matches]


def test_solutions_of_humaneval_are_found_through_case_and_indentation(tmp_path, real_data):
    path = str(real_data / "evalsets/humaneval/data/HumanEval.jsonl.gz")
    rows = [json.loads(line) for line in gzip.decompress(Path(path).read_bytes()).splitlines()]
    stage = Decontaminate(
        sets={"humaneval": EvaluationSet(files=path, fields="canonical_solution", docstrings="prompt")},
        reading="substring",
    )
    planted = [rows[0]["canonical_solution"].replace("    ", "\t\t"), rows[3]["prompt"].split('"""')[1].upper()]
    texts = [f"def f(x):\n{part}\n# end" for part in planted] + [sentence(1, 200)]
    layer, evidence, _ = run(stage, texts, tmp_path)
    assert layer.column("drop").to_pylist() == ["decontaminate.contaminated", "decontaminate.contaminated", None]
    assert evidence.column("evaluation_row").to_pylist() == [0, 3]


# -- evaluation files --------------------------------------------------------------------------------------------------


def test_every_format_gives_the_same_rows(tmp_path):
    rows = [{"question": "Who?", "answer": 'He, "the one"\nof two.'}, {"question": "Why é?", "answer": "So."}]
    write_set(tmp_path, rows, "a.jsonl")
    (tmp_path / "a.json").write_text(json.dumps(rows))
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress((tmp_path / "a.jsonl").read_bytes(), mtime=0))
    import zstandard

    (tmp_path / "b.jsonl.zst").write_bytes(zstandard.compress((tmp_path / "a.jsonl").read_bytes()))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    for name, delimiter in (("a.csv", ","), ("a.tsv", "\t")):
        with open(tmp_path / name, "w", newline="") as stream:
            writer = csv.DictWriter(stream, ["question", "answer"], delimiter=delimiter)
            writer.writeheader()
            writer.writerows(rows)
    expected = [((row["question"],), (row["answer"],)) for row in rows]
    for name in ("a.jsonl", "a.json", "a.jsonl.gz", "b.jsonl.zst", "a.parquet", "a.csv", "a.tsv"):
        evaluation = EvaluationSet(files=str(tmp_path / name), fields="answer", context="question")
        assert [(row.context, row.texts) for row in read_rows(evaluation, "e")] == expected, name


@pytest.mark.parametrize(
    ("name", "content", "fields", "said"),
    [
        ("none.jsonl", None, "q", "none.jsonl"),
        ("empty.jsonl", b"", "q", "has no rows"),
        ("a.jsonl", b'{"q": "x"}\n{"q": ', "q", "line 2"),
        ("a.jsonl", b"[1, 2]", "q", "not an object"),
        ("a.jsonl", b'{"question": "x"}', "qestion", "Did you mean 'question'"),
        ("a.jsonl", b'{"q": {"text": "x"}}', "q", "is no text"),
        ("a.jsonl", b'{"q": "too few words"}', "q", "nothing to search for"),
        ("a.jsonl", b'{"q": "\xff"}', "q", "not UTF-8"),
        ("a.jsonl.gz", gzip.compress(b'{"q": "x"}' * 100, mtime=0)[:-9], "q", "cannot be read to its end"),
        ("a.csv", b"q,a\nx\n", "q", "line 2"),
        ("a.parquet", b"PAR1", "q", "not a readable Parquet file"),
        ("a.txt", b"x", "q", "not a kind of evaluation file"),
        ("a.jsonl", b'{"q": "x"}', "", "no fields"),
    ],
)
def test_what_cannot_be_searched_for_is_an_error_before_any_work(tmp_path, name, content, fields, said):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    stage = Decontaminate(sets={"bad": EvaluationSet(files=str(path), fields=fields or ())})
    with pytest.raises(UserError) as error:
        stage.check()
    assert said in str(error.value)


def test_last_docstring_is_bigcodes():
    assert last_docstring('def f():\n    """ First. """\n    x = """ Last. """') == "Last."
    assert last_docstring("def f():\n    ''' Only. '''") == "Only."
    assert last_docstring("def f(): pass") == ""
