"""Laws of every filter that reads text: neighbours, order and batches change nothing; cuts leave whole characters."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.filters.c4 import C4
from gristmill.filters.fineweb import FineWeb
from gristmill.filters.gopher import GopherQuality, GopherRepetition
from gristmill.filters.redpajama import RedPajamaSignals
from gristmill.filters.refinedweb_lines import RefinedWebLines
from gristmill.kernels.text import apply_cuts
from tests.stages import make_batch, run_filter

STAGES = {
    **{
        f"gopher_repetition {name}": GopherRepetition(dialect=name)
        for name in ("datatrove", "dclm", "dolma", "redpajama_v2")
    },
    **{
        f"gopher_quality {name}": GopherQuality(dialect=name, stop_words="by_language")
        for name in ("datatrove", "dclm", "dolma", "redpajama_v2")
    },
    "c4 tfds": C4(),
    "c4 datatrove": C4(dialect="datatrove", terminal_marks=None),
    "fineweb": FineWeb(thresholds="fineweb2"),
    "refinedweb_lines": RefinedWebLines(),
    "redpajama_signals": RedPajamaSignals(lines=True),
}
CUTTING = {name: stage for name, stage in STAGES.items() if stage.makes_cuts}
PIECES = [
    *("A sentence of words ends here.", "Ünïcödé wörter, 漢字 und 😀!", "[12]", "3 likes", "Read more...", "home"),
    *(
        "ALL CAPITALS HERE",
        "e\u0301\u200d",
        "javascript",
        "terms of use",
        "{",
        "• point",
        "ไทย",
        "\u00a0",
        "\x00",
        "Σας",
    ),
]
TEXTS = st.lists(
    st.tuples(
        st.one_of(st.sampled_from(PIECES), st.text(st.characters(exclude_categories=["Cs"]), max_size=8)),
        st.sampled_from(["", " ", "\n", "\n\n", "\r\n", "\u2028", "\x85"]),
    ),
    max_size=14,
).map(lambda parts: "".join(piece + gap for piece, gap in parts))
ROWS = st.lists(st.tuples(TEXTS, st.sampled_from(["en", "de", "zh", None])), min_size=2, max_size=6)


def results(stage, rows) -> list[dict]:
    batch = run_filter(stage, [text for text, _ in rows], {"language.code": [language for _, language in rows]})
    columns = {name: batch.column(f"{stage.name}.{name}").to_pylist() for name in stage.value_schema().names}
    columns["drop"] = batch.column("drop").to_pylist()
    return [{name: repr(values[row]) for name, values in columns.items()} for row in range(len(rows))]


@pytest.mark.parametrize("name", STAGES)
@given(rows=ROWS, cut=st.integers(1, 5), data=st.data())
@settings(max_examples=25, deadline=None)
def test_order_and_batches_change_nothing(name, rows, cut, data):
    stage = STAGES[name]
    whole = results(stage, rows)
    cut = min(cut, len(rows) - 1)
    assert results(stage, rows[:cut]) + results(stage, rows[cut:]) == whole
    order = data.draw(st.permutations(range(len(rows))))
    assert results(stage, [rows[row] for row in order]) == [whole[row] for row in order]


@pytest.mark.parametrize("name", CUTTING)
@given(rows=ROWS)
@settings(max_examples=60, deadline=None)
def test_cuts_leave_whole_characters_of_the_text(name, rows):
    stage = CUTTING[name]
    texts = [text for text, _ in rows]
    batch = make_batch(texts)
    cuts = stage.signals(batch)["cuts"]
    left = apply_cuts(batch.texts, cuts)
    for row, text in enumerate(texts):
        after = bytes(left.data[left.offsets[row] : left.offsets[row + 1]]).decode(
            "utf-8"
        )  # raises where a cut breaks one
        signs = iter(text)
        assert all(sign in signs for sign in after if sign != "\n"), (text, after)  # in order, nothing new but newlines
