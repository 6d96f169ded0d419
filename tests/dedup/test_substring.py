"""Exact substring dedup against a brute force: the same bytes cut for every split of the work."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from gristmill.commit import Commit, read_receipt
from gristmill.dataset import LayerRef, ShardRef
from gristmill.dedup import substring
from gristmill.dedup.substring import ExactSubstring
from gristmill.dedup.substring_runs import runs_of
from gristmill.errors import UserError
from gristmill.kernels.text import Texts, apply_cuts
from gristmill.stage import Scope
from tests.stages import read_layer, run_phases, write_shard

CUTTING = ("cut", "keep_first")


# -- the reference -----------------------------------------------------------------------------------------------------


def token_places(stage: ExactSubstring, text: str) -> list[tuple[int, int]]:
    """Bytes [start, end) of every token."""
    if stage.tokens == "bytes":
        return [(at, at + 1) for at in range(len(text.encode()))]
    if stage.tokens == "ids":
        return [span[1:] for span in id_spans(stage, text)]
    return [
        (len(text[: found.start()].encode()), len(text[: found.end()].encode())) for found in re.finditer(r"\S+", text)
    ]


def spans_by_hand(stage: ExactSubstring, texts: Sequence[str], dropped: Iterable[int] = ()) -> list[list[tuple]]:
    """Bytes [start, end) of every span of every text: the union of the grams that stand elsewhere (or earlier)."""
    places = [token_places(stage, text) for text in texts]
    grams: dict[tuple[bytes, ...], list[tuple[int, int]]] = defaultdict(list)
    for row, text in enumerate(texts):
        if row not in set(dropped):
            tokens: list = [text.encode()[start:end] for start, end in places[row]]
            if stage.tokens == "ids":
                tokens = [span[0] for span in id_spans(stage, text)]
            for at in range(len(tokens) - stage.length + 1):
                grams[tuple(tokens[at : at + stage.length])].append((row, at))
    covered: list[set[int]] = [set() for _ in texts]
    for found in grams.values():
        if len(found) > 1:
            for row, at in found[1:] if stage.mode == "keep_first" else found:
                covered[row].update(range(at, at + stage.length))
    spans: list[list[tuple]] = []
    for row, tokens in enumerate(covered):
        spans.append([])
        for token in sorted(tokens):
            if token - 1 in tokens:
                spans[row][-1] = (spans[row][-1][0], places[row][token][1])
            else:
                spans[row].append(places[row][token])
        spans[row] = [(start, end) for start, end in spans[row] if start < end]
        if stage.tokens == "bytes":
            whole = [whole_characters(texts[row].encode(), *span) for span in spans[row]]
            spans[row] = [(start, end) for start, end in whole if start < end]
    return spans


def id_spans(stage: ExactSubstring, text: str) -> list[tuple[int, int, int]]:
    """Id, start and end of every token: bytes of the characters that lie in it wholly, or begin or end in it."""
    encoding = Tokenizer.from_file(stage.tokenizer).encode(text, add_special_tokens=False)
    found = []
    for number, (token, (start, end)) in enumerate(zip(encoding.ids, encoding.offsets, strict=True)):
        if number and start < encoding.offsets[number - 1][1]:
            start = encoding.offsets[number - 1][1]
        if number + 1 < len(encoding.ids) and encoding.offsets[number + 1][0] < end:
            end = encoding.offsets[number + 1][0]
        found.append((token, len(text[:start].encode()), len(text[:end].encode())))
    return found


@cache
def small_tokenizer() -> str:
    """A byte-level tokenizer.json with few merges, so that characters are split between tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=290, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(["a b la la la é 漢字 z\n\n", "ab" * 20], trainer)
    path = Path(tempfile.mkdtemp()) / "tokenizer.json"
    tokenizer.save(str(path))
    return str(path)


