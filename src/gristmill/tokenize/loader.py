"""Token shards as PyTorch data sets: mapped from disk, in a global order that is a function of position.

    data = TokenDataset("runs/demo/tokens-0123456789abcdef", shuffle=0)          # map-style: data[5], len(data)
    loader = data.loader(batch_size=8, rank=rank, ranks=ranks, workers=2)        # batches of this rank, endless
    for batch in loader:
        ...
        state = loader.state_dict()                                              # exact, in the middle of an epoch

Position p of the global order is sequence p mod N of epoch p div N, permuted anew in every epoch when shuffled. A step
takes batch_size × ranks positions, of which rank r takes every ranks-th from the r-th on. So what was read is one number,
and training goes on from it on any other number of ranks and workers, with nothing repeated or left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np

from gristmill.errors import UserError
from gristmill.tokenize.reply_trees import ReplyTrees, ancestor_positions, ancestors_mask
from gristmill.tokenize.shards import TokenShards

try:
    import torch
    from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info
except ImportError as error:
    raise ImportError("gristmill.tokenize.TokenDataset needs PyTorch: pip install 'gristmill[torch]'") from error

Documents = Literal["positions", "cu_seqlens", "ancestors"]
STATE = "gristmill tokens state 1"


class TokenDataset(Dataset):
    """Sequences by position in the global order, as {"input_ids": int64 (sequence length,), …}.

    folder: the finished token shards. shuffle: seed of a permutation per epoch; None keeps the mixture's order.
    documents: "positions" adds position_ids that begin anew with every document; "cu_seqlens" makes batches of one row end
    to end, as variable-length attention wants them: cu_seqlens int32 and max_seqlen, only through `collate`; "ancestors" adds
    attention_mask, bool (sequence length, sequence length), in which a post sees itself and what it answers (see `reply_trees`),
    and position_ids that count those.
    loss_mask: add a bool mask of the tokens to train on; None: when some are not (padding, retracted documents).

    Raises UserError for a folder without an index, DamagedShards for a shard that is missing or cut.
    """

    def __init__(
        self,
        folder: str,
        *,
        shuffle: int | None = None,
        documents: Documents | None = None,
        loss_mask: bool | None = None,
    ) -> None:
        self.shards = TokenShards.open(folder)
        self.shuffle, self.documents = shuffle, documents
        self.loss_mask = self.shards.masked if loss_mask is None else loss_mask
        if not len(self.shards):
            raise UserError(f"{folder}: it holds no sequence")
        self.trees = ReplyTrees.open(self.shards) if documents == "ancestors" else None

    def __len__(self) -> int:
        """Sequences of one epoch."""
        return len(self.shards)

    def sequence(self, positions: np.ndarray) -> np.ndarray:
        """Numbers of the sequences at these positions, int64; positions may lie in any epoch."""
        positions = np.asarray(positions, np.int64)
        if self.shuffle is None:
            return positions % len(self)
        from gristmill.kernels.epoch_order import shuffled
        from gristmill.mixtures.order import source_key

        return shuffled(positions, len(self), source_key(self.shuffle, self.shards.id))

    def __getitem__(self, position: int) -> dict[str, Any]:
        if not -len(self) <= position < len(self):
            raise IndexError(f"position {position} of {len(self)}")
        return self.__getitems__([position % len(self)])[0]

    def __getitems__(self, positions: Sequence[int]) -> list[dict[str, Any]]:
        """Several at once, as DataLoader asks for them; positions beyond len(self) lie in later epochs."""
        numbers = self.sequence(np.array(positions))
        ids = torch.from_numpy(self.shards.take(numbers).astype(np.int64))
        items: list[dict[str, Any]] = [{"input_ids": row} for row in ids]
        if self.documents or self.loss_mask:
            for item, number in zip(items, numbers.tolist(), strict=True):
                lengths, trained = self.shards.lengths(number)
                if self.documents == "positions":
                    firsts = np.repeat(np.cumsum(lengths, dtype=np.int64) - lengths, lengths)
                    item["position_ids"] = torch.from_numpy(np.arange(len(firsts)) - firsts)
                elif self.documents == "cu_seqlens":
                    item["document_lengths"] = torch.from_numpy(lengths.astype(np.int64))
                elif self.trees is not None:
                    runs = self.trees.runs(number)
                    item["attention_mask"] = torch.from_numpy(ancestors_mask(*runs))
                    item["position_ids"] = torch.from_numpy(ancestor_positions(*runs))
                if self.loss_mask:
                    item["loss_mask"] = torch.from_numpy(np.repeat(trained, lengths))
        return items

    def collate(self, items: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """A batch: (batch, length) tensors; with cu_seqlens (1, batch × length) and the bounds of the documents in it."""
        batch = {name: torch.stack([item[name] for item in items]) for name in items[0] if name != "document_lengths"}
        if self.documents == "cu_seqlens":
            lengths = torch.cat([item["document_lengths"] for item in items])
            batch = {name: values.reshape(1, -1) for name, values in batch.items()}
            batch["cu_seqlens"] = torch.nn.functional.pad(lengths.cumsum(0), (1, 0)).to(torch.int32)
            return {**batch, "max_seqlen": int(lengths.max())}
        return batch

    def stream(self, *, rank: int = 0, ranks: int = 1, epochs: int | None = None) -> TokenStream:
        """The iterable form, sample by sample, for a DataLoader of one's own."""
        return TokenStream(self, rank, ranks, epochs)

    def loader(
        self,
        batch_size: int,
        *,
        rank: int = 0,
        ranks: int = 1,
        workers: int = 0,
        epochs: int | None = None,
        **options: Any,
    ) -> TokenLoader:
        """Batches of one rank. epochs: None is endless. options: further ones of torch's DataLoader (pin_memory …)."""
        return TokenLoader(self, batch_size, rank, ranks, workers, epochs, options)

    def state(self, position: int) -> dict[str, Any]:
        """What `position_of` needs to find the place again; plain numbers and strings, the same on every rank."""
        return {
            "format": STATE,
            "data": self.shards.id,
            "sequences": len(self),
            "sequence_length": self.shards.length,
            "shuffle": self.shuffle,
            "position": position,
        }

    def position_of(self, state: dict[str, Any]) -> int:
        """Raises UserError when the state is of another data set or another shuffle."""
        if not isinstance(state, dict) or state.get("format") != STATE:
            raise UserError(f"not a state of token shards: {str(state)[:80]}", hint="give what state_dict() returned")
        own = self.state(0)
        different = [name for name in own if name != "position" and state.get(name) != own[name]]
        if different:
            told = "; ".join(f"{name} {state.get(name)!r}, here {own[name]!r}" for name in different)
            raise UserError(
                f"this state is of another data set than {self.shards.folder}: {told}",
                hint="open the folder and the shuffle it was saved with, or start at position 0",
            )
        return int(state["position"])


