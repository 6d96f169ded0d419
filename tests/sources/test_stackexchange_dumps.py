"""How Stack Exchange dumps lie on disk, and what damage in them costs."""

from __future__ import annotations

import gzip
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.documents import Outcome
from gristmill.errors import UserError
from gristmill.pipeline.inputs import find_files
from gristmill.sources.external_sort import ExternalSort
from gristmill.sources.posts_xml import attributes, rows
from gristmill.sources.site_sizes import site_sizes
from gristmill.sources.stackexchange import StackExchange
from gristmill.stage import InputFile
from tests.sources.archives import ends
from tests.sources.exchange_dumps import answer, comment, documents, question, read_site, row, table, write_site

POSTS = [question(1, title="One"), answer(2, 1, 5), question(3, title="Three"), answer(4, 3, 1), answer(5, 1, 7)]
USERS = [row(Id=7, DisplayName="Asker")]


def pack(path, **members: bytes):
    py7zr = pytest.importorskip("py7zr")
    with py7zr.SevenZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(data, f"{name}.xml")
    return path


def told(records):
    return [(one.text, one.reason, one.metadata.get("author")) for one in records]


def test_all_layouts_give_the_same_documents(tmp_path):
    comments = [comment(1, 5, "thanks")]
    folder = write_site(tmp_path / "a", posts=POSTS, comments=comments, users=USERS)
    tables = {
        name.capitalize(): table(name, rows)
        for name, rows in (("comments", comments), ("posts", POSTS), ("users", USERS))
    }
    whole = pack(tmp_path / "bread.example.com.7z", **tables)
    apart = [pack(tmp_path / f"bread.example.com-{name}.7z", **{name: data}) for name, data in tables.items()]
    packed = tmp_path / "b" / "bread.example.com" / "Posts.xml.gz"
    packed.parent.mkdir(parents=True)
    packed.write_bytes(gzip.compress(tables["Posts"]))
    packed.with_name("Comments.xml.gz").write_bytes(gzip.compress(tables["Comments"]))
    packed.with_name("Users.xml").write_bytes(tables["Users"])
    expected = told(read_site(folder, comments=True))
    assert "Comment: thanks" in expected[0][0]
    for path in (whole, apart[1], packed):
        found = read_site(path, comments=True)
        assert told(found) == expected, path
        assert {one.url.split("/")[2] for one in found} == {"bread.example.com"}


def test_a_folder_of_sites_gives_one_file_a_site(tmp_path):
    write_site(tmp_path / "dumps", "a.example.com", posts=POSTS, comments=[])
    write_site(tmp_path / "dumps", "b.example.com", posts=POSTS)
    for name in (
        "b.example.com.7z",
        "c.example.com.7z",
        "so.example.com-Posts.7z",
        "so.example.com-Comments.7z",
        "so.example.com-Users.7z",
    ):
        (tmp_path / "dumps" / name).write_bytes(b"7z")
    names = [file.name for file in find_files(StackExchange(), [str(tmp_path / "dumps")], "")]
    assert names == [
        "dumps/a.example.com/Posts.xml",
        "dumps/b.example.com/Posts.xml",
        "dumps/c.example.com.7z",
        "dumps/so.example.com-Posts.7z",
    ]
    chosen = StackExchange(sites=("c.example.com", "so.example.com"))
    assert [file.name for file in find_files(chosen, [str(tmp_path / "dumps")], "")] == names[2:]


def test_a_change_in_comments_is_another_version(tmp_path):
    path = write_site(tmp_path, posts=POSTS, comments=[])
    file = InputFile(str(path), "a", 1, "v")
    before = StackExchange(comments=True).parts(file)
    write_site(tmp_path, comments=[comment(1, 1, "new")])
    assert StackExchange(comments=True).parts(file) != before
    assert StackExchange(authors=False).parts(file)[0].version == "v"


def test_sites_are_ranked_by_rows(tmp_path):
    paths = [
        write_site(tmp_path, f"{name}.example.com", posts=POSTS[:count])
        for name, count in (("a", 2), ("b", 5), ("c", 2))
    ]
    assert site_sizes(map(str, paths)) == [("b.example.com", 5), ("a.example.com", 2), ("c.example.com", 2)]


def test_7z_without_its_package_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "py7zr", None)
    with pytest.raises(UserError, match=r"gristmill\[7z\]"):
        StackExchange().expand(str(tmp_path / "bread.example.com.7z"))


# -- out of core ---------------------------------------------------------------------------------------------------------


def test_memory_changes_nothing_in_the_result(tmp_path):
    posts = [question(n, f"<p>{n}</p>" * 50) for n in range(1, 60)]
    posts += [answer(100 + n, 1 + n * 7 % 59, n % 11, f"<p>{n}</p>" * 50, OwnerUserId=n % 5) for n in range(300)]
    comments = [comment(n, 100 + n * 13 % 300, f"c{n}", UserId=n % 5) for n in range(200)]
    users = [row(Id=n, DisplayName=f"u{n}") for n in range(5)]
    path = write_site(tmp_path, posts=posts, comments=comments, users=users)
    small = read_site(path, comments=True, memory=3000)
    assert small == read_site(path, comments=True)
    assert "u3" in str(small[0].metadata)