def whole_characters(data: bytes, start: int, end: int) -> tuple[int, int]:
    edges = [at for at in range(start, end + 1) if at == len(data) or data[at] & 0xC0 != 0x80]
    return (edges[0], edges[-1]) if edges else (start, start)


def cut_by_hand(stage: ExactSubstring, text: str, spans: Sequence[tuple[int, int]]) -> str:
    data = text.encode()
    left, done = b"", 0
    for start, end in spans:
        if stage.tokens == "words":
            before, after = data[:start].decode(), data[end:].decode()
            gap_before = before[len(before.rstrip()) :]
            gap_after = after[: len(after) - len(after.lstrip())]
            inner_after = gap_after != after
            inner_before = gap_before != before
            if inner_before and (not inner_after or gap_after.count("\n") > gap_before.count("\n")):
                start -= len(gap_before.encode())
            elif inner_after:
                end += len(gap_after.encode())
        left += data[done:start]
        done = end
    return (left + data[done:]).decode()


# -- running the stage -------------------------------------------------------------------------------------------------


def split(items: Sequence, lengths: Sequence[int]) -> list[list]:
    parts, rest = [], list(items)
    for length in lengths:
        parts.append(rest[:length])
        rest = rest[length:]
    return [*parts, rest]


def write_shards(
    folder: Path, texts: Sequence[str], lengths: Sequence[int] = (), dropped: Iterable[int] = (), batch_rows: int = 3
) -> list[ShardRef]:
    numbers = split(range(len(texts)), lengths)
    return [
        write_shard(
            folder,
            "a" if number < 2 else "b",
            f"shard-{number}",
            [texts[row] for row in rows],
            [rows.index(row) for row in dropped if row in rows],
            batch_rows,
        )
        for number, rows in enumerate(numbers)
    ]


def dedup(
    stage: ExactSubstring, texts: Sequence[str], folder: Path, memory: int = 1 << 30, **shards
) -> tuple[Scope, pa.Table]:
    stage = stage.model_copy(update={"max_loss": 1.0})
    scope = run_phases(stage, write_shards(folder, texts, **shards), folder / "out", memory)
    tables = [read_layer(stage, scope, shard) for shard in scope.shards]
    return scope, pa.concat_tables(tables, promote_options="permissive")


def check_against_hand(stage: ExactSubstring, texts: Sequence[str], dropped: Sequence[int], table: pa.Table) -> None:
    spans = spans_by_hand(stage, texts, dropped)
    taking_part = [row not in set(dropped) for row in range(len(texts))]
    assert table.column("substring.spans").to_pylist() == [
        len(found) if alive else None for found, alive in zip(spans, taking_part, strict=True)
    ]
    assert table.column("substring.duplicated_bytes").to_pylist() == [
        sum(end - start for start, end in found) if alive else None
        for found, alive in zip(spans, taking_part, strict=True)
    ]
    reasons = table.column("drop").to_pylist()
    cut = apply_cuts(Texts.from_strings(list(texts)), table.column("cuts").combine_chunks())
    for row, text in enumerate(texts):
        if stage.mode in CUTTING:
            expected = cut_by_hand(stage, text, spans[row])
            assert cut[row] == expected
            short = bool(spans[row]) and len(expected) < stage.min_left
            assert reasons[row] == ("substring.too_little_left" if short else None)
            continue
        assert cut[row] == text
        found = table.column("substring.ranges")[row].as_py()
        assert [(part["start"], part["end"]) for part in found or []] == spans[row]
        share = sum(end - start for start, end in spans[row]) / max(1, len(text.encode()))
        assert reasons[row] == (
            "substring.duplicated" if stage.mode == "drop" and spans[row] and share > stage.drop_share else None
        )


# -- the laws ----------------------------------------------------------------------------------------------------------