def check_rank(rank: int, ranks: int) -> None:
    if not 0 <= rank < ranks:
        raise UserError(f"rank {rank} of {ranks}", hint="ranks count from 0")


class TokenStream(IterableDataset):
    """Samples of one rank in order. DataLoader's workers take turns sample by sample: none is read twice or left out.

    `state_dict` counts what this object yielded, in this process: exact without workers, and with loaders that keep the state
    of each worker (torchdata's StatefulDataLoader). With workers in a plain DataLoader use `TokenDataset.loader`.
    """

    def __init__(self, data: TokenDataset, rank: int = 0, ranks: int = 1, epochs: int | None = None) -> None:
        check_rank(rank, ranks)
        self.data, self.rank, self.ranks, self.epochs = data, rank, ranks, epochs
        self._start = self._taken = 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        worker = get_worker_info()
        number, count = (worker.id, worker.num_workers) if worker else (0, 1)
        end = None if self.epochs is None else self.epochs * len(self.data)
        begun, self._taken = self._start, 0
        while True:
            step = number + count * self._taken
            position = begun + self.rank + self.ranks * step
            if end is not None and begun + self.ranks * (step + 1) > end:  # a whole round, so that ranks end together
                return
            (item,) = self.data.__getitems__([position])
            self._taken += 1
            yield item

    def state_dict(self) -> dict[str, Any]:
        return self.data.state(self._start + self.ranks * self._taken)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._start, self._taken = self.data.position_of(state), 0


class Steps:
    """Positions of one rank, a batch at a time: what DataLoader takes as batch_sampler."""

    def __init__(self, start: int, end: int | None, batch_size: int, rank: int, ranks: int) -> None:
        self.start, self.end, self.size, self.rank, self.ranks = start, end, batch_size, rank, ranks

    def __iter__(self) -> Iterator[list[int]]:
        position, step = self.start, self.size * self.ranks
        while self.end is None or position + step <= self.end:
            yield list(range(position + self.rank, position + step, self.ranks))
            position += step


class TokenLoader:
    """Batches of one rank, with workers, and a state that counts the batches the caller has been given.

    All ranks are to take the same number of steps, as in data-parallel training. The last batches of the last epoch that do
    not make a whole step are left out; between epochs nothing is.
    """

    def __init__(
        self,
        data: TokenDataset,
        batch_size: int,
        rank: int,
        ranks: int,
        workers: int,
        epochs: int | None,
        options: dict[str, Any],
    ) -> None:
        check_rank(rank, ranks)
        self.data, self.batch_size, self.rank, self.ranks = data, batch_size, rank, ranks
        self.workers, self.epochs, self.options = workers, epochs, options
        self.position = 0  # of the global order: where the next step begins

    def __iter__(self) -> Iterator[dict[str, Any]]:
        end = None if self.epochs is None else self.epochs * len(self.data)
        steps = Steps(self.position, end, self.batch_size, self.rank, self.ranks)
        options = {"collate_fn": self.data.collate} | self.options
        for batch in DataLoader(self.data, batch_sampler=steps, num_workers=self.workers, **options):
            self.position += self.batch_size * self.ranks
            yield batch

    def state_dict(self) -> dict[str, Any]:
        """The same on every rank that has taken as many steps."""
        return self.data.state(self.position)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there; number of ranks, batch size and workers may be others. Takes effect with the next `iter`.

        Raises UserError when the state is of another data set or another shuffle.
        """
        self.position = self.data.position_of(state)
