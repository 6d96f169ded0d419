"""The commands. Each is a thin shell around `gristmill.api`."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from gristmill import __version__
from gristmill.errors import GristmillError, UserError

app = typer.Typer(
    name="gristmill",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Raw crawls and dumps in, clean, deduplicated, mixed and tokenised training data out.",
)

train = typer.Typer(no_args_is_help=True, help="Train a model on datasets of a recipe.")
app.add_typer(train, name="train")

RecipePath = Annotated[str, typer.Argument(metavar="RECIPE", help="YAML file")]
RecipeOrFolder = Annotated[str, typer.Argument(metavar="RECIPE|FOLDER", help="YAML file, or a folder of token shards.")]
Overrides = Annotated[
    list[str],
    typer.Option("--set", metavar="KEY=VALUE", help="Replace a value of the recipe, e.g. mixture.seed=1; repeatable."),
]
Root = Annotated[str | None, typer.Option("--root", help="Where outputs go: a folder or URL. Default runs/<recipe>.")]


@app.command()
def run(
    recipe: RecipePath,
    set_: Overrides = [],  # noqa: B006 - typer reads the default
    root: Root = None,
    stage: Annotated[str | None, typer.Option("--stage", help="Only this stage and what it needs.")] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", "-w", min=1, help="Processes; default one per core.")
    ] = None,
    retries: Annotated[int, typer.Option(min=0, help="Further attempts for a task whose worker died.")] = 2,
    time_limit: Annotated[float | None, typer.Option(help="Seconds one task may take.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Run what is missing and print the funnel."""
    import time

    from gristmill import api
    from gristmill.pipeline.progress import make_display

    started = time.monotonic()
    plan = api.plan(_load(recipe, set_, root))
    if stage is None:
        api.check_mixture(plan)
    if plan.done and stage is None:
        taken_out = api.carry_out_retractions(plan)
        path = api.refresh_summary(plan)
        if not quiet:
            _print_retractions(taken_out)
            print(f"{recipe}: everything {'else ' if taken_out else ''}is up to date, nothing to do\nsummary: {path}")
        return
    result = api.run(
        plan,
        workers=workers,
        stage=stage,
        retries=retries,
        time_limit=time_limit,
        display=make_display(quiet),
    )
    if not quiet:
        _print_result(result, time.monotonic() - started)
    if not result.ok:
        _print_failures(result)
        raise typer.Exit(1)


def _load(recipe: str, overrides: list[str], root: str | None) -> Any:
    from gristmill import api

    found = api.load(recipe, overrides, root=root)
    for note in found.notes:
        print(f"note: {note}", file=sys.stderr)
    return found


def _print_result(result: Any, seconds: float) -> None:
    from gristmill.report.funnel import funnel_text

    print(funnel_text(result.summary))
    tokens = result.summary.get("tokens")
    if tokens:
        print()
        from gristmill.mixtures.plan import MixturePlan

        print(MixturePlan.from_dict(tokens["mixture"]))
        from gristmill.report.encoding import encoding_text

        print(encoding_text(tokens["encoding"]))
        print(f"token shards: {tokens['folder']}")
    _print_retractions(result.retractions)
    print(f"\nfinished in {seconds:.1f} s; figures and output paths: {result.summary_path}")


def _print_failures(result: Any) -> None:
    print(f"\n{len(result.failures)} task{'s' if len(result.failures) != 1 else ''} failed:", file=sys.stderr)
    for failure in result.failures[:20]:
        print(f"  {failure.job}  {failure.reason}", file=sys.stderr)
        if failure.detail and os.environ.get("GRISTMILL_TRACEBACK"):
            print(failure.detail, file=sys.stderr)
    if len(result.failures) > 20:
        print(f"  … and {len(result.failures) - 20} more", file=sys.stderr)
    if any(failure.detail for failure in result.failures) and not os.environ.get("GRISTMILL_TRACEBACK"):
        print("set GRISTMILL_TRACEBACK=1 to see where they come from", file=sys.stderr)
    if result.blocked:
        print(f"not run because of them: {', '.join(result.blocked)}", file=sys.stderr)


@app.command()
def plan(recipe: RecipePath, set_: Overrides = [], root: Root = None) -> None:  # noqa: B006
    """Show per stage what is up to date, what would run, and why."""
    from gristmill import api

    found = api.plan(_load(recipe, set_, root))
    print(found)
    if waiting := api.pending_retractions(found):
        print(f"\n{len(waiting):,} retraction{'s' if len(waiting) != 1 else ''} to carry out in the token shards")
    if (mixture := api.check_mixture(found)) is not None:
        print(f"\n{mixture}")


