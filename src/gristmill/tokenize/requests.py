"""What a request for removal names, and the documents it comes to: ids, URLs, domains, repositories."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from gristmill.dataset import ShardRef
from gristmill.errors import UserError
from gristmill.kernels.text import Texts
from gristmill.kernels.url_parts import Urls

REPOSITORY_KEYS = ("repository", "repo", "repo_name")  # in a document's metadata
_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True)
class Match:
    """A document that was asked for."""

    source: str
    document: str
    url: str | None
    asked_for: str  # "domain example.com"


@dataclass
class Requests:
    """Documents to remove, each named in any of four ways.

    urls: without regard to scheme, fragment and a slash at the end. domains: the host and all below it. repositories:
    owner/name as the metadata say, or a URL's beginning such as github.com/owner/name.
    """

    ids: Sequence[str] = ()
    urls: Sequence[str] = ()
    domains: Sequence[str] = ()
    repositories: Sequence[str] = ()
    _ids: set[str] = field(init=False)
    _urls: set[str] = field(init=False)
    _domains: set[str] = field(init=False)
    _repositories: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self._ids = set(self.ids)
        self._urls = {plain_url(url) for url in self.urls}
        hosts = Urls.parse(Texts.from_strings([domain.strip() for domain in self.domains]))
        self._domains = {hosts.host(row) for row in range(len(self.domains))}
        self._repositories = {plain_url(name).lower() for name in self.repositories}
        if not (self._ids or self._urls or self._domains or self._repositories):
            raise UserError("no document is named", hint="give --urls, --ids, --domains or --repositories")
        if "" in self._domains:
            raise UserError("an empty or broken domain", hint="a domain a line, such as example.com")

    def matches(self, shards: Iterable[ShardRef]) -> Iterator[Match]:
        """Every document of these shards that is named, dropped ones too."""
        columns = ["id", "url", *(["metadata"] if self._repositories else [])]
        for shard in shards:
            for batch in shard.batches(columns):
                urls = batch.column("url").to_pylist()
                hosts = Urls.parse(Texts.from_strings([url or "" for url in urls])) if self._domains else None
                metadata = batch.column("metadata").to_pylist() if self._repositories else [None] * len(urls)
                for row, (name, url, extra) in enumerate(
                    zip(batch.column("id").to_pylist(), urls, metadata, strict=True)
                ):
                    found = self._named(name, url, hosts.host(row) if hosts and url else "", extra)
                    if found:
                        yield Match(shard.source, name, url, found)

    def _named(self, name: str, url: str | None, host: str, metadata: str | None) -> str | None:
        if name in self._ids:
            return f"id {name}"
        if url and self._urls and (plain := plain_url(url)) in self._urls:
            return f"url {plain}"
        while host:
            if host in self._domains:
                return f"domain {host}"
            _, _, host = host.partition(".")
        return self._repository(url, metadata) if self._repositories else None

    def _repository(self, url: str | None, metadata: str | None) -> str | None:
        if metadata:
            values = json.loads(metadata)
            for key in REPOSITORY_KEYS:
                if str(values.get(key)).lower() in self._repositories:
                    return f"repository {values[key]}"
        parts = plain_url(url).lower().split("/") if url else []
        start = "/".join(parts[:3])
        return f"repository {start}" if len(parts) >= 3 and start in self._repositories else None


def plain_url(url: str) -> str:
    """A URL without scheme, fragment and slash at the end, its host in lower case."""
    rest = _SCHEME.sub("", url.strip()).split("#", 1)[0].rstrip("/")
    host, slash, path = rest.partition("/")
    return host.lower() + slash + path
