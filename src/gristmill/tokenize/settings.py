"""What a recipe says about tokens, and the nodes that come of it.

tokenize:
  tokenizer: tokenizer.json          # or  train: {vocabulary: 32_000}
  sequence_length: 2048
"""

from __future__ import annotations

from typing import Literal, NamedTuple, Self

from pydantic import model_validator

from gristmill.mixtures.select import SelectDocuments, as_part, parts_of
from gristmill.mixtures.spec import Mixture
from gristmill.mixtures.tree import resolve
from gristmill.stage import Location, PhasedStage, Settings, setting
from gristmill.tokenize import falcon
from gristmill.tokenize.engines import Name
from gristmill.tokenize.layouts import Packing
from gristmill.tokenize.sentencepiece_model import BEGIN, UNKNOWN
from gristmill.tokenize.sentencepiece_model import END as LLAMA_END
from gristmill.tokenize.tokenizer_file import AUTO, END, UINT16_IDS, SchemeName, Width


class TrainSettings(Settings):
    """How a tokenizer is trained on a sample of the surviving documents."""

    style: Literal["byte_bpe", "falcon", "llama"] = setting(
        "byte_bpe",
        "byte_bpe and falcon: byte-level byte-pair encoding (tokenizer.json), every text has ids and comes back; falcon: "
        "with Falcon's special tokens and split; llama: SentencePiece BPE with byte fallback (tokenizer.model)",
        source="Falcon [B]; LLaMA section 2.1 [A], flags of the trainer [C]",
    )
    vocabulary: int | None = setting(
        None,
        "entries, special tokens and the 256 bytes included; null: 32,000, falcon 65,024",
        unit="tokens",
        source="LLaMA: 32k [C]; Falcon: 65,024 [B]",
        ge=260,
        le=2**20,
    )
    sample_bytes: int = setting(
        256 << 20,
        "text to train on, about; the trainer holds the sample's distinct words in memory",
        unit="bytes",
        source="unpublished for LLaMA and Falcon [U]; ours",
        gt=0,
    )
    document_bytes: int = setting(
        1 << 20,
        "most text taken from one document, so that no book decides the vocabulary",
        unit="bytes",
        source="ours",
        gt=0,
    )
    balance: Literal["equal", "proportional"] = setting(
        "equal",
        "bytes of the sample per source: the same for each (small ones whole), or as they are",
        source="ours",
    )
    special_tokens: tuple[str, ...] | None = setting(
        None,
        "tokens that no text comes to; they get the first ids. null: <|endoftext|>; falcon: >>TITLE<< … >>MIDDLE<< before it; "
        "llama: <unk>, <s>, </s>, which come first in any case",
        source="Falcon: 12 [B]",
    )
    digits: Literal["none", "single", "groups_of_three"] | None = setting(
        None,
        "how numbers are split: not, into single digits, or into threes from the left; null: single, falcon: threes",
        source="single: LLaMA section 2.1; threes: Falcon [B]; none: GPT-2",
    )
    minimum_frequency: int = setting(2, "least count of a pair that is merged", source="tokenizers' own trainers", ge=1)
    seed: int = setting(0, "another seed samples other documents")

    @model_validator(mode="after")
    def _digits_go_with_the_style(self) -> Self:
        usual = {"falcon": "groups_of_three", "llama": "single"}.get(self.style)
        if usual is not None and self.digits not in (None, usual):
            raise ValueError(f"style {self.style} splits numbers as {usual!r}; leave `digits` out")
        return self

    @property
    def entries(self) -> int:
        """The size of the vocabulary asked for."""
        return self.vocabulary or (65_024 if self.style == "falcon" else 32_000)

    @property
    def tokens(self) -> tuple[str, ...]:
        """The special tokens, in the order of their ids."""
        if self.style == "llama":
            own = (UNKNOWN, BEGIN, LLAMA_END)
            return (*own, *(token for token in self.special_tokens or () if token not in own))
        return self.special_tokens or (falcon.SPECIAL_TOKENS if self.style == "falcon" else (END,))


