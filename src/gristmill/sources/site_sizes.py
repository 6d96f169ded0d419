"""Sites ranked by posts, the rule behind "the 28 largest Stack Exchange sites".

    python -m gristmill.sources.site_sizes dumps/ --largest 28

prints `sites: [...]` to paste into a recipe. RedPajama v1 counts the lines of Posts.xml without its three of
frame, which is the number of rows; meta sites and tag wikis count as well.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from gristmill import storage
from gristmill.sources.compressed import Damage
from gristmill.sources.site_tables import is_other_table, read_tables, site_name, table_files

_ROW = b"<row "


def count_posts(location: str) -> int:
    """Rows of the Posts table of one site, as far as it can be read."""
    count = 0
    try:
        for _, pieces in read_tables(table_files(location, ["Posts"])[0]):
            tail = b""
            for piece in pieces:
                data = tail + piece
                count += data.count(_ROW)
                tail = data[-(len(_ROW) - 1) :]
    except Damage as damage:
        print(f"{location}: {damage}")
    return count


def site_sizes(locations: Iterable[str]) -> list[tuple[str, int]]:
    """(site, posts) of these Posts files or archives, largest first, equals by name."""
    counts = {site_name(location): count_posts(location) for location in locations if not is_other_table(location)}
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="where the sites' archives or folders lie")
    parser.add_argument("--largest", type=int, default=28, help="how many sites to name (28)")
    chosen = parser.parse_args()
    found = [
        path
        for pattern in ("*.7z", "*/Posts.xml", "*/Posts.xml.*")
        for path in storage.glob(storage.join(chosen.folder, pattern))
    ]
    sizes = site_sizes(found)
    for site, posts in sizes[: chosen.largest]:
        print(f"# {posts:>12,}  {site}")
    print(f"sites: [{', '.join(site for site, _ in sizes[: chosen.largest])}]")


if __name__ == "__main__":
    main()
