"""Attention to ancestors alone: from posts in a forum's dump to the mask of a row, whatever happened on the way."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import gristmill
from gristmill.cli import app
from gristmill.errors import UserError
from gristmill.tokenize.find_trees import moved
from gristmill.tokenize.reply_trees import ReplyTrees, ancestor_positions, ancestors_mask, part
from gristmill.tokenize.shards import TokenShards
from tests.tokenize.corpus import made_up_texts

RECIPE = """
sources:
  forum:
    read: {{hackernews: {{layout: tree, authors: number}}}}
    input: forum.jsonl
    stages:
      - pii
  web:
    read: jsonl
    input: web.jsonl
tokenize:
  {tokenizer}
  sequence_length: {length}
  packing: {packing}
"""
BYTE_BPE = "train: {vocabulary: 400}"
LLAMA = "train: {style: llama, vocabulary: 400}"


def write_dump(folder: Path) -> dict[str, list[str]]:
    """A forum of 40 stories whose comments carry marks, and pages. Returns the ancestors of every post by its mark."""
    words = made_up_texts(5, 400, 12)
    chosen = np.random.default_rng(3)
    items: list[dict[str, Any]] = []
    ancestors: dict[str, list[str]] = {}
    for story in range(40):
        first = story * 100 + 1
        ancestors[f"P{first}Q"] = []
        items.append(
            {"id": first, "type": "story", "title": f"P{first}Q", "text": words[story], "score": 5, "by": "ann"}
        )
        for number in range(first + 1, first + 2 + int(chosen.integers(1, 9))):
            parent = int(chosen.integers(first, number))
            ancestors[f"P{number}Q"] = [*ancestors[f"P{parent}Q"], f"P{parent}Q"]
            text = f"P{number}Q {words[number % 400]} mail me at someone{number}@mill.example.com. {words[(number * 7) % 400]}"
            items.append({"id": number, "type": "comment", "parent": parent, "text": text, "by": f"user{number % 5}"})
    (folder / "forum.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    pages = [{"text": text + " A page."} for text in made_up_texts(6, 30, 60)]
    (folder / "web.jsonl").write_text("".join(json.dumps(page) + "\n" for page in pages))
    return ancestors


@pytest.mark.parametrize(("tokenizer", "length", "packing"), [(BYTE_BPE, 4096, "best_fit"), (LLAMA, 96, "concat")])
def test_a_token_of_a_post_sees_the_posts_it_answers_and_no_others(
    tmp_path: Path, tokenizer: str, length: int, packing: str
) -> None:
    ancestors = write_dump(tmp_path)
    recipe = tmp_path / "r.yaml"
    recipe.write_text(RECIPE.format(tokenizer=tokenizer, length=length, packing=packing))
    root = ["--root", str(tmp_path / "runs")]
    assert CliRunner().invoke(app, ["run", str(recipe), "--quiet", "--workers", "1", *root]).exit_code == 0
    loaded = gristmill.load(recipe, root=str(tmp_path / "runs"))
    shards = gristmill.open_tokens(loaded)
    with pytest.raises(UserError, match="is not written"):
        ReplyTrees.open(shards)
    done = CliRunner().invoke(app, ["trees", str(recipe), *root])
    assert done.exit_code == 0
    assert done.output == "40 conversations, 30 other documents\n"
    trees = ReplyTrees.open(shards.folder)
    told = 0
    for row in range(len(shards)):
        lengths, parents = trees.runs(row)
        assert lengths.sum() == length
        ids = shards.ids(row, row + 1)[0]
        mask, positions = ancestors_mask(lengths, parents), ancestor_positions(lengths, parents)
        assert np.array_equal(positions, mask.sum(axis=1) - 1)
        ends = np.cumsum(lengths)
        for end, tokens in zip(ends.tolist(), lengths.tolist(), strict=True):
            own = shards.tokenizer.reference.decode(ids[end - tokens : end].tolist())
            seen = shards.tokenizer.reference.decode(ids[mask[end - 1]].tolist())
            mark = next((word for word in own.split() if word in ancestors), None)
            if mark is None:
                continue
            there = [word for word in seen.split() if word in ancestors]
            above = [*ancestors[mark], mark]
            assert there == above[len(above) - len(there) :]  # what a row cut off is not there
            assert packing == "concat" or there == above
            assert "someone" not in own
            told += 1
    assert told > 50


def test_torch_data_set_gives_the_mask(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from gristmill.tokenize import TokenDataset

    write_dump(tmp_path)
    recipe = tmp_path / "r.yaml"
    recipe.write_text(RECIPE.format(tokenizer=BYTE_BPE, length=128, packing="concat"))
    root = str(tmp_path / "runs")
    assert CliRunner().invoke(app, ["run", str(recipe), "--quiet", "--workers", "1", "--root", root]).exit_code == 0
    loaded = gristmill.load(recipe, root=root)
    assert gristmill.write_trees(loaded)["tree"] == 40
    folder = gristmill.open_tokens(loaded).folder
    data = TokenDataset(folder, documents="ancestors")
    batch = next(iter(data.loader(4, workers=1, epochs=1)))
    assert batch["attention_mask"].shape == (4, 128, 128)
    assert batch["attention_mask"].dtype == torch.bool
    runs = ReplyTrees.open(folder).runs(2)
    assert np.array_equal(batch["attention_mask"][2].numpy(), ancestors_mask(*runs))
    assert np.array_equal(batch["position_ids"][2].numpy(), ancestor_positions(*runs))


def test_trees_of_other_shards_are_refused(tmp_path: Path, folders: dict[str, Path]) -> None:
    shards = TokenShards.open(str(folders["tokens"]))
    (folders["tokens"] / "trees").mkdir()
    (folders["tokens"] / "trees" / "index.json").write_text('{"format": "gristmill reply trees 1", "data": "another"}')
    with pytest.raises(UserError, match="of other shards"):
        ReplyTrees.open(shards)


def test_the_mask_of_a_small_tree() -> None:
    lengths, parents = np.array([2, 1, 2, 1]), np.array([-1, 0, 1, 0])
    shown = ["".join(".x"[int(seen)] for seen in row) for row in ancestors_mask(lengths, parents)]
    assert shown == ["x.....", "xx....", "xxx...", "xxxx..", "xxxxx.", "xx...x"]
    assert ancestor_positions(lengths, parents).tolist() == [0, 1, 2, 3, 4, 2]


@st.composite
def trees(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    lengths = draw(st.lists(st.integers(0, 6), min_size=1, max_size=12))
    return lengths, [-1, *(draw(st.integers(0, n - 1)) for n in range(1, len(lengths)))]


@given(trees(), st.data())
def test_a_part_of_a_document_has_the_mask_of_that_part(tree: tuple[list[int], list[int]], data: st.DataObject) -> None:
    lengths, parents = tree
    total = sum(lengths)
    begin = data.draw(st.integers(0, total))
    end = data.draw(st.integers(begin, total))
    whole = ancestors_mask(np.array(lengths), np.array(parents))
    kept, answers = part(lengths, parents, begin, end)
    found = ancestors_mask(np.array(kept, np.int64), np.array(answers, np.int64)) if kept else np.zeros((0, 0), bool)
    assert np.array_equal(found, whole[begin:end, begin:end])


@given(st.text("abcdé", min_size=1, max_size=30), st.data())
def test_places_move_with_what_is_cut(text: str, data: st.DataObject) -> None:
    size = len(text.encode())
    bounds = sorted(data.draw(st.sets(st.integers(0, size), max_size=6)))
    cuts = [
        {"start": a, "end": b, "replacement": data.draw(st.sampled_from([None, "", "xx", "é"]))}
        for a, b in zip(bounds[::2], bounds[1::2], strict=False)
    ]
    left, at = [], 0
    for cut in cuts:
        left += [list(range(at, cut["start"])), [None] * len((cut["replacement"] or "").encode())]
        at = cut["end"]
    kept = [*chain(*left), *range(at, size)]
    places = moved(np.arange(size), cuts).tolist()
    assert all(places[place] == where for where, place in enumerate(kept) if place is not None)
    assert places == sorted(places)