class Tokenize(Settings):
    """From surviving documents to shards of token sequences."""

    tokenizer: Location | None = setting(None, "a tokenizer.json, sentencepiece .model or .tiktoken file to use")
    train: TrainSettings | None = setting(None, "train a tokenizer instead")
    scheme: SchemeName | None = setting(
        None, "how a .tiktoken file splits text; null: as the published file with as many ranks does"
    )
    bos: str | None = setting(
        AUTO,
        "token put before every document; null for none. auto: <s> with a tokenizer of LLaMA's kind, else none",
        source="LLaMA style adds one, GPT-2 and Falcon style do not [C]",
    )
    eos: str | None = setting(
        AUTO,
        "token put after every document; null for none. auto: </s> with a tokenizer of LLaMA's kind, else <|endoftext|>",
        source="GPT-3 and LLaMA: concatenation with an end token [B]",
    )
    sequence_length: int = setting(2048, "tokens in a row", unit="tokens", source="LLaMA, Falcon: 2,048", ge=1)
    packing: Packing = setting(
        "concat",
        "concat: end to end, cut wherever a row ends, the last unfinished row dropped. best_fit: only documents longer than a "
        "row are cut, rows are filled up with padding. padded: a document (or part) per row",
        source="concat: GPT-3 and LLaMA style [B]; best_fit: arXiv 2404.10830 [A]",
    )
    shard_sequences: int | None = setting(
        None,
        "rows of an output file; null: as many as make 64 Mi tokens",
        unit="sequences",
        source="ours",
        ge=1,
    )
    engine: Name = setting(
        "auto",
        "library that encodes. auto: a fast one as long as it gives the ids of the format's own library on samples of "
        "every shard, else that library (reference)",
        source="ours",
    )
    dtype: Width = setting("auto", "how ids are stored; auto: uint16 when the vocabulary has at most 65,536 ids")

    @model_validator(mode="after")
    def _one_tokenizer(self) -> Self:
        if (self.tokenizer is None) == (self.train is None):
            raise ValueError("give exactly one of `tokenizer` (a file) and `train`")
        if self.train is not None:
            if self.dtype == "uint16" and self.train.entries > UINT16_IDS:
                raise ValueError(
                    f"train.vocabulary is {self.train.entries:,}, but uint16 holds {UINT16_IDS:,}: set dtype to auto"
                )
            for role, token in (("bos", self.bos), ("eos", self.eos)):
                if token not in (None, AUTO, *self.train.tokens):
                    raise ValueError(f"{role} is {token!r}, which is not among train.special_tokens")
        return self


class Node(NamedTuple):
    """A stage in the graph of a recipe. `name` becomes the name of its output folder."""

    name: str
    stage: PhasedStage
    needs: tuple[str, ...]  # other nodes whose folders it reads
    sources: tuple[str, ...]  # sources whose shards it reads
    columns: tuple[str, ...] = ()  # value columns of these that it reads


def nodes(mixture: Mixture | None, tokenize: Tokenize, sources: list[str]) -> list[Node]:
    """The nodes of one recipe: a tokenizer if one is trained, `encode` per source that takes part, `select` per
    source of which only parts do, `pack`.

    sources: all of the recipe's, in its order. A tokenizer is trained on all of them, whatever the mixture,
    so that another mixture encodes nothing again.

    Raises UserError when the mixture names an unknown source.
    """
    from gristmill.tokenize.encode import Encode
    from gristmill.tokenize.pack import Pack
    from gristmill.tokenize.train import TrainTokenizer

    leaves = list(resolve(mixture, sources).leaves())
    taking_part = [source for source in sources if any(leaf.source == source for leaf in leaves)]
    found: list[Node] = []
    needs: tuple[str, ...] = ()
    if tokenize.train is not None:
        found.append(Node("tokenizer", TrainTokenizer(train=tokenize.train), (), tuple(sources)))
        needs = ("tokenizer",)
    encode = Encode(
        tokenizer=tokenize.tokenizer,
        scheme=tokenize.scheme,
        bos=tokenize.bos,
        eos=tokenize.eos,
        dtype=tokenize.dtype,
        engine=tokenize.engine,
    )
    found += [Node(f"encode.{source}", encode.model_copy(), needs, (source,)) for source in taking_part]
    selected: list[Node] = []
    for source in taking_part:
        mine = parts_of([leaf for leaf in leaves if leaf.source == source])
        if any(leaf.selects for leaf in mine):
            select = SelectDocuments(source=source, parts=tuple(as_part(leaf) for leaf in mine))
            selected.append(Node(f"select.{source}", select, (f"encode.{source}",), (source,), select.columns))
    pack = Pack(
        tokenizer=tokenize.tokenizer,
        sources=tuple(taking_part),
        mixture=mixture,
        sequence_length=tokenize.sequence_length,
        packing=tokenize.packing,
        shard_sequences=tokenize.shard_sequences,
    )
    reads = (*needs, *(f"encode.{source}" for source in taking_part), *(node.name for node in selected))
    return [*found, *selected, Node("tokens", pack, reads, tuple(taking_part))]