WORDS = st.lists(st.sampled_from(["a", "b", "é", "漢字", "x\u00a0y", "z\n\n", "\u2028", "", "🙂"]), max_size=30)
PLAIN = WORDS.map(" ".join)
ANY = st.text(max_size=40).map(lambda text: text.encode("utf-8", "ignore").decode())
TEXTS = st.lists(PLAIN | ANY | st.sampled_from(["", " ", "a " * 40, "ab" * 30, "é" * 25]), max_size=9)


@settings(max_examples=80)
@given(
    texts=TEXTS,
    planted=PLAIN,
    length=st.sampled_from([1, 2, 3, 5, 8]),
    tokens=st.sampled_from(["words", "bytes", "ids"]),
    mode=st.sampled_from(["cut", "keep_first", "drop", "mark"]),
    lengths=st.lists(st.integers(0, 4), max_size=3),
    dropped=st.sets(st.integers(0, 8), max_size=3),
    plan=st.sampled_from([(1, 1 << 14), (7, 1 << 14), (3, 5), (2, 1)]),
)
def test_spans_cuts_and_drops_equal_a_brute_force(texts, planted, length, tokens, mode, lengths, dropped, plan):
    texts = [text if row % 3 else f"{text} {planted}" for row, text in enumerate(texts)]
    tokenizer = small_tokenizer() if tokens == "ids" else None
    stage = ExactSubstring(length=length, tokens=tokens, mode=mode, min_left=6, tokenizer=tokenizer)
    ranges, keys = plan
    dropped = sorted(row for row in dropped if row < len(texts))
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(substring, "_ranges", lambda *_: ranges)
        patch.setattr(substring, "keys_in", lambda *_: keys)
        patch.setattr("os.fsync", lambda _: None)  # thousands of files that no crash has to survive
        _, table = dedup(stage, texts, Path(folder), lengths=lengths, dropped=dropped)
        check_against_hand(stage, texts, dropped, table)


def planted_corpus(documents: int, seed: int) -> list[str]:
    """Texts of random words with repeated passages of 30 to 200 words, some cut off, some in a document twice."""
    chooser = random.Random(seed)
    vocabulary = ["".join(chooser.choices("abcdeéß漢", k=chooser.randint(1, 7))) for _ in range(300)]

    def words(count: int) -> list[str]:
        return chooser.choices(vocabulary, k=count)

    passages = [words(chooser.randint(30, 200)) for _ in range(8)] + [["la"] * 130]
    texts = []
    for _ in range(documents):
        text = words(chooser.randint(0, 250))
        for _ in range(chooser.randint(0, 3)):
            passage = chooser.choice(passages)[chooser.randint(0, 20) :]
            at = chooser.randint(0, len(text))
            text[at:at] = passage
        texts.append("".join(word + chooser.choice((" ", " ", " ", "\n", "\n\n")) for word in text))
    return texts


@pytest.mark.parametrize("mode", ["cut", "keep_first", "drop", "mark"])
def test_passages_of_fifty_words_are_found_wherever_they_stand(tmp_path, mode):
    texts = planted_corpus(60, 1)
    stage = ExactSubstring(mode=mode)
    _, table = dedup(stage, texts, tmp_path, lengths=(20, 1, 0), dropped=(3, 30))
    check_against_hand(stage, texts, (3, 30), table)
    assert sum(filter(None, table.column("substring.spans").to_pylist())) > 20


def test_bytes_of_any_text_are_cut_between_characters(tmp_path):
    texts = [text.replace(" ", "") for text in planted_corpus(40, 2)]
    stage = ExactSubstring(tokens="bytes", length=100)
    _, table = dedup(stage, texts, tmp_path, lengths=(13,))
    check_against_hand(stage, texts, (), table)


def layer_bytes(scope: Scope) -> list[bytes]:
    return [Path(scope.layer_folder(shard), f"{shard.name}.parquet").read_bytes() for shard in scope.shards]


