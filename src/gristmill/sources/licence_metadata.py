"""Licences as package metadata states them: pyproject.toml, package.json, Cargo.toml, gemspec, pom.xml …"""

from __future__ import annotations

import configparser
import json
import posixpath
import re
import tomllib
from collections.abc import Callable, Iterable
from typing import Any

from gristmill.sources.licence_names import known
from gristmill.sources.licence_sets import licences_in
from gristmill.sources.licence_texts import Evidence

_CLASSIFIER = re.compile(r"License\s*::\s*(?:OSI Approved\s*::\s*)?([^\"'\n]{2,80})")
_SETUP_PY = re.compile(r"\blicense\s*=\s*[\"']([^\"'\n]{2,80})[\"']")
_GEMSPEC = re.compile(r"\.licenses?\s*=\s*(.{2,200})")
_QUOTED = re.compile(r"[\"']([^\"'\n]{2,80})[\"']")
_POM = re.compile(r"<license>\s*(?:<!--.*?-->\s*)?<name>\s*([^<]{2,80}?)\s*</name>", re.S)
_DESCRIPTION = re.compile(r"^Licen[cs]e:[ \t]*([^\n]{2,120})", re.M)
_PKG_INFO = re.compile(r"^(?:License-Expression|License):[ \t]*([^\n]{2,120})", re.M)
_CABAL = re.compile(r"^licen[cs]e:[ \t]*([^\n]{2,80})", re.M | re.I)


def is_metadata_file(path: str) -> bool:
    return _reader(path) is not None


def from_metadata(path: str, data: bytes) -> Evidence | None:
    """The licences that a package's metadata states; None when it states none, or says nothing that is known."""
    reader = _reader(path)
    if reader is None:
        return None
    try:
        stated = list(reader(data[:2_000_000].decode("utf-8", "replace")))
    except (ValueError, TypeError, AttributeError, KeyError, configparser.Error, RecursionError):
        return None
    found = dict.fromkeys(spdx for name in stated if isinstance(name, str) and (spdx := _spdx(name)))
    return Evidence(path, "metadata", tuple(found)) if found else None


def _spdx(name: str) -> str | None:
    """An identifier or an expression of known ones."""
    name = name.strip()
    if (one := known(name)) is not None:
        return one
    name = re.sub(r"\s*[/|]\s*", " OR ", name)  # MIT/Apache-2.0, as crates write it, and MIT | file LICENSE
    parts = licences_in(name)
    return name if len(parts) > 1 and all(known(part) == part for part in parts) else None


def _reader(path: str) -> Callable[[str], Iterable[Any]] | None:
    name = posixpath.basename(path)
    if name.endswith(".gemspec"):
        return _gemspec
    if name.endswith(".cabal"):
        return _CABAL.findall
    return _READERS.get(name)


def _pyproject(text: str) -> Iterable[Any]:
    tables = tomllib.loads(text)
    for table in (tables.get("project", {}), tables.get("tool", {}).get("poetry", {})):
        licence = table.get("license")
        if isinstance(licence, dict):
            text_field = licence.get("text", "")
            yield text_field if len(text_field) < 100 else ""
        else:
            yield licence
        if not licence:
            for classifier in table.get("classifiers", ()):
                yield from _CLASSIFIER.findall(str(classifier))


def _setup_cfg(text: str) -> Iterable[Any]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    if licence := parser.get("metadata", "license", fallback=None):
        yield licence
    else:
        yield from _CLASSIFIER.findall(parser.get("metadata", "classifiers", fallback=""))


def _setup_py(text: str) -> Iterable[Any]:
    return _SETUP_PY.findall(text) or _CLASSIFIER.findall(text)


def _package_json(text: str) -> Iterable[Any]:
    package = json.loads(text)
    for licence in [package.get("license"), *(package.get("licenses") or ())]:
        yield licence.get("type") if isinstance(licence, dict) else licence


def _cargo(text: str) -> Iterable[Any]:
    package = tomllib.loads(text).get("package", {})
    yield package.get("license")


def _composer(text: str) -> Iterable[Any]:
    licence = json.loads(text).get("license")
    return [" OR ".join(licence)] if isinstance(licence, list) else [licence]


def _gemspec(text: str) -> Iterable[Any]:
    return [name for line in _GEMSPEC.findall(text) for name in _QUOTED.findall(line)]


def _pkg_info(text: str) -> Iterable[Any]:
    head = text.partition("\n\n")[0]
    return _PKG_INFO.findall(head) or _CLASSIFIER.findall(head)


_READERS: dict[str, Callable[[str], Iterable[Any]]] = {
    "pyproject.toml": _pyproject,
    "setup.cfg": _setup_cfg,
    "setup.py": _setup_py,
    "package.json": _package_json,
    "bower.json": _package_json,
    "Cargo.toml": _cargo,
    "composer.json": _composer,
    "pom.xml": _POM.findall,
    "DESCRIPTION": _DESCRIPTION.findall,
    "PKG-INFO": _pkg_info,
    "METADATA": _pkg_info,
}
