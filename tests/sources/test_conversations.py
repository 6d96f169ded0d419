"""Hacker News and Reddit: threads joined over files, in every layout."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from gristmill.documents import Outcome, Record
from gristmill.sources.conversations import Conversations
from gristmill.sources.hackernews import HackerNews
from gristmill.sources.reddit import Reddit
from gristmill.stage import InputFile

STORY = {"id": 1, "type": "story", "title": "Ask: which flour?", "url": "http://mill.example/", "by": "ann", "score": 7}
STORY |= {"time": 1_550_000_000, "descendants": 4, "text": "I bake <i>rye</i>.<p>What do you use?"}


def said(number: int, parent: int, text: str, by: str = "bob", **more: Any) -> dict[str, Any]:
    return {"id": number, "type": "comment", "parent": parent, "text": text, "by": by, "time": number} | more


ITEMS = [
    STORY,
    said(2, 1, "Whole grain."),
    said(3, 1, "White &amp; fine.", "cid"),
    said(4, 2, "How coarse?<p>Mine is coarse.", "ann"),
    said(5, 2, "Same here.", "dan"),
    said(6, 4, "Very.", "bob"),
]


def submission(number: str, **more: Any) -> dict[str, Any]:
    found = {"id": number, "title": f"Post {number}", "selftext": "Its text.", "author": "ann", "score": 5}
    return (
        found
        | {"created_utc": 1_546_300_800, "permalink": f"/r/bread/comments/{number}/x/", "subreddit": "bread"}
        | more
    )


def comment(number: str, parent: str, link: str, body: str = "", **more: Any) -> dict[str, Any]:
    found = {"id": number, "parent_id": parent, "link_id": f"t3_{link}", "body": body or f"Says {number}."}
    return found | {"author": "bob", "score": 1, "created_utc": int(number, 36), "subreddit": "bread"} | more


def write(path: Path, rows: Sequence[Any]) -> Path:
    lines = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows).encode()
    path.write_bytes(zstandard.compress(lines) if path.suffix == ".zst" else lines)
    return path


def read(source: Conversations, *paths: Path) -> list[Record]:
    files = [InputFile(str(path), path.name, path.stat().st_size, "v") for path in paths]
    return [record for file in source.select(files) for record in source.records(file)]


def texts(records: Sequence[Record]) -> list[str | None]:
    return [record.text for record in records if record.open]


def reasons(records: Sequence[Record]) -> dict[str, int]:
    return dict(Counter(record.reason for record in records if record.reason))


def test_a_thread_is_indented_under_what_it_answers(tmp_path: Path) -> None:
    (found,) = read(HackerNews(), write(tmp_path / "a.jsonl", ITEMS))
    assert found.text == "\n\n".join(
        (
            "Ask: which flour?\nhttp://mill.example/",
            "User 1: I bake rye.\n\nWhat do you use?",
            "User 2: Whole grain.",
            "  User 1: How coarse?\n\n  Mine is coarse.",
            "    User 2: Very.",
            "  User 3: Same here.",
            "User 4: White & fine.",
        )
    )
    assert (found.url, found.date) == ("https://news.ycombinator.com/item?id=1", 1_550_000_000)
    assert found.title == "Ask: which flour?"
    assert found.metadata == {"item": 1, "score": 7, "link": "http://mill.example/", "comments": 5}


@pytest.mark.parametrize(("authors", "start"), [("name", "bob: Whole"), ("none", "Whole")])
def test_speakers_are_called_as_asked(tmp_path: Path, authors: str, start: str) -> None:
    (found,) = read(HackerNews(authors=authors), write(tmp_path / "a.jsonl", ITEMS))
    assert f"\n\n{start}" in str(found.text)


def test_path_follows_the_reply_with_most_replies(tmp_path: Path) -> None:
    records = read(HackerNews(layout="path", authors="none", links=False), write(tmp_path / "a.jsonl", ITEMS))
    assert texts(records) == [
        "Ask: which flour?\n\nI bake rye.\n\nWhat do you use?\n======\n"
        "Whole grain.\n~~~\nHow coarse?\n\nMine is coarse.\n~~~\nVery.\n------\nWhite & fine."
    ]
    assert reasons(records) == {"hackernews.not_on_path": 1}


def test_comments_become_documents_of_their_own(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", ITEMS)
    records = read(HackerNews(layout="comments", authors="none"), path)
    assert [str(text).rsplit("\n\n", 1)[-1].strip() for text in texts(records)] == ["Same here.", "White & fine."]
    assert reasons(records) == {"post_of_comments": 1}
    lines = path.read_bytes()
    documents = [record for record in records if record.open]
    assert [json.loads(lines[one.offset : one.offset + one.length])["id"] for one in documents] == [2, 3]


def test_a_tree_says_where_each_post_lies_and_what_it_answers(tmp_path: Path) -> None:
    (found,) = read(HackerNews(layout="tree", authors="none"), write(tmp_path / "a.jsonl", ITEMS))
    data = str(found.text).encode()
    spans = found.metadata["posts"]
    parts = [data[begin:end].decode().strip() for begin, end, _ in spans]
    assert parts[1:] == ["Whole grain.", "How coarse?\n\nMine is coarse.", "Very.", "Same here.", "White & fine."]
    assert [parent for _, _, parent in spans] == [-1, 0, 1, 2, 1, 0]
    assert [begin for begin, _, _ in spans[1:]] == [end for _, end, _ in spans[:-1]]
    assert spans[-1][1] == len(data)


def test_items_in_any_order_and_over_many_files_are_one_dump(tmp_path: Path) -> None:
    expected = texts(read(HackerNews(), write(tmp_path / "a.jsonl", ITEMS)))
    items = list(ITEMS)
    for seed in range(5):
        random.Random(seed).shuffle(items)
        paths = [write(tmp_path / f"{part}.jsonl", items[part::3]) for part in range(3)]
        assert texts(read(HackerNews(), *paths)) == expected
        assert texts(read(HackerNews(memory=1), *paths)) == expected


def test_shares_of_a_large_dump_hold_every_thread_once(tmp_path: Path) -> None:
    items = [item | {"id": item["id"] + 10 * n} for n in range(20) for item in ITEMS]
    items = [i | ({"parent": i["parent"] + 10 * (i["id"] // 10)} if "parent" in i else {}) for i in items]
    path = write(tmp_path / "a.jsonl", [*items, "broken"])
    whole = read(HackerNews(), path)
    shared = read(HackerNews(part_bytes=path.stat().st_size // 3), path)
    assert sorted(map(str, texts(shared))) == sorted(map(str, texts(whole)))
    assert reasons(shared) == reasons(whole) == {"bad_json": 1}


def test_bigquery_tables_and_csv_read_the_same(tmp_path: Path) -> None:
    expected = texts(read(HackerNews(), write(tmp_path / "a.jsonl", ITEMS)))
    names = sorted({name for item in ITEMS for name in item})
    pq.write_table(
        pa.table({name: [item.get(name) for item in ITEMS] for name in names}), tmp_path / "000000000000.parquet"
    )
    assert texts(read(HackerNews(), tmp_path / "000000000000.parquet")) == expected


def test_a_corrupt_row_group_costs_its_rows_and_no_others(tmp_path: Path) -> None:
    path = tmp_path / "items.parquet"
    rows = [{"id": n, "type": "story", "title": f"Story {n} " + "x" * 200, "score": 3} for n in range(1, 31)]
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=10, compression="none", use_dictionary=False)
    place = pq.read_metadata(path).row_group(1).column(0).data_page_offset
    data = bytearray(path.read_bytes())
    data[place : place + 12] = b"\xff" * 12
    path.write_bytes(data)
    records = read(HackerNews(minimum_comments=0), path)
    assert len(texts(records)) == 20
    assert reasons(records) == {"corrupt_parquet": 1}


def test_deleted_dead_and_unwanted_items_are_named(tmp_path: Path) -> None:
    items = [
        STORY,
        said(2, 1, "", deleted=True),
        said(3, 2, "An answer to nothing."),
        said(4, 1, "Spam", dead=True),
        said(5, 1, "Stays."),
        said(6, 99, "Its story is elsewhere."),
        {"id": 7, "type": "job", "title": "We hire"},
        {"id": 8, "type": "story", "title": "Low", "score": 0},
        {"id": 9, "type": "story", "title": "Lonely", "score": 3},
        said(10, 9, "[flagged]"),
        {"id": "x", "type": "story"},
        "{",
        STORY,
    ]
    records = read(HackerNews(), write(tmp_path / "a.jsonl", items))
    assert [str(text)[-7:] for text in texts(records)] == [" Stays."]
    assert reasons(records) == {
        "hackernews.deleted": 2,
        "hackernews.reply_to_left_out": 1,
        "hackernews.dead": 1,
        "hackernews.no_post": 1,
        "job": 1,
        "hackernews.score": 1,
        "hackernews.few_comments": 1,
        "bad_id": 1,
        "bad_json": 1,
        "hackernews.repeated_id": 1,
    }


def test_items_that_answer_each_other_in_a_circle_end(tmp_path: Path) -> None:
    records = read(HackerNews(), write(tmp_path / "a.jsonl", [said(1, 2, "a"), said(2, 3, "b"), said(3, 1, "c")]))
    assert len(records) == 3
    assert {record.outcome for record in records} == {Outcome.DROPPED}


def test_a_chain_as_deep_as_it_is_long_is_one_thread(tmp_path: Path) -> None:
    items = [STORY, *(said(n, n - 1, f"c{n}") for n in range(2, 3000))]
    random.Random(1).shuffle(items)
    (found,) = read(HackerNews(), write(tmp_path / "a.jsonl", items))
    assert found.metadata["comments"] == 2998


def test_reddit_joins_comments_of_this_month_and_the_next(tmp_path: Path) -> None:
    posts = write(tmp_path / "RS_2019-12.zst", [submission("a"), submission("b")])
    same = write(tmp_path / "RC_2019-12.zst", [comment("10", "t3_a", "a"), comment("11", "t1_10", "a", "Answer.")])
    later = write(
        tmp_path / "RC_2020-01.zst", [comment("20", "t1_11", "a", "Later."), comment("21", "t3_zz", "zz", "Elsewhere.")]
    )
    records = read(Reddit(authors="none"), posts, same, later)
    assert texts(records) == ["Post a\n\nIts text.\n\nSays 10.\n\n  Answer.\n\n    Later."]
    # the later comments are told with their own month, where their posts are not
    assert reasons(records) == {"reddit.few_comments": 1, "reddit.no_post": 2}
    assert reasons(read(Reddit(following_months=0), posts, same, later)) == {
        "reddit.few_comments": 1,
        "reddit.no_post": 2,
    }


def test_reddit_files_of_one_subreddit_belong_together_by_name(tmp_path: Path) -> None:
    posts = write(tmp_path / "bread_submissions.zst", [submission("a")])
    comments = write(tmp_path / "bread_comments.zst", [comment("a", "t3_a", "a", "Same id as its post.")])
    assert texts(read(Reddit(authors="none"), posts, comments)) == ["Post a\n\nIts text.\n\nSame id as its post."]


def test_reddit_leaves_out_what_was_deleted_removed_or_said_by_bots(tmp_path: Path) -> None:
    posts = [submission("a"), submission("b", selftext="[removed]"), submission("c", over_18=True)]
    comments = [
        comment("1", "t3_a", "a", "[deleted]"),
        comment("2", "t1_1", "a", "Answers what is gone."),
        comment("3", "t3_a", "a", "[removed]"),
        comment("4", "t3_a", "a", "Rules.", author="AutoModerator"),
        comment("5", "t3_a", "a", "Beep. I am a bot."),
        comment("6", "t3_a", "a", "See [here](https://x.example/a) &amp; there &gt; all&#x200B;", author="[deleted]"),
        comment("7", "t3_b", "b", "On a removed post."),
    ]
    files = write(tmp_path / "RS_2019-01.jsonl", posts), write(tmp_path / "RC_2019-01.jsonl", comments)
    records = read(Reddit(), *files)
    assert texts(records) == ["Post a\n\nUser 1: Its text.\n\nSee here & there > all"]
    assert reasons(records) == {
        "reddit.deleted": 1,
        "reddit.reply_to_left_out": 1,
        "reddit.removed": 2,
        "reddit.bot": 2,
        "reddit.over_18": 1,
        "reddit.post_not_kept": 1,
    }


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("A &amp;amp; B &gt; C &amp;#x200B;\n\n&amp;nbsp;\n\n\nD  \nE", "A & B > C\n\nD\nE"),
        ("See [rye](https://a.example/rye_(bread)), [oats]( https://b.example \"Oats\"\n).", "See rye, oats."),
        (r"[\[X\]](http://a.example/x.jpg), a\_b, 1\. \(so\) He\They \*no\*", r"[X], a_b, 1. (so) He\They \*no\*"),
        ("So `a\\_b`\n\n    c\\_d\n\ne\\_f ¯\\\\\\_(ツ)_/¯", "So `a\\_b`\n\n    c\\_d\n\ne_f ¯\\_(ツ)_/¯"),
        ("Seen^[[1]](http://www.a.example/c) on [the\nmill](www.mill.example).", "Seen^[1] on the\nmill."),
        ("Ha ![gif](giphy|abc) ha\n\n[View Poll](https://www.reddit.com/poll/a)", "Ha  ha"),
        ("> quoted\n\n* **one**\n* [two]\n\n|a|b|\n|-|-|", "> quoted\n\n* **one**\n* [two]\n\n|a|b|\n|-|-|"),
    ],
)  # fmt: skip
def test_reddit_text_reads_as_it_was_shown(tmp_path: Path, before: str, after: str) -> None:
    path = write(tmp_path / "RS_2019-01.jsonl", [submission("a", selftext=before)])
    assert texts(read(Reddit(minimum_comments=0, authors="none"), path)) == [f"Post a\n\n{after}"]


@pytest.mark.parametrize("body", ["[deleted]", "[removed by reddit]", "[ Removed by Reddit ]", "[deleted by user]"])
def test_reddit_knows_every_way_to_say_that_a_post_is_gone(tmp_path: Path, body: str) -> None:
    records = read(Reddit(minimum_comments=0), write(tmp_path / "RS_2019-01.jsonl", [submission("a", selftext=body)]))
    assert reasons(records) == {f"reddit.{body.strip('[ ').lower()[:7]}": 1}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            'At <a href="https:&#x2F;&#x2F;mill.example&#x2F;very&#x2F;long" rel="nofollow">https:&#x2F;&#x2F;mill.exa...</a>.',
            "At https://mill.example/very/long.",
        ),
        ("&gt; rye<p>So <i>it</i> is.<p><pre><code>  a = 1\n  b\n</code></pre>", "> rye\n\nSo it is.\n\n```\n  a = 1\n  b\n```"),
    ],
)  # fmt: skip
def test_hacker_news_comments_read_as_they_were_shown(tmp_path: Path, before: str, after: str) -> None:
    items = [STORY | {"title": "The &lt;input&gt; &amp; you", "text": ""}, said(2, 1, before)]
    (found,) = read(HackerNews(authors="none"), write(tmp_path / "a.jsonl", items))
    assert found.title == "The <input> & you"
    assert str(found.text).partition("example/\n\n")[2] == after


def test_reddit_orders_by_score_when_asked(tmp_path: Path) -> None:
    comments = [comment("1", "t3_a", "a", "Low.", score=2), comment("2", "t3_a", "a", "High.", score=10)]
    files = write(tmp_path / "RS_2019-01.jsonl", [submission("a")]), write(tmp_path / "RC_2019-01.jsonl", comments)
    (text,) = texts(read(Reddit(authors="none", order="score"), *files))
    assert str(text).endswith("High.\n\nLow.")


def test_damaged_dumps_tell_where_they_end(tmp_path: Path) -> None:
    path = write(tmp_path / "RS_2019-01.zst", [submission(f"{n:x}") for n in range(500)])
    path.write_bytes(path.read_bytes()[:-40])
    records = read(Reddit(minimum_comments=0), path)
    assert any(record.outcome is Outcome.QUARANTINED for record in records)
    assert all(record.open or record.outcome is Outcome.QUARANTINED for record in records)


def test_real_submissions_are_read_whole(real_data: Path, tmp_path: Path) -> None:
    import tarfile

    with tarfile.open(real_data / "conversations" / "reddit_top_2013.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    paths = sorted(tmp_path.glob("reddit_top_2013/data/*.csv"))
    records = read(Reddit(minimum_comments=0), *paths)
    assert len(records) == 4998  # two of the five files have a row less than a thousand
    assert set(reasons(records)) == {"reddit.over_18"}
