"""Stack Exchange dumps: threads, rules, metadata."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from gristmill.documents import Outcome
from gristmill.sources.stackexchange import StackExchange
from tests.sources.archives import ends
from tests.sources.exchange_dumps import answer, comment, documents, question, read_site, row, write_site

USERS = [row(Id=7, DisplayName="Asker Ä"), row(Id=8, DisplayName="Answerer"), row(Id=9, DisplayName="Third")]


def test_a_question_with_its_answers_is_a_document(tmp_path):
    posts = [
        question(1, "<p>Mine is flat.</p>", "Why does bread rise?", AcceptedAnswerId=3),
        answer(2, 1, 4, "<ul><li>warmth</li></ul>"),
        answer(3, 1, 1, "<p>Yeast.</p>"),
    ]
    (found,) = read_site(write_site(tmp_path, posts=posts))
    assert found.text == "Q: Why does bread rise?\n\nMine is flat.\n\nA:\n\n* warmth\n\nA (accepted): Yeast."
    assert (found.title, found.url) == ("Why does bread rise?", "https://bread.example.com/questions/1")
    assert found.date == 1551675967


def test_answers_stand_by_score_as_numbers(tmp_path):
    """As text, "9" stands before "10" and "-1" anywhere."""
    scores = {2: 9, 3: 10, 4: -1, 5: -10, 6: 100, 7: 0}
    posts = [question(1), *(answer(number, 1, score) for number, score in scores.items())]
    (found,) = read_site(write_site(tmp_path, posts=posts))
    assert [one["score"] for one in found.metadata["answers"]] == [100, 10, 9, 0, -1, -10]
    assert found.text.index("Answer 3.") < found.text.index("Answer 2.")


def test_equal_scores_stand_accepted_first_then_oldest(tmp_path):
    posts = [question(1, AcceptedAnswerId=4), *(answer(number, 1, 3) for number in (5, 3, 4, 2))]
    (found,) = read_site(write_site(tmp_path, posts=posts))
    assert [one["id"] for one in found.metadata["answers"]] == [4, 2, 3, 5]


def test_answers_may_stand_anywhere_in_the_file(tmp_path):
    posts = [answer(9, 5, 1), question(5), answer(2, 1, 1), question(1), answer(11, 5, 2)]
    found = read_site(write_site(tmp_path, posts=posts))
    assert [[a["id"] for a in one.metadata["answers"]] for one in found] == [[2], [11, 9]]


def test_unanswered_questions_stay_unless_an_answer_is_required(tmp_path):
    path = write_site(tmp_path, posts=[question(1), question(2), answer(3, 2, 1)])
    assert len(documents(read_site(path))) == 2
    found = read_site(path, require_answer=True)
    assert ends(found) == ["stackexchange.no_answer", "open"]


@pytest.mark.parametrize(
    ("settings", "kept", "left_out"),
    [
        ({"minimum_answer_score": 3}, [4, 2, 3], {"answer_score": 2}),
        ({"minimum_answer_score": 3, "keep_accepted": False}, [4, 2], {"answer_score": 3}),
        ({"maximum_answers": 2}, [4, 3], {"maximum_answers": 3}),
        ({"maximum_answers": 2, "keep_accepted": False}, [4, 2], {"maximum_answers": 3}),
        ({"accepted_first": True}, [3, 4, 2, 5, 6], {}),
        ({"minimum_question_score": 6}, None, {"question_score": 1, "question_not_kept": 5}),
        ({"drop_closed": True}, None, {"closed": 1, "question_not_kept": 5}),
    ],
)
def test_rules_choose_questions_and_answers(tmp_path, settings, kept, left_out):
    scores = {2: 5, 3: 0, 4: 8, 5: 2, 6: 1}
    posts = [
        question(1, AcceptedAnswerId=3, ClosedDate="2020-01-01T00:00:00"),
        *(answer(n, 1, s) for n, s in scores.items()),
    ]
    found = read_site(write_site(tmp_path, posts=posts), **settings)
    reasons = [one.reason.removeprefix("stackexchange.") for one in found if not one.open]
    assert {reason: reasons.count(reason) for reason in reasons} == left_out
    if kept is not None:
        assert [one["id"] for one in documents(found)[0].metadata["answers"]] == kept


def test_every_post_ends_in_one_place(tmp_path):
    posts = [
        question(1),
        answer(2, 1, 3),
        answer(3, 1, 3, "<p><img src='x'></p>"),
        answer(4, 99, 3),
        row(Id=5, PostTypeId=5, Score=0, Body="wiki"),
        row(Id=6, PostTypeId=17, Score=0, Body="?"),
        question(1),
        question(7, body="", title=""),
        row(PostTypeId=1, Body="no id"),
        row(Id=9, PostTypeId=2, Score=1, Body="no parent"),
    ]
    found = read_site(write_site(tmp_path, posts=posts))
    expected = ["open", "tag_wiki", "post_type_17", "no_id", "no_parent"]
    expected += [f"stackexchange.{rule}" for rule in ("empty_answer", "no_question", "repeated_id", "empty_question")]
    assert sorted(ends(found)) == sorted(expected)
    in_document = len(documents(found)[0].metadata["answers"])
    assert len(found) + in_document == len(posts)


def test_places_are_rows_of_the_table(tmp_path):
    path = write_site(tmp_path, posts=[question(1, "<p>ä</p>"), question(2)])
    data = path.read_bytes()
    for found in read_site(path):
        assert data[found.offset : found.offset + found.length].startswith(b"<row Id=")


# -- comments, authors, licences ---------------------------------------------------------------------------------------


def test_comments_stand_behind_their_post(tmp_path):
    posts = [question(1, "<p>Why?</p>", "T"), answer(2, 1, 3)]
    comments = [
        comment(30, 2, "on the answer", 2),
        comment(10, 1, "see [this](http://x.example/a_b)"),
        comment(11, 1, "bad", -1),
    ]
    path = write_site(tmp_path, posts=posts, comments=comments, users=USERS)
    (found,) = read_site(path, comments=True)
    assert found.text == "Q: T\n\nWhy?\n\nComment: see this\n\nA: Answer 2.\n\nComment: on the answer"
    credit = found.metadata["answers"][0]["comments"][0]
    assert (credit["id"], credit["author"]["name"]) == (30, "Third")
    assert "Comment" not in read_site(path)[0].text


def test_authors_and_licences_are_kept_for_attribution(tmp_path):
    posts = [
        question(1, ContentLicense="CC BY-SA 4.0"),
        answer(2, 1, 3, OwnerUserId=""),
        answer(3, 1, 2, OwnerDisplayName="user99"),
    ]
    (found,) = read_site(write_site(tmp_path, posts=posts, users=USERS))
    assert found.metadata["author"] == {"id": 7, "name": "Asker Ä", "url": "https://bread.example.com/users/7"}
    assert found.metadata["licence"] == "CC BY-SA 4.0"
    assert "licence_by_date" not in found.metadata
    nobody, named = found.metadata["answers"]
    assert "author" not in nobody
    assert named["author"]["name"] == "user99"
    assert found.metadata["tags"] == ["bread", "yeast"]
    assert "name" not in read_site(write_site(tmp_path, posts=posts), authors=False)[0].metadata["author"]


@pytest.mark.parametrize(
    ("day", "licence"),
    [("2011-04-07", "2.5"), ("2011-04-08", "3.0"), ("2018-05-01", "3.0"), ("2018-05-02", "4.0")],
)
def test_unstated_licences_follow_the_day_of_writing(tmp_path, day, licence):
    (found,) = read_site(write_site(tmp_path, posts=[question(1, CreationDate=f"{day}T10:00:00.000")]))
    assert found.metadata["licence"] == f"CC BY-SA {licence}"
    assert found.metadata["licence_by_date"] is True


def test_tags_of_newer_dumps(tmp_path):
    (found,) = read_site(write_site(tmp_path, posts=[question(1, Tags="|c++|f#|")]))
    assert found.metadata["tags"] == ["c++", "f#"]


def test_possible_duplicate_boxes_are_not_text(tmp_path):
    box = '<blockquote>\n  <p><strong>Possible Duplicate:</strong><br>\n  <a href="http://x">Other</a></p>\n</blockquote>\n'
    path = write_site(tmp_path, posts=[question(1, box + "<p>Mine.</p><blockquote><p>q</p></blockquote>", "T")])
    assert read_site(path)[0].text == "Q: T\n\nMine.\n\n> q"
    assert "Other" in read_site(path, drop_duplicate_notices=False)[0].text


def test_words_the_editor_put_into_a_link_are_not_text(tmp_path):
    body = '<p>It was so.<a href="https://a.example">enter link description here</a></p>'
    assert read_site(write_site(tmp_path, posts=[question(1, body, "T")]))[0].text == "Q: T\n\nIt was so."


def test_labels_and_markup_are_settings(tmp_path):
    posts = [
        question(1, "<p>x <code>y</code></p>", "T", AcceptedAnswerId=2),
        answer(2, 1, 1, "<blockquote>q</blockquote>"),
    ]
    labels = {"question_label": "", "answer_label": "Answer: ", "accepted_label": "Best: ", "markup": "plain"}
    (found,) = read_site(write_site(tmp_path, posts=posts), **labels)
    assert found.text == "T\n\nx y\n\nBest: q"


def test_metadata_is_json(tmp_path):
    (found,) = read_site(
        write_site(tmp_path, posts=[question(1, OwnerDisplayName="a\ud800b".encode("utf-8", "replace").decode())])
    )
    json.dumps(found.metadata).encode()


@pytest.mark.parametrize("settings", [{"site": "Bread"}, {"sites": ["https://a.b"]}, {"maximum_answers": 0}])
def test_settings_that_make_no_sense(settings):
    with pytest.raises(ValidationError):
        StackExchange(**settings)


@pytest.mark.parametrize(
    ("site", "documents_", "answers"),
    [("beer", 663, 1572), ("coffee", 225, 327), ("matheducators", 397, 1507), ("bicycles.meta", 453, 927)],
)
def test_real_sites_lose_no_post(real_data, site, documents_, answers):
    pytest.importorskip("py7zr")
    found = read_site(real_data / "stackexchange" / f"{site}.stackexchange.com.7z")
    kept = documents(found)
    assert len(kept) == documents_
    assert sum(len(one.metadata.get("answers", ())) for one in kept) == answers
    assert not [one for one in found if one.outcome == Outcome.QUARANTINED]
