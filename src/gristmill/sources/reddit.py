"""Reddit: submissions and comments as Pushshift's dumps have them, JSON Lines in zstd.

sources:
  reddit:
    read: {reddit: {layout: thread, minimum_score: 2}}
    input: reddit/*.zst                     # RS_2019-01.zst and RC_2019-01.zst, or NAME_submissions.zst and NAME_comments.zst
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal

from gristmill.sources.conversations import (
    ROW_FILES,
    Comment,
    Conversations,
    LeftOut,
    Post,
    clean,
    shares,
    stable_share,
    truth,
    whole,
)
from gristmill.sources.dates import parse_date
from gristmill.sources.rows import Row, rows
from gristmill.stage import InputFile, setting

_POST_FIELDS = ("id", "title", "selftext", "author", "score", "created_utc", "permalink", "subreddit", "over_18", "url")
_COMMENT_FIELDS = ("id", "link_id", "parent_id", "body", "author", "score", "created_utc", "subreddit")
_MONTH = re.compile(r"(?:^|/)R([SC])(?:_v2)?_(\d{4})-(\d\d)\.[^/]*$")
_NAMED = re.compile(r"_(submissions|comments)\.[^/]*$")
_GONE = re.compile(r"\[\s*(deleted|removed)\b[^\[\]\n]{0,80}\]", re.IGNORECASE)
_BOT_NAME = re.compile(r"(?:^AutoModerator$|[-_]bot$|Bot$|^bot[-_])")
_BOT_TEXT = re.compile(r"\bi am a bot\b|\bi'?m a bot\b|\bthis action was performed automatically\b")  # in small letters
_LINK = re.compile(  # the words may have escaped brackets, the address a pair of parentheses and a title behind it
    r"\[\s*((?:[^\[\]\n\\]|\\.|\n(?!\n)|\[[^\[\]\n]{0,100}\]){1,300}?)\s*\]\(\s*(?:https?://|www\.|/)(?:[^\s()\[\]]|\([^\s()\[\]]{0,200}\)){1,2000}(?:\s+\"[^\"\n]{0,200}\")?\s*\)"
)
_PICTURE = re.compile(r"!\[(?:gif|img)\]\([^()\s]{1,200}\)|^\[View Poll\]\(\S+\)$", re.MULTILINE)
_ESCAPED = re.compile(r"\\([\\()\[\]\-.+!>~^#&]|(?<!¯\\)_)")
_CODE = re.compile(r"^(?:\t|    )[^\n]*|`[^`\n]+`|^```.*?^```", re.MULTILINE | re.DOTALL)
_EMPTY_LINES = re.compile(r"\n{3,}")
_LARGEST = 1 << 62


class Reddit(Conversations):
    """Submissions with their comments."""

    kind = "reddit"
    version: ClassVar[int] = 2
    suffixes: ClassVar[tuple[str, ...]] = (*ROW_FILES, ".zst", ".bz2", ".xz")

    subreddits: tuple[str, ...] | None = setting(None, "only these, without r/", source="ours; all")
    skip_subreddits: tuple[str, ...] = setting((), "all but these, without r/", source="Dolma has a list of its own")
    drop_over_18: bool = setting(True, "drop submissions marked as not for minors", source="ours")
    drop_bots: bool = setting(
        True,
        "leave out comments of AutoModerator, of names that end in bot, and those that say they are one",
        source="ours",
    )
    minimum_comment_score: int | None = setting(None, "comments under this score are left out", source="ours; off")
    order: Literal["time", "score"] = setting(
        "time", "which of the comments under one parent stands first", source="ours"
    )
    links: Literal["text", "target"] = setting(
        "text", "keep the words of a Markdown link, or its target too", source="ours"
    )
    following_months: int = setting(
        1, "comments of so many further months belong to the submissions of a month", unit="months", source="ours", ge=0
    )

    # -- which files -------------------------------------------------------------------------------------------------

    def select(self, files: list[InputFile]) -> list[InputFile]:
        """Submissions with the comments that belong to them by name; comments without submissions by themselves."""
        comments = {key: file for file in files if (key := _key(file)) is not None and key[0] == "comments"}
        used: set[str] = set()
        chosen: list[InputFile] = []
        for file in files:
            key = _key(file)
            if key is not None and key[0] == "comments":
                continue
            wanted = [("comments", *key[1:])] if key is not None else []
            if wanted and isinstance(wanted[0][1], int):
                wanted = [("comments", wanted[0][1] + later) for later in range(self.following_months + 1)]
            found = [comments[one] for one in wanted if one in comments]
            used.update(other.name for other in found if _is_own(file, other))
            chosen.append(replace(file, together=tuple(found)))
        chosen += [file for file in comments.values() if file.name not in used]
        chosen.sort(key=lambda file: file.name)
        return [part for file in chosen for part in shares(file, self.part_bytes)]

    def answers_for(self, file: InputFile, number: int) -> bool:
        """Comments of later months are told with their own month."""
        return number == 0 or _is_own(file, file.together[number - 1])

    # -- rows --------------------------------------------------------------------------------------------------------

    def rows(self, file: InputFile, share: tuple[int, int]) -> Iterator[tuple[int, int, Row, int]]:
        part, parts = share
        for of, each in enumerate([file, *file.together]):
            own = self.answers_for(file, of)
            for row in rows(each.location, self.max_row_bytes):
                root, number = _checked(row)
                if row.problem is not None:
                    if own and stable_share(row.offset, parts) == part:
                        yield -1, 0, row, of
                elif stable_share(root, parts) == part:
                    yield root, number, row, of

    def post(self, values: Mapping[str, Any]) -> Post:
        score = whole(values.get("score")) or 0
        subreddit = clean(values.get("subreddit")) or _subreddit(clean(values.get("permalink")))
        if self.subreddits is not None and subreddit not in self.subreddits:
            raise LeftOut("subreddit")
        if subreddit in self.skip_subreddits:
            raise LeftOut("subreddit")
        if self.drop_over_18 and truth(values.get("over_18")):
            raise LeftOut("over_18")
        if self.minimum_score is not None and score < self.minimum_score:
            raise LeftOut("score")
        title, text = " ".join(self._text(values.get("title")).split()), self._text(values.get("selftext"))
        if rule := _gone(text) or _gone(title):
            raise LeftOut(rule)
        if not title and not text:
            raise LeftOut("empty_post")
        permalink = clean(values.get("permalink"))
        if not permalink.startswith("http"):
            permalink = "https://www.reddit.com" + (permalink or f"/comments/{clean(values.get('id'))}/")
        found = {"subreddit": subreddit or None, "score": score, "submission": clean(values.get("id"))}
        return Post(title, text, _author(values), permalink, parse_date(values.get("created_utc")), found)

    def comment(self, values: Mapping[str, Any]) -> Comment:
        text, score = self._text(values.get("body")), whole(values.get("score")) or 0
        if rule := _gone(text):
            raise LeftOut(rule)
        if self.drop_bots and _is_bot(clean(values.get("author")), text):
            raise LeftOut("bot")
        if self.minimum_comment_score is not None and score < self.minimum_comment_score:
            raise LeftOut("comment_score")
        parent = clean(values.get("parent_id")) or clean(values.get("link_id"))
        number = _number(parent.rpartition("_")[2])
        if number is None:
            raise LeftOut("bad_parent")
        rank = (-score,) if self.order == "score" else (parse_date(values.get("created_utc")) or 0,)
        return Comment(_key_of(parent, number), text, _author(values), rank)

    def _text(self, value: Any) -> str:
        """Markdown as it was typed. The dumps escape &, < and >; entities that people typed, mostly invisible spaces that the
        editor left for empty lines, are left by that and taken in a second turn."""
        text = clean(value).replace("\r\n", "\n")
        if "&" in text:
            text = html.unescape(text)
            text = html.unescape(text) if "&" in text else text
        text = text.replace("\u200b", "").replace("\ufeff", "")
        if "](" in text:
            text = _PICTURE.sub("", text)
            if self.links == "text":
                text = _LINK.sub(r"\1", text)
        if "\\" in text:
            text = _unescaped(text)
        if "\n" in text:
            text = "\n".join(line.rstrip() for line in text.split("\n"))
            if "\n\n\n" in text:
                text = _EMPTY_LINES.sub("\n\n", text)
        return text.strip()


def _is_bot(author: str, text: str) -> bool:
    lowered = text.lower()  # one look for a word costs a tenth of the pattern
    said = ("bot" in lowered or "automatically" in lowered) and _BOT_TEXT.search(lowered)
    return bool(said or _BOT_NAME.search(author))


def _unescaped(text: str) -> str:
    """Without backslashes that keep signs from being Markdown, code aside. Those before * and ` stay, as * and ` would mark."""
    written, at = [], 0
    for code in _CODE.finditer(text):
        written += [_ESCAPED.sub(r"\1", text[at : code.start()]), code[0]]
        at = code.end()
    return "".join([*written, _ESCAPED.sub(r"\1", text[at:])])


def _gone(text: str) -> str | None:
    """'deleted' or 'removed' when that is all a post says: [deleted], [removed by reddit], [ Removed by Reddit ] …"""
    found = _GONE.fullmatch(text) if text.startswith("[") else None
    return found[1].lower() if found else None


def _key(file: InputFile) -> tuple[Any, ...] | None:
    """('submissions' or 'comments', month number or name) from the name of a dump's file."""
    if found := _MONTH.search(file.name):
        return ("submissions" if found[1] == "S" else "comments", int(found[2]) * 12 + int(found[3]) - 1)
    if found := _NAMED.search(file.name):
        return (found[1], file.name[: found.start()])
    return None


