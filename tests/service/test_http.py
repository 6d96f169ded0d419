"""Input over http from a real server on loopback."""

from __future__ import annotations

import http.server
import os
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from gristmill import storage
from gristmill.errors import UserError
from tests.pipeline.command import plan_here, run_here
from tests.pipeline.small_corpus import text_of, write_jsonl, write_recipe

pytestmark = pytest.mark.service
pytest.importorskip("aiohttp")


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None: ...

    def do_GET(self) -> None:
        if "forbidden" in self.path:
            self.send_error(403)
        elif "broken" in self.path:
            self.send_error(500)
        else:
            super().do_GET()

    do_HEAD = do_GET


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """A server of tmp_path/site."""
    (tmp_path / "site").mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(tmp_path / "site")))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_documents_come_over_http(served: str, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "site" / "in" / "a.jsonl", [text_of(1), text_of(2)])
    recipe = write_recipe(tmp_path / "r.yaml", {"web": {"read": "jsonl", "input": f"{served}/in/a.jsonl"}})
    result = run_here(recipe, tmp_path / "root")
    assert result.ok, result.failures
    assert result.summary["sources"]["web"]["kept"]["documents"] == 2
    assert plan_here(recipe, tmp_path / "root").done


def test_a_model_comes_over_http_from_a_server_without_ranges(served: str, tmp_path: Path) -> None:
    from gristmill.perplexity import scorer

    content = os.urandom(20 << 20)  # more than is read at a time
    (tmp_path / "site" / "en.ngrams").write_bytes(content)
    assert Path(scorer._local(f"{served}/en.ngrams")).read_bytes() == content
    with storage.localized(f"{served}/en.ngrams") as path:
        assert path.read_bytes() == content
    with pytest.raises(UserError, match=r"absent\.ngrams"):
        storage.fetch(f"{served}/absent.ngrams", str(tmp_path / "x"))


def test_file_modified_on_the_server_is_another_version(served: str, tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "site" / "in" / "a.jsonl", [text_of(1)])
    recipe = write_recipe(tmp_path / "r.yaml", {"web": {"read": "jsonl", "input": f"{served}/in/a.jsonl"}})
    assert run_here(recipe, tmp_path / "root").ok
    os.utime(path, (2_000_000_000, 2_000_000_000))
    assert not plan_here(recipe, tmp_path / "root").done  # same size, another Last-Modified


@pytest.mark.parametrize(
    ("path", "says"),
    [("missing.jsonl", "no such file"), ("forbidden.jsonl", "no permission to read"), ("broken.jsonl", "500")],
)
def test_what_the_server_refuses_is_a_user_error(served: str, tmp_path: Path, path: str, says: str) -> None:
    recipe = write_recipe(tmp_path / "r.yaml", {"web": {"read": "jsonl", "input": f"{served}/{path}"}})
    with pytest.raises(UserError) as caught:
        plan_here(recipe, tmp_path / "root")
    assert f"{served}/{path}" in str(caught.value)
    assert says in str(caught.value)
    assert caught.value.where == f"{recipe}:4"


def test_server_that_is_not_there_is_a_user_error() -> None:
    with pytest.raises(UserError) as caught:
        storage.stat("http://127.0.0.1:9/x")
    assert "127.0.0.1:9" in str(caught.value)
    assert "no such file" not in str(caught.value)


def test_bytes_are_read_and_sought_in_pieces(served: str, tmp_path: Path) -> None:
    (tmp_path / "site" / "x.bin").write_bytes(bytes(range(256)) * 1000)
    assert storage.read_bytes(f"{served}/x.bin") == bytes(range(256)) * 1000
    assert storage.exists(f"{served}/x.bin")
    assert not storage.exists(f"{served}/y.bin")
    assert storage.stat(f"{served}/x.bin").size == 256_000
    with storage.localized(f"{served}/x.bin") as path:
        assert path.stat().st_size == 256_000
    assert not path.exists()


def test_recipe_may_lie_on_the_web(served: str, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "site" / "recipes" / "in" / "a.jsonl", [text_of(1)])
    write_recipe(tmp_path / "site" / "recipes" / "r.yaml", {"web": {"read": "jsonl", "input": "in/a.jsonl"}})
    from gristmill import api

    recipe = api.load(f"{served}/recipes/r.yaml", root=str(tmp_path / "root"))
    assert recipe.sources["web"].input == (f"{served}/recipes/in/a.jsonl",)
    assert api.run(api.plan(recipe), workers=1).ok
