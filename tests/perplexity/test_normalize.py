"""CCNet's normalisation: the kernel against its steps one after another in plain Python."""

from __future__ import annotations

import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.kernels.ccnet_text import SIGNS, normalize, normalize_texts
from gristmill.kernels.text import Texts

CONTROLS = re.compile("[" + "".join(map(chr, [*range(32), *range(127, 160)])) + "]")


def step_by_step(text: str) -> str:
    """The published steps, each over the whole text."""
    text = text.strip()
    text = text.lower()
    text = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")
    text = re.sub(r"\d", "0", text)
    text = "".join(SIGNS.get(c, c) for c in text)
    return CONTROLS.sub("", text)


def by_kernel(texts: list[str]) -> list[str]:
    rows = Texts.from_strings(texts)
    found = normalize_texts(rows.data, rows.offsets[:-1], rows.offsets[1:])
    return [found[row] for row in range(len(texts))]


CASES = {
    "  Ÿes,\tĐà 12½³٣ „quoted“ – yes—no… ": 'yes,đa 00½³0 "quoted" - yes - no...',
    "first line\nsecond\r\nthird": "first linesecondthird",
    "ΟΔΥΣΣΕΥΣ ΣΑΣ": "οδυσσευς σας",
    "İstanbul": "istanbul",
    "한국어": unicodedata.normalize("NFD", "한국어"),
    "１２％（a）": "00%(a)",
    "\u302f\u0301a\u302a": None,
    "": "",
    " \x1c\u3000 ": "",
}


@pytest.mark.parametrize("text", CASES)
def test_planted_texts(text: str) -> None:
    assert by_kernel([text]) == [step_by_step(text)] == [normalize(text)]
    if CASES[text] is not None:
        assert normalize(text) == CASES[text]


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"])) | st.text("aΣσ é\u0301\u302f\n\u00a0Ａ１。\x85"), max_size=8
    )
)
def test_kernel_equals_the_steps(texts: list[str]) -> None:
    assert by_kernel(texts) == [step_by_step(text) for text in texts]


def test_every_assigned_code_point() -> None:
    chars = [chr(code) for code in (*range(0xD800), *range(0xE000, 0x34000), *range(0xE0000, 0xE0200), 0x10FFFF)]
    texts = [f"a{char}b" for char in chars]
    assert by_kernel(texts) == [step_by_step(text) for text in texts]


def test_ranges_of_one_text_are_normalised_apart() -> None:
    data = np.frombuffer(b" A1 \n b ", np.uint8)
    found = normalize_texts(data, np.array([0, 5]), np.array([4, 8]))
    assert [found[0], found[1]] == ["a0", "b"]
