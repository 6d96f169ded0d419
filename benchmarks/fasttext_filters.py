"""Documents a second of language identification and of a quality classifier, beside plain calls of fastText's `predict`.

    python benchmarks/fasttext_filters.py [--data FOLDER]

One core, CPU time, best of several runs. The classifier is trained here, with DCLM's features, on half of the pages.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.measure import cpu_seconds, data_folder
from tests.filters.english_pages import page_texts

from gristmill.dataset import Batch
from gristmill.filters.classifier import Classifier, prepared
from gristmill.filters.fasttext_model import load_model
from gristmill.filters.language import Language, bundled_model
from gristmill.kernels.text import Texts


def main() -> None:
    import fasttext_new

    data = data_folder(__doc__)
    pages = [text for text in page_texts(data) if 500 < len(text) < 20_000]
    texts = Texts.from_strings(pages)
    print(f"{len(pages)} English pages, {len(texts.data) / len(pages) / 1000:.1f} KB of text each")

    def show(name: str, seconds: float) -> float:
        print(f"{name:52} {len(pages) / seconds:9,.0f} documents/s")
        return len(pages) / seconds

    def compare(name: str, ours: Callable[[], object], plain: Callable[[], object]) -> None:
        rate = show(name, cpu_seconds(ours))
        print(f"ratio {rate / show('plain predict, one text after the other', cpu_seconds(plain)):.2f}\n")

    batch = Batch(0, len(pages), texts)
    lines = [page.replace("\n", " ") for page in pages]
    model = load_model(bundled_model())
    for stage in (Language(), Language(alternatives=3), Language(judge="lines"), Language(max_bytes=2000)):
        settings = ", ".join(f"{key}={value}" for key, value in stage.model_dump(exclude_defaults=True).items())
        compare(f"language {settings}".strip(), lambda: stage.signals(batch), lambda: [model.predict(x) for x in lines])  # noqa: B023

    with tempfile.TemporaryDirectory() as folder:
        train = Path(folder, "train.txt")
        examples = [f"__label__{'hq' if n % 4 else 'cc'} {prepared(page)}" for n, page in enumerate(pages) if n % 2]
        train.write_text("\n".join(examples) + "\n")
        quality = fasttext_new.train_supervised(str(train), wordNgrams=2, bucket=200_000, epoch=1, thread=1, verbose=0)
        quality.save_model(f"{folder}/model.bin")
        classifier = Classifier(model=f"{folder}/model.bin", keep="all")
        joined = [prepared(page) for page in pages]
        expected = np.array([quality.predict(line, k=2)[0][0] == "__label__hq" for line in joined])
        assert ((np.asarray(classifier.signals(batch)["score"]) > 0.5) == expected).all()
        compare("classifier", lambda: classifier.signals(batch), lambda: [quality.predict(line) for line in joined])


if __name__ == "__main__":
    main()
