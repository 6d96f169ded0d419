"""YAML as plain values plus the line each one stands on.

    tree = load("configs/demo.yaml")
    tree.value["sources"]["web"]         # dicts, lists and scalars
    tree.where(("sources", "web"))       # "configs/demo.yaml:12"

Plain `yes`, `no`, `on`, `off` are strings, as in YAML 1.2: `no` is Norwegian, not false.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from gristmill import storage
from gristmill.errors import UserError
from gristmill.stage import CommandLineText

Path = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    pass


_YAML_1_2 = {  # bool, int and float as its core schema has them, with 1_000 for people
    "bool": (re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), "tTfF"),
    "int": (re.compile(r"^[-+]?(?:0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)$"), "-+0123456789"),
    "float": (
        re.compile(
            r"^(?:[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+"
            r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
        ),
        "-+.0123456789",
    ),
}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] not in (*_YAML_1_2, "timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, (_pattern, _first) in _YAML_1_2.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _pattern, list(_first))

_MERGE = "tag:yaml.org,2002:merge"
_MOST_PARTS = 100_000


@dataclass
class Tree:
    """A YAML document and where its parts come from."""

    name: str
    value: Any
    lines: dict[Path, str] = field(default_factory=dict)

    def where(self, path: Path) -> str:
        """File and line of a value, or of the nearest part around it that has one."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, self.name)

    def override(self, assignment: str) -> None:
        """Carry out one `a.b.c=value` of the command line.

        A list of stages is entered by a stage's name or kind, any list by number.
        Raises UserError when the assignment has no `=` or leads through something that is not a mapping or list.
        """
        dotted, equals, text = assignment.partition("=")
        origin = f"--set {assignment}"
        if not equals or not dotted.strip():
            raise UserError(f"{origin}: expected name=value", hint="for example --set mixture.seed=1")
        try:
            value = _mark(parse_scalar(text))
        except yaml.YAMLError as error:
            raise UserError(f"{origin}: the value is not valid YAML", hint=str(error)) from error
        *steps, last = dotted.strip().split(".")
        here: Any = self.value
        path: list[str | int] = []
        for depth, step in enumerate(steps):
            following = steps[depth + 1] if depth + 1 < len(steps) else last
            entered = _enter(here, step, following)
            if entered is None:
                raise UserError(f"{origin}: {'.'.join(steps[: depth + 1])} leads to nothing that has settings")
            here, more = entered
            path += more
        key: Any = _find_in_list(here, last) if isinstance(here, list) else last
        if key is None or not isinstance(here, list | dict):
            raise UserError(f"{origin}: no item {last!r} in {'.'.join(steps)}")
        here[key] = value
        replaced = (*path, key)
        for known in [known for known in self.lines if known[: len(replaced)] == replaced]:
            del self.lines[known]
        self.lines[replaced] = origin


def _enter(here: Any, step: str, following: str) -> tuple[Any, list[str | int]] | None:
    """The mapping or list behind one step and the path to it; makes empty mappings on the way, as `a.b=c` needs them."""
    if isinstance(here, dict):
        value = here.get(step)
        if value is None:
            here[step] = value = {}
        elif value == following:  # `read: jsonl` becomes `read: {jsonl: {}}`
            here[step] = value = {following: {}}
        return (value, [step]) if isinstance(value, dict | list) else None
    if isinstance(here, list) and (number := _find_in_list(here, step)) is not None:
        item = here[number]
        if isinstance(item, str):
            here[number] = item = {item: {}}
        if isinstance(item, dict) and len(item) == 1 and not step.isdigit():
            kind = next(iter(item))
            if item[kind] is None:
                item[kind] = {}
            return item[kind], [number, kind]
        return item, [number]
    return None


def _find_in_list(items: list[Any], step: str) -> int | None:
    if step.isdigit() and int(step) < len(items):
        return int(step)
    for number, item in enumerate(items):
        if item == step:
            return number
        if isinstance(item, dict) and len(item) == 1:
            kind, settings = next(iter(item.items()))
            if kind == step or (isinstance(settings, dict) and settings.get("name") == step):
                return number
    return None


def parse_scalar(text: str) -> Any:
    return yaml.load(text, _Loader)  # a SafeLoader with fewer implicit types


def _mark(value: Any) -> Any:
    if isinstance(value, str):
        return CommandLineText(value)
    if isinstance(value, list):
        return [_mark(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _mark(item) for key, item in value.items()}
    return value


def load(location: str) -> Tree:
    """Read a YAML file. Raises UserError with the line for anything that is not YAML or not a mapping at the top."""
    raw = storage.read_bytes(location)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError("not UTF-8 text", where=location, hint="is this a recipe?") from error
    return parse(text, location)


def parse(text: str, name: str = "recipe") -> Tree:
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}:{mark.line + 1}" if mark else name
        raise UserError(f"not valid YAML: {getattr(error, 'problem', error)}", where=where) from error
    tree = Tree(name, None)
    if root is None or not isinstance(root, yaml.MappingNode):
        raise UserError("expected a mapping with `sources:` at the top", where=f"{name}:1")
    tree.value = _build(loader, root, (), tree, set())
    return tree


def _build(loader: _Loader, node: yaml.Node, path: Path, tree: Tree, inside: set[int]) -> Any:
    line = f"{tree.name}:{node.start_mark.line + 1}"
    tree.lines.setdefault(path, line)
    if id(node) in inside:
        raise UserError("this alias contains itself: a cycle", where=line, hint="break the loop of & and *")
    if len(tree.lines) > _MOST_PARTS:
        raise UserError(f"aliases multiply to over {_MOST_PARTS:,} parts", where=line)
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                result |= _merged(loader, value_node, path, tree, inside | {id(node)})
        own: set[str] = set()
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                continue
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            here = f"{tree.name}:{key_node.start_mark.line + 1}"
            if key is None:
                raise UserError("expected a plain name before the colon", where=here)
            if key in own:
                raise UserError(f"{key!r} stands here twice", where=here, hint="keep one of them")
            own.add(key)
            tree.lines[(*path, key)] = here
            result[key] = _build(loader, value_node, (*path, key), tree, inside | {id(node)})
        return result
    if isinstance(node, yaml.SequenceNode):
        return [_build(loader, item, (*path, n), tree, inside | {id(node)}) for n, item in enumerate(node.value)]
    try:
        return loader.construct_object(node)
    except (yaml.YAMLError, ValueError) as error:
        raise UserError(f"cannot read this value: {error}", where=line) from error


def _merged(loader: _Loader, node: yaml.Node, path: Path, tree: Tree, inside: set[int]) -> dict[str, Any]:
    """What `<<: *base` or `<<: [*first, *second]` brings in; the first that names a key wins."""
    bases = node.value if isinstance(node, yaml.SequenceNode) else [node]
    result: dict[str, Any] = {}
    for base in reversed(bases):
        if not isinstance(base, yaml.MappingNode):
            where = f"{tree.name}:{base.start_mark.line + 1}"
            raise UserError("cannot merge here: `<<` takes a mapping or a list of mappings", where=where)
        result |= _build(loader, base, path, tree, inside)
    return result
