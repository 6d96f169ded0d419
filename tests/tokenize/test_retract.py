import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest

from gristmill import storage
from gristmill.commit import checksum, read_receipt
from gristmill.errors import UserError
from gristmill.tokenize.requests import Match, Requests, plain_url
from gristmill.tokenize.retract import retract
from gristmill.tokenize.shards import TokenShards
from tests.stages import write_shard
from tests.tokenize.corpus import packed
from tests.tokenize.test_pack import HALF, pack


@pytest.fixture(scope="module", params=["concat", "best_fit"])
def original(request, tmp_path_factory, corpus, folders) -> Path:
    out = tmp_path_factory.mktemp(request.param)
    return pack(out, corpus, folders, mixture=HALF, packing=request.param, sequence_length=64)


@pytest.fixture
def tokens(original, tmp_path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "tokens"))


def rows(folder: Path) -> list[dict]:
    shards = TokenShards.open(str(folder))
    return [row for number in range(len(shards.entries)) for row in shards.table(number).to_pylist()]


@pytest.fixture
def named(corpus) -> dict[str, Match]:
    """Every ninth document of both sources; repeats of them are in the mixture too."""
    found = {}
    for shards in corpus.values():
        for shard in shards:
            for batch in shard.batches(["id", "url"]):
                for name, url in zip(
                    batch.column("id")[::9].to_pylist(), batch.column("url")[::9].to_pylist(), strict=True
                ):
                    found[name] = Match(shard.source, name, url, f"id {name}")
    return found


def expected(row: dict, named, how: str, pad: int) -> dict:
    """What a row is to be after a retraction, done by hand."""
    row = {name: list(values) for name, values in row.items()}
    place = 0
    for piece, length in enumerate(row["document_lengths"]):
        if row["document_ids"][piece] in named:
            row["trained"][piece] = False
            if how == "pad":
                row["input_ids"][place : place + length] = [pad] * length
                row["document_ids"][piece] = row["sources"][piece] = None
                row["document_numbers"][piece], row["document_offsets"][piece] = -1, 0
        place += length
    return row


@pytest.mark.parametrize("how", ["pad", "mask"])
def test_the_documents_are_gone_and_everything_else_stays_where_it_was(tokens, named, how):
    before = rows(tokens)
    found = retract(str(tokens), named, how)
    after = rows(tokens)
    pad = TokenShards.open(str(tokens)).index["tokenizer"]["pad_id"]
    assert after == [expected(row, named, how, pad) for row in before]
    assert found.documents > 5
    lengths = [n for row in before for n in row["document_lengths"]]
    names = [name for row in before for name in row["document_ids"]]
    assert found.tokens == sum(n for n, name in zip(lengths, names, strict=True) if name in named)


def test_the_index_the_receipts_and_the_files_agree_afterwards(tokens, named):
    count = len(TokenShards.open(str(tokens)).entries)
    identity = TokenShards.open(str(tokens)).id
    retract(str(tokens), named)
    shards = TokenShards.open(str(tokens))
    assert len(list(shards.verify())) == count + 1
    assert shards.id == identity
    assert shards.masked
    for entry in shards.entries:
        (file,) = read_receipt(str(tokens / "shards"), entry.label).files
        assert (f"shards/{file.name}", f"xxh3-128:{file.checksum}") == (entry.name, entry.checksum)
        assert entry.tokens + entry.padding + entry.masked == entry.sequences * 64
    assert {path.name for path in (tokens / "shards").glob("*.arrow")} == {entry.name[7:] for entry in shards.entries}
    files = {file.name: file.checksum for file in read_receipt(str(tokens), "index").files}
    assert files["index.json"] == checksum(str(tokens / "index.json"))
    trained = pc.sum(pc.if_else(packed(tokens).column("trained").combine_chunks().flatten(), 1, 0))
    assert trained.as_py() > 0


def test_the_list_says_what_was_removed_where(tokens, named):
    before = rows(tokens)
    found = retract(str(tokens), named)
    head, *lines = [json.loads(line) for line in Path(found.file).read_text().splitlines()]
    assert (head["how"], head["documents"], head["pieces"], head["tokens"]) == (
        "pad",
        found.documents,
        len(lines),
        found.tokens,
    )
    shards = TokenShards.open(str(tokens))
    for line in lines:
        row = before[int(shards.firsts[shards.find(line["shard"])]) + line["row"]]
        starts = np.cumsum([0, *row["document_lengths"]]).tolist()
        assert row["document_ids"][starts.index(line["first_token"])] == line["document"]
        assert line["url"] == named[line["document"]].url
    assert shards.index["retractions"][0]["file"] == "retractions/0001.jsonl"


