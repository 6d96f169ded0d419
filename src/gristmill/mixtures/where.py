"""Which documents of a source belong to a component: conditions over columns of per-document values.

where:
  language.code: de                     # a value, or a list of which one must hold
  perplexity.bucket: [head, middle]
  language.score: {min: 0.8}            # min and max are inside the range, above and below are not
  date: {min: 2020-01-01, below: 2021-01-01}
  domain: {not: [example.org]}          # of the URL: example.org and everything under it
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.errors import UserError, nearest

DOMAIN = "domain"
_HOST = r"^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?(?P<host>[^/?#:]+)"
_RANGES: dict[str, Callable[[Any, Any], Any]] = {
    "min": pc.greater_equal,
    "max": pc.less_equal,
    "above": pc.greater,
    "below": pc.less,
}


def check_conditions(where: Mapping[str, Any]) -> dict[str, Any]:
    """The conditions by full column name: `{language: {code: de}}` is `{language.code: de}`, as `--set` writes it.

    Raises ValueError for a condition that cannot be meant.
    """
    found: dict[str, Any] = {}
    for column, wanted in where.items():
        conditions = [*_RANGES, "not"]
        if isinstance(wanted, Mapping):
            if not wanted:
                raise ValueError(f"{column}: an empty condition")
            unknown = [str(name) for name in wanted if name not in conditions]
            if len(unknown) == len(wanted) and not any(nearest(name, conditions) for name in unknown):
                found |= check_conditions({f"{column}.{name}": inner for name, inner in wanted.items()})
                continue
            if unknown:
                raise ValueError(f"{column}: unknown condition {unknown[0]!r}.{nearest(unknown[0], conditions)}")
            for name, bound in wanted.items():
                if name != "not" and (isinstance(bound, bool) or not isinstance(bound, (int, float, str))):
                    raise ValueError(f"{column}: {name} needs a number or a date, found {bound!r}")
            if column == DOMAIN and set(wanted) != {"not"}:
                raise ValueError(f"{column}: a name or a list of names, or {{not: …}}")
        elif isinstance(wanted, list) and not wanted:
            raise ValueError(f"{column}: an empty list, which no document fits")
        found[column] = wanted
    return found


def columns_of(where: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns a document's values are read from."""
    return tuple(dict.fromkeys("url" if column == DOMAIN else column for column in where))


def matches(where: Mapping[str, Any], columns: Mapping[str, pa.Array], rows: int) -> np.ndarray:
    """Which rows fulfil all conditions, bool (rows,); a null fulfils none but `null` itself.

    Raises UserError when a value cannot be compared with its column.
    """
    found = np.ones(rows, bool)
    for name, wanted in where.items():
        values = _hosts(columns["url"]) if name == DOMAIN else _plain(columns[name])
        holds = _domain if name == DOMAIN else _one_of
        if isinstance(wanted, Mapping):
            for condition, bound in wanted.items():
                if condition == "not":
                    found &= ~holds(name, values, bound)
                else:
                    fraction = isinstance(bound, float) and pa.types.is_integer(values.type)
                    limit = pa.scalar(bound) if fraction else _like(name, [bound], values.type)[0]
                    compared = _RANGES[condition](values, limit)
                    found &= _bools(compared)
        else:
            found &= holds(name, values, wanted)
    return found


def _plain(values: pa.Array) -> pa.Array:
    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values


def _hosts(urls: pa.Array) -> pa.Array:
    return pc.utf8_lower(pc.struct_field(pc.extract_regex(_plain(urls), _HOST), "host"))


def _domain(name: str, hosts: pa.Array, wanted: Any) -> np.ndarray:
    found = np.zeros(len(hosts), bool)
    for domain in wanted if isinstance(wanted, list) else [wanted]:
        domain = str(domain).lower().strip(".")
        found |= _bools(pc.equal(hosts, domain)) | _bools(pc.ends_with(hosts, f".{domain}"))
    return found


def _one_of(name: str, values: pa.Array, wanted: Any) -> np.ndarray:
    wanted = wanted if isinstance(wanted, list) else [wanted]
    found = np.asarray(values.is_null()) if None in wanted else np.zeros(len(values), bool)
    given = [value for value in wanted if value is not None]
    if given:
        found |= _bools(pc.is_in(values, value_set=_like(name, given, values.type)))
    return found


def _like(name: str, values: list[Any], kind: pa.DataType) -> pa.Array:
    """The values of a condition in the type of its column."""
    try:
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return pa.array([str(value) for value in values], kind)
        if pa.types.is_timestamp(kind):
            return pa.array([f"{value}T00:00:00Z" if len(str(value)) == 10 else str(value) for value in values]).cast(
                kind
            )
        if pa.types.is_boolean(kind) != all(isinstance(value, bool) for value in values):
            raise pa.ArrowInvalid("true and false fit only columns of truth values")
        return pa.array(values).cast(kind, safe=not pa.types.is_floating(kind))
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise UserError(
            f"where: {name} holds {kind}, which cannot be compared with {values[0]!r}",
            hint="`gristmill stages` says what each column holds",
        ) from error


def _bools(values: Any) -> np.ndarray:
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    return pc.fill_null(values, False).to_numpy(zero_copy_only=False)