@app.command(name="try")
def try_(
    recipe: RecipePath,
    set_: Overrides = [],  # noqa: B006
    root: Root = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Show what a mixture comes to, without running it: available, target, tokens, epochs, share."""
    import json

    from gristmill import api

    found = api.try_mixture(_load(recipe, set_, root))
    print(
        json.dumps({**found.plan.to_dict(), "basis": found.basis, "exact": found.exact}, indent=1) if as_json else found
    )


@app.command()
def stages(name: Annotated[str | None, typer.Argument(help="A stage kind.")] = None) -> None:
    """List every stage kind, or document one: settings, defaults and their sources."""
    from gristmill.report.reference import list_stages, stage_page

    print(stage_page(name) if name else list_stages())


@app.command()
def schema() -> None:
    """Print the JSON Schema of recipes, for editors."""
    import json

    from gristmill.report.reference import recipe_schema

    print(json.dumps(recipe_schema(), indent=2, ensure_ascii=False))


@app.command()
def compact(
    recipe: RecipePath,
    source: Annotated[str, typer.Argument(help="The source to fold.")],
    out: Annotated[str, typer.Argument(help="Folder for the new Parquet files.")],
    set_: Overrides = [],  # noqa: B006
    root: Root = None,
) -> None:
    """Write a source's surviving documents, cuts carried out, as plain Parquet files."""
    from gristmill import api
    from gristmill.compact import compact as write

    files, rows = write(api.open_dataset(api.load(recipe, set_, root=root), source), out)
    print(f"{rows:,} documents in {files:,} files: {out}")


@train.command(name="classifier")
def train_classifier(
    recipe: RecipePath,
    positive: Annotated[list[str], typer.Option(help="A source of good examples; repeatable.")] = [],  # noqa: B006
    negative: Annotated[list[str], typer.Option(help="A source of bad examples; repeatable.")] = [],  # noqa: B006
    name: Annotated[str, typer.Option(help="The model: one under `models:`, or a new name.")] = "classifier",
    set_: Overrides = [],  # noqa: B006
    root: Root = None,
    workers: Annotated[int | None, typer.Option("--workers", "-w", min=1, help="Processes.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the result only.")] = False,
) -> None:
    """Train a quality classifier, and print precision, recall and AUC on examples held out."""
    from gristmill import api
    from gristmill.pipeline.progress import make_display
    from gristmill.report.trained import trained_text

    if bool(positive) != bool(negative):
        raise UserError(
            "a classifier needs examples of both kinds", hint="give --positive SOURCE and --negative SOURCE"
        )
    made = f"{{train_classifier: {{positive: [{', '.join(positive)}], negative: [{', '.join(negative)}]}}}}"
    overrides = [f"models.{name}={made}", *set_] if positive else set_
    plan = api.plan(_load(recipe, overrides, root))
    node = api.model_node(plan, name, "train_classifier")
    result = api.run(plan, workers=workers, stage=node.name, display=make_display(quiet))
    if not result.ok:
        _print_failures(result)
        raise typer.Exit(1)
    print(trained_text(node.folder))


@train.command(name="perplexity")
def train_perplexity(
    recipe: RecipePath,
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL | KEY=VALUE...", help="A model of the recipe, or settings: source=wikipedia language=en"
        ),
    ],
    out: Annotated[str, typer.Option("--out", help="Folder for the model's files.")],
    set_: Overrides = [],  # noqa: B006
    root: Root = None,
    workers: Annotated[int | None, typer.Option("--workers", "-w", min=1, help="Processes.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Train SentencePiece and an n-gram model on a dataset of the recipe, for the stage `perplexity`."""
    from gristmill.pipeline.progress import make_display
    from gristmill.train import train_model

    result, files = train_model(
        recipe, "train_perplexity", what, out, overrides=set_, root=root, workers=workers, display=make_display(quiet)
    )
    if not result.ok:
        _print_failures(result)
        raise typer.Exit(1)
    if not quiet:
        print("".join(f"{out.rstrip('/')}/{name}  {size:,} bytes\n" for name, size in files.items()), end="")


@app.command()
def where(
    recipe: RecipePath,
    shard: Annotated[str, typer.Argument(help="A token shard: its number, name or file.")],
    row: Annotated[int, typer.Argument(help="Row in the shard, from 0.")],
    set_: Overrides = [],  # noqa: B006
    root: Root = None,
) -> None:
    """Show the documents behind one row of a token shard: URL, raw file and offset."""
    from gristmill import api

    for piece in api.where(api.load(recipe, set_, root=root), shard, row):
        print(piece)


@app.command()
def trees(recipe: RecipePath, set_: Overrides = [], root: Root = None) -> None:  # noqa: B006
    """Write which tokens are which post of a conversation and what it answers, for attention to ancestors alone."""
    from gristmill import api

    counts = api.write_trees(api.load(recipe, set_, root=root))
    print(f"{counts['tree']:,} conversations, {counts['other']:,} other documents")
    if counts["unmatched"]:
        print(f"{counts['unmatched']:,} conversations whose posts the tokenizer changed; they count as other documents")


@app.command()
def verify(recipe: RecipeOrFolder, set_: Overrides = [], root: Root = None) -> None:  # noqa: B006
    """Read every token shard, of a recipe the encoded documents too, and compare checksums."""
    from gristmill import api, storage

    shards = _open_tokens(recipe, set_, root)
    files = sum(1 for _ in shards.verify())
    print(
        f"{files - 1:,} shards and the tokenizer are sound: {len(shards):,} sequences, {shards.index['tokens']:,} tokens"
    )
    if not storage.is_dir(recipe):
        encoded = sum(1 for _ in api.verify_encoded(api.load(recipe, set_, root=root)))
        print(f"{encoded:,} files of encoded documents are sound")


@app.command()
def export(
    recipe: RecipeOrFolder,
    format_: Annotated[str, typer.Argument(metavar="FORMAT", help="megatron, mds, dolma or datatrove.")],
    out: Annotated[str, typer.Argument(help="A new folder.")],
    set_: Overrides = [],  # noqa: B006
    root: Root = None,
) -> None:
    """Write the token shards in the format of another trainer."""
    from gristmill.tokenize.exports import export as write

    tokens = write(_open_tokens(recipe, set_, root), format_, out)
    print(f"{tokens:,} tokens: {out}")


@app.command()
def retract(
    recipe: RecipePath,
    urls: Annotated[str | None, typer.Option(help="File of URLs, one a line.")] = None,
    ids: Annotated[str | None, typer.Option(help="File of document ids.")] = None,
    domains: Annotated[str | None, typer.Option(help="File of domains; all below them too.")] = None,
    repositories: Annotated[str | None, typer.Option(help="File of repositories, owner/name or URL.")] = None,
    mask: Annotated[
        bool, typer.Option("--mask", help="Leave the tokens as context, untrained; else padding replaces them.")
    ] = False,
    set_: Overrides = [],  # noqa: B006
    root: Root = None,
) -> None:
    """Remove documents from finished token shards, every other sequence staying where it is.

    The root remembers it: what is packed under it later is rid of these documents too.
    """
    from gristmill import api

    found = api.retract(
        api.load(recipe, set_, root=root),
        urls=_lines(urls),
        ids=_lines(ids),
        domains=_lines(domains),
        repositories=_lines(repositories),
        how="mask" if mask else "pad",
    )
    if found.file is None:
        print("none of these documents is in the shards, or they were removed before: nothing changed")
        print("remembered for what is packed under this root later")
        return
    _print_retractions([found])


def _print_retractions(found: Sequence[Any]) -> None:
    for one in found:
        if one.file is not None:
            done = "masked" if one.how == "mask" else "replaced by padding"
            print(f"retracted: {one.tokens:,} tokens of {one.documents:,} documents {done} in {one.pieces:,} places")
            print(
                f"  {one.shards:,} shard{'s' if one.shards != 1 else ''} written anew; what was removed where: {one.file}"
            )


def _lines(file: str | None) -> list[str]:
    """The lines of a file that say something; `#` begins a comment line."""
    from gristmill import storage

    if file is None:
        return []
    lines = storage.read_bytes(file).decode("utf-8-sig", "replace").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def _open_tokens(recipe: str, set_: list[str], root: str | None) -> Any:
    from gristmill import api, storage

    return api.open_tokens(recipe if storage.is_dir(recipe) else api.load(recipe, set_, root=root))


@app.callback(invoke_without_command=True)
def _top(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        print(__version__)
        raise typer.Exit


class Interrupted(BaseException):
    """Ctrl-C or SIGTERM; not an Exception, so that nothing on the way swallows it."""


def _interrupt(signum: int, frame: Any) -> None:
    signal.signal(signum, signal.SIG_DFL)  # a second one ends us at once
    raise Interrupted(signum)


def main() -> None:
    """Entry point: exit codes 0 done, 1 tasks failed, 2 a mistake of the user's, 128 + signal when interrupted."""
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, _interrupt)
    try:
        app(standalone_mode=True)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except GristmillError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        where = error.filename or "outputs"
        print(f"error: no space left on the device while writing {where}\n  make room and run again", file=sys.stderr)
        sys.exit(1)
    except Interrupted as error:
        print("\ninterrupted; what was committed stays, run again to go on", file=sys.stderr)
        sys.exit(128 + error.args[0])
