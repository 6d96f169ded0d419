"""Blocks in the same markup: groups and their features against a plain count."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gristmill.extract.blocks import PageFeatures
from gristmill.kernels.html_alike import SPANS
from gristmill.kernels.html_context import CONTEXT
from gristmill.kernels.html_facts import ENDS, LAST, SENTENCE, WORDS
from gristmill.kernels.html_features import FEATURES
from gristmill.kernels.html_stack import ELEMENT, HEAD, LINK_UNITS, PARENT, TAG, UNITS

PIECES = st.sampled_from(
    [
        "<div class=post><p>One two. Three.</p></div>",
        "<div class=teaser><h2><a href=x>Read this</a></h2></div>",
        "<div class='x7 post'><p>Four " + "five " * 30 + "six.</p></div>",
        "<ul><li>item<li><a href=y>other item</a></ul>",
        "loose text",
        "<table><tr><td>1<td>2</table>",
        "<div>",
        "</div>",
    ]
)


def markup(page: PageFeatures, row: int, span: int) -> tuple:
    """Tags and hints of the `span` innermost elements around a block."""
    elements, found = page.page.elements, []
    element = page.blocks[row, ELEMENT]
    while element >= 0 and len(found) < span:
        found.append((int(elements[element, TAG]), int(page.page.hints[element])))
        element = elements[element, PARENT]
    return int(page.blocks[row, HEAD]), *found


@given(st.lists(PIECES, min_size=1, max_size=12))
def test_features_of_blocks_in_the_same_markup(pieces: list[str]) -> None:
    page = PageFeatures("".join(pieces).encode())
    rows = len(page.blocks)
    p = ((np.arange(rows) * 37 % 101) / 101).astype(np.float32)
    x, context = page.features(), page.context(p)
    units, links = page.blocks[:, UNITS], page.blocks[:, LINK_UNITS]
    facts = page.facts[:rows]
    good = (units >= 80) & (4 * links < units) & (facts[:, LAST] == SENTENCE)
    for span in SPANS:
        markups = [markup(page, row, span) for row in range(rows)]
        for row in range(rows):
            alike = np.array([other for other in range(rows) if markups[other] == markups[row]])
            others = alike[alike != row]
            inside = units[alike].sum()
            expected = {
                "count": len(alike),
                "mean": inside / len(alike),
                "links": links[alike].sum() / inside,
                "good": good[alike].mean(),
                "ends": facts[alike, ENDS].sum() / max(1, facts[alike, WORDS].sum()),
                "gaps": (alike[-1] - alike[0] + 1) / len(alike),
                "share": inside / units.sum(),
                "place": alike[0] / rows,
            }
            for name, value in expected.items():
                assert np.isclose(x[row, FEATURES.index(f"{name}~{span}")], value, rtol=1e-5), name
            weights = units[others] + 5.0
            mean = (weights * p[others]).sum() / weights.sum() if len(others) else -1.0
            assert np.isclose(context[row, CONTEXT.index(f"p_others~{span}")], mean, atol=1e-5)
            assert np.isclose(context[row, CONTEXT.index(f"p_mean~{span}")], p[alike].mean(), atol=1e-5)


def test_a_mark_of_comments_around_the_whole_page_is_none() -> None:
    article = "<p>" + "What the page is about. " * 20
    page = PageFeatures(f"<body class='single comments-open'>{article}<div class=comments><p>Nice.</div>".encode())
    comment = page.features()[:, FEATURES.index("comment")]
    assert comment.tolist() == [20, 1]
