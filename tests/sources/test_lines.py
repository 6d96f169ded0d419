"""Parts of a stream do not depend on how it is cut into pieces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gristmill.sources.lines import divided, lines, paragraphs

CUTS = st.lists(st.integers(1, 9), min_size=1, max_size=20)


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    parts, at, n = [], 0, 0
    while at < len(data):
        parts.append(data[at : at + sizes[n % len(sizes)]])
        at += len(parts[-1])
        n += 1
    return parts


@given(st.lists(st.sampled_from([b"a", b"\n", b"=", b"==", b"xyz"]), max_size=40).map(b"".join), CUTS)
def test_parts_are_what_splitting_gives(data, sizes):
    for divider in (b"\n", b"==", b"a==", b"\n=\n"):
        expected = data.split(divider)
        if not expected[-1]:
            expected.pop()
        found = list(divided(cut(data, sizes), divider, 1000))
        assert [part.data for part in found] == expected
        assert [data[part.offset : part.offset + part.length] for part in found] == expected


@given(st.lists(st.binary(max_size=30).map(lambda b: b.replace(b"\n", b"")), max_size=10), CUTS)
def test_long_lines_are_measured_but_not_given(rows, sizes):
    data = b"\n".join(rows)
    for line in lines(cut(data, sizes), 10):
        whole = data[line.offset : line.offset + line.length]
        assert line.too_long == (len(whole) > 10)
        assert whole.startswith(line.data)


@given(st.lists(st.sampled_from([b"a", b"\n", b"\n\n", b" ", b"\r\n"]), max_size=30).map(b"".join), CUTS)
def test_paragraphs_hold_every_line_that_is_not_blank(data, sizes):
    found = list(paragraphs(lines(cut(data, sizes), 1000), 1000))
    assert b"\n".join(part.data for part in found).split() == data.split()
    assert all(part.data.strip() for part in found)
    offsets = [part.offset for part in found]
    assert offsets == sorted(set(offsets))
