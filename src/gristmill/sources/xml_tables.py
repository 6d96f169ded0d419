"""Rows of a table → lines of cells with ` | ` between, each cell under the one it belongs to.

Cells that span rows or columns say their text once and leave the other places empty, as GitHub's and pandoc's simple tables do.
"""

from __future__ import annotations

from typing import Any

_WIDEST = 200  # columns; what claims to be wider is not filled up
_LONGEST = 10_000  # rows that a cell may span


class TableRows:
    """Takes cells row by row. Spans end with the table's head, body or foot: call `begin` at each."""

    def __init__(self) -> None:
        self._covered: dict[int, int] = {}  # column: further rows that a cell from above takes
        self._cells: list[str] = []
        self._wide = False  # whether a cell of the row takes several columns

    def begin(self) -> None:
        self._covered.clear()

    def begin_row(self) -> None:
        self._cells, self._wide = [], False

    def add(self, text: str, rows: int, columns: int) -> None:
        self._fill()
        at = len(self._cells)
        columns = columns if at + columns <= _WIDEST else 1
        if rows > 1 and at < _WIDEST:
            self._covered.update(dict.fromkeys(range(at, at + columns), rows - 1))
        self._wide |= columns > 1
        self._cells += [" ".join(text.split()), *[""] * (columns - 1)]

    def end_row(self) -> str:
        """The row's line; "" when nothing is in it."""
        while self._covered and max(self._covered) >= len(self._cells):
            if not self._fill():
                self._cells.append("")
        cells = self._cells
        while cells and not cells[-1]:
            cells.pop()
        if self._wide and sum(map(bool, cells)) == 1:  # a line over all columns
            return cells[-1]
        return " |".join(f" {cell}" if cell else "" for cell in cells).lstrip()

    def _fill(self) -> bool:
        """Leave the places empty that cells from above take."""
        found = False
        while rows := self._covered.get(len(self._cells), 0):
            found = True
            if rows == 1:
                del self._covered[len(self._cells)]
            else:
                self._covered[len(self._cells)] = rows - 1
            self._cells.append("")
        return found


def spans(cell: Any) -> tuple[int, int]:
    """(rows, columns) that an HTML or CALS cell takes. CALS names the columns: col2 to col4, or 2 to 4."""
    rows = _number(cell.get("rowspan")) or _number(cell.get("morerows")) + 1
    columns = _number(cell.get("colspan"))
    if not columns and (last := cell.get("nameend")):
        first = cell.get("namest") or last
        columns = (
            _number(last.lstrip("abcdefghijklmnopqrstuvwxyz_-"))
            - _number(first.lstrip("abcdefghijklmnopqrstuvwxyz_-"))
            + 1
        )
    return min(max(rows, 1), _LONGEST), min(max(columns, 1), _WIDEST)


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 6 else 0