def _is_own(file: InputFile, comments: InputFile) -> bool:
    """Whether these comments are of the same month or name; those of later months answer for themselves."""
    one, other = _key(file), _key(comments)
    return one is not None and other is not None and one[1:] == other[1:]


def _checked(row: Row) -> tuple[int, int]:
    """(root, key) of a row; its values become those that are kept, `problem` is set when it is neither of the two kinds."""
    if row.problem is not None:
        return -1, 0
    values, is_comment = row.values, "link_id" in row.values or "body" in row.values
    number = _number(clean(values.get("id")) if isinstance(values.get("id"), str) else str(values.get("id", "")))
    link = clean(values.get("link_id")).rpartition("_")[2]
    root = _number(link) if is_comment else number
    if number is None or root is None:
        row.problem, row.message = "bad_id", "no id, or no link_id of the submission, in base 36"
        row.data = str(values).encode("utf-8", "replace")[:4096]
        return -1, 0
    fields = _COMMENT_FIELDS if is_comment else _POST_FIELDS
    row.values = {name: values[name] for name in fields if values.get(name) is not None}
    return root * 2, (number * 2 + 1 if is_comment else number * 2)


def _key_of(name: str, number: int) -> int:
    """Submissions and comments number themselves apart: even keys for the former, odd ones for the latter."""
    return number * 2 + (not name.startswith("t3_"))


def _number(text: str) -> int | None:
    try:
        number = int(text, 36)
    except ValueError:
        return None
    return number if 0 <= number < _LARGEST else None


def _author(values: Mapping[str, Any]) -> str | None:
    name = clean(values.get("author"))
    return None if not name or _gone(name) else name


def _subreddit(permalink: str) -> str:
    found = re.search(r"/r/([^/]+)/", permalink)
    return found[1] if found else ""