@given(
    st.lists(st.tuples(*[st.integers(-(2**63), 2**63 - 1)] * 3, st.binary(max_size=40)), max_size=60),
    st.integers(1, 3000),
)
def test_external_sort_sorts(tmp_path_factory, entries, memory):
    sorter = ExternalSort(str(tmp_path_factory.mktemp("runs")), memory)
    for entry in entries:
        sorter.add(*entry)
    assert list(sorter.merged()) == sorted(entries)


def test_more_runs_than_are_merged_at_a_time(tmp_path):
    sorter = ExternalSort(str(tmp_path), memory=1)
    for number in range(250):
        sorter.add(number * 7919 % 250, 0, 0, b"x")
    assert sorter.spilled == 250
    assert [entry[0] for entry in sorter.merged()] == list(range(250))
    assert list(tmp_path.iterdir()) == []


def test_a_question_with_too_much_under_it_costs_itself(tmp_path, monkeypatch):
    monkeypatch.setattr("gristmill.sources.question_threads._TOO_MUCH", 5000)
    posts = [question(1), *(answer(10 + n, 1, n, "<p>long</p>" * 100) for n in range(9)), question(2), answer(3, 2, 1)]
    found = read_site(write_site(tmp_path, posts=posts))
    assert ends(found) == ["too_large", *["stackexchange.question_not_kept"] * 9, "open"]


# -- damage --------------------------------------------------------------------------------------------------------------


def test_a_broken_row_costs_itself(tmp_path):
    path = write_site(tmp_path, posts=POSTS)
    broken = [
        b'  <row Id="90" PostTypeId="1" Body="cut',
        b'  <row Id="91" PostTypeId="1" Body="\xff\xfe" />',
        b'  <row Id="92" PostTypeId="1" Body="raw < sign" />',
        b'  <row Id="93" PostTypeId="1" Body="' + b"x" * 5000 + b'" />',
    ]
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join(lines[:3] + broken + lines[3:]))
    found = read_site(path, max_row_bytes=4000)
    assert sorted(ends(found)) == ["bad_utf8", "bad_xml", "bad_xml", "open", "open", "too_large"]
    assert found[0].payload.startswith(b'Id="90"')


def test_a_file_that_breaks_off_keeps_its_earlier_rows(tmp_path):
    path = write_site(tmp_path, posts=[question(n, f"<p>{n**9}</p>") for n in range(1, 400)])
    packed = path.with_name("Posts.xml.gz")
    packed.write_bytes(gzip.compress(path.read_bytes())[:-2000])
    found = read_site(packed)
    assert 10 < len(documents(found)) < 399
    assert ends(found)[0] == "truncated"


def test_damaged_archives_are_told(tmp_path):
    good = pack(
        tmp_path / "good.example.com.7z", Posts=table("posts", [question(n, f"<p>{n**9}</p>") for n in range(300)])
    )
    data = bytearray(good.read_bytes())
    data[len(data) // 2] ^= 0xFF
    bad = tmp_path / "bad.example.com.7z"
    bad.write_bytes(data)
    found = read_site(bad)
    assert "corrupt_7z" in ends(found)
    bad.write_bytes(b"no archive at all")
    assert ends(read_site(bad)) == ["corrupt_7z", "no_posts"]
    empty = pack(tmp_path / "empty.example.com.7z", Tags=table("tags", []))
    assert ends(read_site(empty)) == ["no_posts"]


def test_broken_comments_do_not_cost_questions(tmp_path):
    path = write_site(tmp_path, posts=POSTS, comments=[row(Id=1, Text="to nothing")], users=[row(DisplayName="nobody")])
    found = read_site(path, comments=True)
    assert ends(found) == ["comments.no_id", "users.no_id", "open", "open"]
    assert {one.outcome for one in found if not one.open} == {Outcome.QUARANTINED}


def test_rows_need_no_lines_of_their_own():
    data = table("posts", POSTS).replace(b"\n", b"")
    found = list(rows([data[:100], data[100:]], 10_000))
    assert [one.problem for one in found] == [None] * 5
    assert attributes(found[0].data)["Tags"] == "<bread><yeast>"
    (single,) = rows([b"<posts><row Id = '4' PostTypeId='1' Body='a \"quoted\" word'></row></posts>"], 1000)
    assert (single.problem, single.number("Id"), single.number("PostTypeId")) == (None, 4, 1)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60))
def test_attribute_values_survive_the_table(text):
    (found,) = rows([table("posts", [question(1, body=text)])], 10_000)
    assert attributes(found.data)["Body"] == text