def test_layers_are_the_same_bytes_for_any_ranges_memory_and_order_of_tasks(tmp_path, monkeypatch):
    texts = planted_corpus(80, 3)
    stage = ExactSubstring(mode="keep_first")
    shards = write_shards(tmp_path, texts, (30, 30))
    usual = layer_bytes(run_phases(stage, shards, tmp_path / "usual"))
    monkeypatch.setattr(substring, "_ranges", lambda *_: 7)
    monkeypatch.setattr(substring, "keys_in", lambda *_: 100)
    scope = Scope(tuple(shards), tuple(shard.rows for shard in shards), str(tmp_path / "other"), 1 << 30)
    for phase in stage.phases(scope):
        for task in reversed(phase.tasks):
            with Commit(phase.folder, task.name) as commit:
                task.run(commit)
    receipt = read_receipt(f"{scope.folder}/match_grams-7", "00003")
    assert receipt is not None
    assert receipt.counts["passes"] > 1
    assert layer_bytes(scope) == usual


def test_a_run_taken_up_with_another_memory_gives_the_same_bytes(tmp_path, monkeypatch):
    texts = planted_corpus(60, 7)
    stage = ExactSubstring(mode="keep_first")
    shards = write_shards(tmp_path, texts, (20, 20))
    usual = layer_bytes(run_phases(stage, shards, tmp_path / "usual"))
    scope = Scope(tuple(shards), tuple(shard.rows for shard in shards), str(tmp_path / "out"), 1 << 30)
    for ranges, keys, stop_after in ((3, 200, "sample"), (2, 1000, "match_grams"), (3, 500, None)):
        monkeypatch.setattr(substring, "_ranges", lambda *_, ranges=ranges: ranges)
        monkeypatch.setattr(substring, "keys_in", lambda *_, keys=keys: keys)
        for phase in stage.phases(scope):
            tasks = [task for task in phase.tasks if read_receipt(phase.folder, task.name) is None]
            for task in tasks[:1] if phase.name == stop_after else tasks:
                with Commit(phase.folder, task.name) as commit:
                    task.run(commit)
            if phase.name == stop_after:
                break
    assert layer_bytes(scope) == usual


@pytest.mark.parametrize("tokens", ["words", "bytes", "ids"])
@pytest.mark.parametrize("mode", ["mark", "keep_first"])
def test_a_document_larger_than_memory_takes_several_runs_and_gives_the_same_spans(tmp_path, monkeypatch, tokens, mode):
    texts = planted_corpus(8, 11)
    texts[3] = " ".join(planted_corpus(12, 12))
    texts[5] = "la " * 1000
    tokenizer = small_tokenizer() if tokens == "ids" else None
    stage = ExactSubstring(tokens=tokens, mode=mode, length=40, tokenizer=tokenizer)
    usual, _ = dedup(stage, texts, tmp_path / "usual", lengths=(4,))
    monkeypatch.setattr(substring, "keys_in", lambda *_: 500)
    scope, table = dedup(stage, texts, tmp_path / "pieces", lengths=(4,))
    assert layer_bytes(scope) == layer_bytes(usual)
    written = next(Path(scope.folder).glob("sample-*"))
    assert (runs_of(str(written), "00000")[:, 4] > 0).sum() > 10  # pieces
    assert sum(filter(None, table.column("substring.spans").to_pylist())) > 5


def test_a_tokenizer_that_is_missing_or_none_is_an_error(tmp_path):
    (tmp_path / "t.json").write_text("{}")
    for options, said in (
        ({"tokens": "ids"}, "go together"),
        ({"tokenizer": str(tmp_path / "t.json")}, "go together"),
        ({"tokens": "ids", "tokenizer": str(tmp_path / "none.json")}, "none.json"),
        ({"tokens": "ids", "tokenizer": str(tmp_path / "t.json")}, "not a tokenizer"),
    ):
        with pytest.raises(UserError, match=said):
            ExactSubstring(**options).check()


