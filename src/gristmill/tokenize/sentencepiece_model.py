"""A SentencePiece .model: reading one, and training one as LLaMA's was."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import numpy as np

from gristmill.errors import UserError
from gristmill.tokenize.tokenizer_file import flatten, in_bytes, missing_package, starts_of

_SPACE = "▁"
UNKNOWN, BEGIN, END = "<unk>", "<s>", "</s>"
SENTENCE_BYTES = 4192  # longer ones are skipped by the trainer


class SentencePieceModel:
    """Control symbols (<s>, </s>) spelt out in a text are plain text, as sentencepiece has it."""

    package = "sentencepiece"

    def __init__(self, content: bytes) -> None:
        try:
            from sentencepiece import SentencePieceProcessor
        except ImportError as error:
            raise missing_package("sentencepiece", error) from error
        try:
            self._model = SentencePieceProcessor(model_proto=content)
        except Exception as error:
            raise UserError(
                f"not a sentencepiece model: {error}", hint="give the .model file it was saved as"
            ) from error
        self.content = content
        self.vocabulary = self._model.vocab_size()
        self.special = {
            self._model.id_to_piece(number): number
            for number in range(self.vocabulary)
            if self._model.is_control(number) or self._model.is_unknown(number)
        }
        begin, end = (
            self._model.id_to_piece(number) if number >= 0 else None
            for number in (self._model.bos_id(), self._model.eos_id())
        )
        self.ends: tuple[str | None, str | None] = (begin, end)
        # every text is begun with a space by most models; then a text cut at a space goes on without it
        joined = self._model.encode("a") + self._model.encode("b")
        self.space_begins_piece: bool | None = True if self._model.encode("a b") == joined else None

    def encode(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        return flatten(self._model.encode(texts, num_threads=1))

    def spans(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        try:
            found = self._model.encode(text, out_type="offset_mapping")["offsets"]
        except (RuntimeError, ValueError):  # sentencepiece before 0.2.2
            proto = self._model.encode(text, out_type="immutable_proto")  # type: ignore[arg-type]
            found = [(piece.begin, piece.end) for piece in proto.pieces]
        return in_bytes(text, found)

    def decode(self, ids: list[int]) -> str:
        return self._model.decode(ids)

    def starts(self, text: str, ids: np.ndarray) -> np.ndarray | None:
        """Nothing for models that change the text, beyond the space they put before it."""
        lengths = [self._bytes(number) for number in ids.tolist()]
        size = len(text.encode())
        if sum(lengths) == size + 1 and self._model.id_to_piece(int(ids[0])).startswith(_SPACE):
            lengths[0] -= 1
        return starts_of(lengths, text)

    def _bytes(self, number: int) -> int:
        piece = self._model.id_to_piece(number)
        return 1 if self._model.is_byte(number) else len(piece.replace(_SPACE, " ").encode())

    def token_id(self, token: str) -> int | None:
        number = self._model.piece_to_id(token)
        return number if self._model.id_to_piece(number) == token else None


def train_sentencepiece(texts: Iterator[list[str]], vocabulary: int, special: tuple[str, ...]) -> bytes:
    """A BPE model as LLaMA's: byte fallback, every digit alone, nothing normalised, spaces kept.

    Flags as in the trainer specification inside LLaMA's published tokenizer.model, as far as remembered [C].

    Raises UserError when the text does not come to that many entries.
    """
    try:
        from sentencepiece import SentencePieceTrainer
    except ImportError as error:
        raise missing_package("sentencepiece", error) from error
    model = io.BytesIO()
    try:
        SentencePieceTrainer.train(
            sentence_iterator=(sentence for group in texts for text in group for sentence in sentences(text)),
            model_writer=model,
            model_type="bpe",
            vocab_size=vocabulary,
            character_coverage=0.99995,
            byte_fallback=True,
            split_digits=True,
            allow_whitespace_only_pieces=True,
            normalization_rule_name="identity",
            remove_extra_whitespaces=False,
            max_sentence_length=SENTENCE_BYTES,
            control_symbols=[token for token in special if token not in (UNKNOWN, BEGIN, END)],
            unk_id=0,
            bos_id=1,
            eos_id=2,
            pad_id=-1,
            num_threads=1,
            minloglevel=2,
        )
    except RuntimeError as error:
        most = re.search(r"value <= (\d+)", str(error))
        raise UserError(
            f"tokenize.train: sentencepiece cannot train {vocabulary:,} entries on this sample: {error}",
            hint=f"set tokenize.train.vocabulary to {most[1]} or less, or give it more text"
            if most
            else "give it more text, or another vocabulary",
        ) from error
    return model.getvalue()


def sentences(text: str) -> Iterator[str]:
    """The lines of a text, long ones in parts that the trainer does not skip."""
    for line in text.split("\n"):
        if len(line) * 4 < SENTENCE_BYTES or len(line.encode()) < SENTENCE_BYTES:
            if line:
                yield line
            continue
        start = 0
        while start < len(line):
            end = start + SENTENCE_BYTES // 4 - 1
            space = line.rfind(" ", start + 1, end)
            end = space if space > start and end < len(line) else end
            yield line[start:end]
            start = end