def test_again_changes_nothing_and_masked_ones_can_still_be_overwritten(tokens, named):
    retract(str(tokens), named, "mask")
    masked = (tokens / "index.json").read_bytes()
    assert retract(str(tokens), named, "mask").file is None
    assert (tokens / "index.json").read_bytes() == masked
    assert retract(str(tokens), named, "pad").file.endswith("0002.jsonl")
    padded = (tokens / "index.json").read_bytes()
    assert retract(str(tokens), named, "pad").file is None
    assert retract(str(tokens), named, "mask").file is None
    assert (tokens / "index.json").read_bytes() == padded


def test_shards_without_the_documents_are_not_touched(tokens):
    row = rows(tokens)[0]
    name = row["document_ids"][0]
    before = TokenShards.open(str(tokens)).entries
    retract(str(tokens), {name: Match("web", name, None, "id")})
    after = TokenShards.open(str(tokens)).entries
    changed = [entry.label for old, entry in zip(before, after, strict=True) if old != entry]
    assert before[0].label in changed
    assert len(changed) < len(before)


class Killed(BaseException):
    pass


def test_a_killed_retraction_leaves_all_of_it_or_nothing(original, tmp_path, named, monkeypatch):
    old = rows(original)
    whole = Path(shutil.copytree(original, tmp_path / "whole"))
    retract(str(whole), named)
    new = rows(whole)
    seen = set()
    for step in range(100):
        folder = Path(shutil.copytree(original, tmp_path / f"killed-{step}"))
        left = step

        def die_at(real):
            def call(*arguments):
                nonlocal left
                if left == 0:
                    raise Killed
                left -= 1
                return real(*arguments)

            return call

        with monkeypatch.context() as patch:
            for name in ("publish", "write_bytes", "remove"):
                patch.setattr(storage, name, die_at(getattr(storage, name)))
            try:
                retract(str(folder), named)
            except Killed:
                killed = True
            else:
                killed = False
        assert list(TokenShards.open(str(folder)).verify())
        state = rows(folder)
        assert state in (old, new)
        seen.add(state == new)
        again = retract(str(folder), named)
        assert rows(folder) == new
        assert (again.file is None) == (state == new)
        assert sorted(p.name for p in (folder / "shards").iterdir()) == sorted(
            p.name for p in (whole / "shards").iterdir()
        )
        shutil.rmtree(folder)
        if not killed:
            break
    assert seen == {True, False}
    assert not killed


def test_documents_are_named_by_id_url_domain_or_repository(tmp_path):
    urls = [
        "https://A.example/Page/",
        "http://sub.b.example/x",
        "https://notb.example/x",
        "https://github.com/Owner/name/blob/main/a.py",
        None,
        None,
    ]
    metadata = [None, None, None, None, '{"repository": "owner/other"}', '{"stars": 3}']
    shard = write_shard(tmp_path, "web", "web-0", [f"text {n}" for n in range(6)], url=urls, metadata=metadata)
    ids = [name for batch in shard.batches(["id"]) for name in batch.column("id").to_pylist()]

    def found(**names):
        return {ids.index(match.document): match.asked_for for match in Requests(**names).matches([shard])}

    assert found(ids=[ids[5], "f" * 32]) == {5: f"id {ids[5]}"}
    assert found(urls=["http://a.EXAMPLE/Page#top"]) == {0: "url a.example/Page"}
    assert found(urls=["http://a.example/page"]) == {}
    assert found(domains=["B.example"]) == {1: "domain b.example"}
    assert found(repositories=["https://github.com/owner/NAME"]) == {3: "repository github.com/owner/name"}
    assert found(repositories=["Owner/Other"]) == {4: "repository owner/other"}
    with pytest.raises(UserError, match="no document is named"):
        Requests()


def test_plain_urls():
    assert plain_url(" HTTPS://Www.X.example/A/?q=B#c ") == "www.x.example/A/?q=B"