def test_groups_of_several_shards_give_what_single_shards_do(tmp_path, monkeypatch):
    texts = planted_corpus(50, 4)
    stage = ExactSubstring(mode="keep_first")
    shards = write_shards(tmp_path, texts, (9, 9, 9, 9, 9))
    usual = layer_bytes(run_phases(stage, shards, tmp_path / "usual"))
    monkeypatch.setattr("gristmill.dedup.shuffle.MOST_GROUPS", 2)
    scope = run_phases(stage, shards, tmp_path / "grouped")
    assert Path(scope.folder, "sample-1", "00001.receipt.json").exists()
    assert not Path(scope.folder, "sample-1", "00003.receipt.json").exists()
    assert layer_bytes(scope) == usual


# -- examples ----------------------------------------------------------------------------------------------------------


def words(name: str, count: int) -> str:
    return " ".join(f"{name}{number}" for number in range(count))


def cut_texts(stage: ExactSubstring, texts: Sequence[str], folder: Path) -> list[str]:
    _, table = dedup(stage, texts, folder)
    cut = apply_cuts(Texts.from_strings(list(texts)), table.column("cuts").combine_chunks())
    return [cut[row] for row in range(len(texts))]


def test_a_repeat_of_fifty_words_is_cut_and_one_of_forty_nine_is_not(tmp_path):
    texts = [f"{words('a', 9)} {words('same', 50)} {words('b', 9)}", f"{words('c', 9)} {words('same', 50)}"]
    assert cut_texts(ExactSubstring(), texts, tmp_path / "fifty") == [f"{words('a', 9)} {words('b', 9)}", words("c", 9)]
    shorter = [text.replace("same49", "") for text in texts]
    assert cut_texts(ExactSubstring(), shorter, tmp_path / "shorter") == shorter


def test_the_first_copy_is_the_first_in_the_order_of_sources_shards_and_rows(tmp_path):
    texts = [words("start", 30), f"x {words('same', 60)}", f"{words('y', 9)} {words('same', 60)}"]
    expected = [*texts[:2], words("y", 9)]
    assert cut_texts(ExactSubstring(mode="keep_first"), texts, tmp_path) == expected


def test_a_text_that_repeats_with_a_short_period_keeps_one_period(tmp_path):
    texts = [f"{words('kept', 9)} {'on and ' * 40}off"]
    assert cut_texts(ExactSubstring(mode="keep_first"), texts, tmp_path / "first") == [f"{words('kept', 9)} on and off"]
    assert cut_texts(ExactSubstring(), texts, tmp_path / "all") == [f"{words('kept', 9)} off"]


def test_no_repeat_reaches_from_one_document_into_the_next(tmp_path):
    halves = [words("left", 30), words("right", 30)]
    texts = [*halves, *halves, " ".join(halves)]
    assert cut_texts(ExactSubstring(), texts, tmp_path) == texts


def test_white_space_may_differ_and_the_paragraph_break_stays(tmp_path):
    same = words("same", 50)
    texts = [
        f"{words('a', 9)}\n\n{same} {words('b', 9)}",
        f"{words('c', 9)} {same.replace(' ', chr(10))}\n\n{words('d', 9)}",
    ]
    expected = [f"{words('a', 9)}\n\n{words('b', 9)}", f"{words('c', 9)}\n\n{words('d', 9)}"]
    assert cut_texts(ExactSubstring(), texts, tmp_path) == expected


def test_a_document_that_keeps_fewer_than_twenty_characters_is_dropped(tmp_path):
    same = words("same", 50)
    texts = [f"{'é' * 19} {same}", f"{'é' * 20} {same}", "short, but nothing of it stands twice", "hi", ""]
    scope, table = dedup(ExactSubstring(), texts, tmp_path)
    assert table.column("drop").to_pylist() == ["substring.too_little_left", None, None, None, None]
    receipt = read_receipt(scope.layer_folder(scope.shards[0]), scope.shards[0].name)
    assert receipt is not None
    assert receipt.counts == {
        "rows": 5,
        "documents": 5,
        "spans": 2,
        "duplicated_bytes": 2 * len(same),
        "cut_bytes": 2 * len(same) + 2,
        "documents_with_spans": 2,
        "drop.substring.too_little_left": 1,
    }


