"""URLs a second and resident memory of the URL filter and of datatrove's URLFilter, same URLs, same lists.

    python benchmarks/url_filter.py [FILE]     # a file of URLs, one a line; without it, made-up ones

Needs `pip install 'gristmill[blocklists]' tldextract fasteners pyahocorasick`. Every filter runs in a process
of its own.
"""

from __future__ import annotations

import logging
import random
import sys
import time
from multiprocessing import get_context
from pathlib import Path

BATCH = 2048
LEAST_SECONDS = 2.0


def made_up_urls(count: int = 20_000) -> list[str]:
    """URLs with the shape of crawled ones: median 70 bytes, few listed."""
    draw = random.Random(1)
    words = [
        "news",
        "2023",
        "archive",
        "product",
        "id",
        "blog",
        "garten",
        "museum",
        "recipe",
        "forum",
        "page",
        "html",
    ]
    urls = []
    for number in range(count):
        host = ".".join(
            [
                "www",
                draw.choice(words) + draw.choice(words) + str(number),
                draw.choice(["com", "de", "co.uk"]),
            ]
        )
        path = "/".join("-".join(draw.choices(words, k=draw.randint(1, 5))) for _ in range(draw.randint(1, 4)))
        urls.append(f"https://{host}/{path}" + draw.choice(["", "?id=%C3%A4", "/", ".html"]))
    return urls


def resident() -> str:
    fields = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    own, mapped = (int(fields[name].split()[0]) >> 10 for name in ("RssAnon", "RssFile"))
    return f"{own} MB own + {mapped} MB of files that processes share"


def ours(urls: list[str]) -> tuple[float, str, int]:
    import pyarrow as pa

    from gristmill.dataset import Batch
    from gristmill.filters.url import UrlFilter

    stage = UrlFilter(lists="datatrove")
    stage.warm()
    batches = []
    for start in range(0, len(urls), BATCH):
        part = urls[start : start + BATCH]
        batch = Batch(0, len(part))
        batch.add_column("url", pa.array(part))
        batches.append(batch)
    done, dropped, started = 0, 0, time.process_time()
    while (spent := time.process_time() - started) < LEAST_SECONDS:
        for batch in batches:
            found = stage.signals(batch)
            for name, values in found.items():
                batch.add_column(f"url.{name}", pa.array(values))
            dropped += int((stage.decide(batch) >= 0).sum()) if done < len(urls) else 0
            done += batch.rows
    return done / spent, resident(), dropped


def theirs(urls: list[str]) -> tuple[float, str, int]:
    import warnings

    from datatrove.data import Document
    from datatrove.pipeline.filters import URLFilter

    warnings.simplefilter("ignore")
    logging.disable()
    block = URLFilter()
    documents = [Document(text="", id=str(number), metadata={"url": url}) for number, url in enumerate(urls)]
    block.filter(documents[0])
    done, dropped, started = 0, 0, time.process_time()
    while (spent := time.process_time() - started) < LEAST_SECONDS:
        for document in documents:
            kept = block.filter(document) is True
            dropped += not kept and done < len(urls)
            done += 1
    return done / spent, resident(), dropped


def main() -> None:
    if len(sys.argv) > 1:
        urls = [line for line in Path(sys.argv[1]).read_text("utf-8", "replace").splitlines() if line]
    else:
        urls = made_up_urls()
    print(f"{len(urls):,} URLs, {sum(map(len, urls)) / len(urls):.0f} characters each")
    speeds = {}
    for name, run in {"gristmill": ours, "datatrove": theirs}.items():
        with get_context("spawn").Pool(1) as pool:
            speeds[name], memory, dropped = pool.apply(run, (urls,))
        print(f"{name:10} {speeds[name]:>12,.0f} URLs/s   {dropped:,} of {len(urls):,} URLs dropped   {memory}")
    print(f"ratio      {speeds['gristmill'] / speeds['datatrove']:>12.1f}")


if __name__ == "__main__":
    main()
