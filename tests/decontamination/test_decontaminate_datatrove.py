"""Which documents datatrove's decontamination drops, and which ours does."""

from __future__ import annotations

import json
import lzma
import random

import numpy as np
import pytest

from gristmill.dataset import Batch
from gristmill.decontamination.evaluation_sets import EvaluationSet
from gristmill.decontamination.needles import NeedleReading, make_needles
from gristmill.decontamination.search import find_hits
from gristmill.kernels.text import Texts

pytest.importorskip("datatrove")
pytest.importorskip("spacy")


@pytest.mark.parametrize("with_questions", [False, True])
def test_the_same_documents_are_contaminated(tmp_path, real_data, with_questions, monkeypatch):
    """Texts without the contractions that spaCy splits, which make its n-grams shorter than ours."""
    from datatrove.data import Document
    from datatrove.pipeline.decont.n_grams import NGramsDecontConfig, NGramsDecontFilter, NGramsDecontIndexer

    path = real_data / "evalsets/gsm8k/grade_school_math/data/test.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()][:300]
    config = NGramsDecontConfig(find_query_ngrams=with_questions)

    monkeypatch.setattr(NGramsDecontIndexer, "_requires_dependencies", [])  # lighteval, for sets that it would download
    indexer = NGramsDecontIndexer(str(tmp_path), config=config)
    hashes = {value for row in rows for value in indexer.compute_hashes(row["answer"], row["question"])}
    np.array(sorted(hashes), config.hash_config.np_descr).tofile(tmp_path / "gsm8k.index.hashes")
    documents = planted(rows, real_data)
    theirs_filter = NGramsDecontFilter(str(tmp_path), config=config)
    theirs = [theirs_filter.filter(Document(text=text, id="")) is not True for text in documents]

    fields = {"fields": "question, answer"} if with_questions else {"fields": "answer", "context": "question"}
    needles = make_needles(
        {"gsm8k": EvaluationSet(files=str(path), **fields)},
        NeedleReading(folding="datatrove", n=12, least=12, across_fields=True),
    )
    keep = needles.place_rows[needles.first_place[:-1]] < 300
    hits = find_hits(Batch(0, len(documents), Texts.from_strings(documents)), needles)
    ours = np.isin(np.arange(len(documents)), hits.rows[keep[hits.needles]]).tolist()
    assert ours == theirs
    assert 20 < sum(theirs) < len(documents) - 20


def planted(rows, real_data):
    """Pages of a novel, into half of which goes a run of words from a question with its answer, long enough or just not."""
    chooser = random.Random(4)
    with lzma.open(real_data / "lmtext/eltec-en.jsonl.xz", "rt") as stream:
        novel = json.loads(next(stream))["text"].replace("'", " ").replace("’", " ")
    documents = []
    for number in range(160):
        text = novel[number * 1500 : (number + 1) * 1500]
        if number % 2:
            row = chooser.choice(rows)
            words = f"{row['question']} {row['answer']}".split()
            at = chooser.randrange(max(1, len(words) - 20))
            text += " " + " ".join(words[at : at + chooser.randint(8, 20)]) + " and so on."
        documents.append(text)
    return documents