def test_a_share_of_exactly_the_limit_is_kept(tmp_path):
    same = "w " * 9 + "w"  # 19 bytes
    texts = [f"{same} {'x' * 75}", f"{same} {'y' * 74}"]  # of 95 and of 94
    stage = ExactSubstring(length=10, mode="drop")
    _, table = dedup(stage, texts, tmp_path)
    assert table.column("drop").to_pylist() == [None, "substring.duplicated"]


def test_dropped_documents_take_no_part_and_have_no_values(tmp_path):
    same = f"{words('same', 60)} {words('own', 9)}"
    _, table = dedup(ExactSubstring(), [same, same], tmp_path, dropped=(0,))
    assert table.to_pylist() == [
        {
            "substring.duplicated_bytes": None if row == 0 else 0,
            "substring.spans": None if row == 0 else 0,
            "substring.ranges": None,
            "substring.first_copies": None,
            "drop": None,
            "cuts": None,
        }
        for row in range(2)
    ]


def test_cuts_of_earlier_stages_are_seen(tmp_path):
    same = words("same", 60)
    shard = write_shard(tmp_path, "a", "shard", [f"{words('own', 9)} {same}", same])
    first = run_phases(ExactSubstring(min_left=0), [shard], tmp_path / "first")
    layer = LayerRef("substring", first.layer_folder(shard), drops=True, cuts=True)
    cut = ShardRef(shard.source, shard.name, shard.documents, (*shard.layers, layer))
    again = ExactSubstring(mode="mark")
    scope = run_phases(again, [cut], tmp_path / "again")
    assert read_layer(again, scope, cut).column("substring.spans").to_pylist() == [0, 0]


def test_a_scope_without_documents_is_no_work_or_an_empty_layer(tmp_path):
    assert list(ExactSubstring().phases(Scope((), (), str(tmp_path), 1 << 30))) == []
    scope, table = dedup(ExactSubstring(), [], tmp_path)
    assert table.num_rows == 0
    assert len(scope.shards) == 1


def test_boilerplate_costs_a_key_a_run_however_often_it_stands(tmp_path):
    texts = [words("same", 60)] * 500
    scope, _ = dedup(ExactSubstring(), texts, tmp_path, lengths=(250,), batch_rows=50)
    counts = [read_receipt(f"{scope.folder}/grams-1", f"{group:05d}").counts for group in range(2)]
    assert [count["distinct_keys"] for count in counts] == [11, 11]


def test_importing_the_stage_compiles_nothing():
    program = "import sys, gristmill.dedup.substring; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_all_kernels_are_compiled_by_warm(tmp_path):
    """A kernel that a task has to compile would be compiled by every worker."""
    from gristmill.kernels import grams, key_table, span_edges

    kernels = [
        kernel
        for module in (grams, key_table, span_edges)
        for kernel in vars(module).values()
        if hasattr(kernel, "signatures")
        and kernel.py_func.__module__ == module.__name__
        and kernel.targetoptions.get("_nrt", True)
    ]
    for tokens, mode in (("words", "cut"), ("bytes", "keep_first"), ("ids", "cut")):
        stage = ExactSubstring(tokens=tokens, mode=mode, tokenizer=small_tokenizer() if tokens == "ids" else None)
        stage.warm()
        before = {kernel.__name__: list(kernel.signatures) for kernel in kernels}
        dedup(stage, planted_corpus(30, 5), tmp_path / tokens, lengths=(10,))
        assert {kernel.__name__: list(kernel.signatures) for kernel in kernels} == before
