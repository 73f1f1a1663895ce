"""Byte-pair encoding here beside the ``tokenizers`` library: same merges and tokens, and how long each takes.

    python benchmarks/tokenizer.py TEXT.txt [--vocab-size 512] [--rounds 3]

Both learn from the whole text and encode it, in turns in one process; medians of the rounds.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from olaria.data.bpe import BPETokenizer, train_bpe


def library_train(text: str, vocab_size: int) -> Any:
    """The library's tokenizer of the same kind."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=2,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    made.train_from_iterator([text], trainer)
    return made


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and the result."""
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def main() -> None:
    """Print the two times of each task and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", type=Path)
    parser.add_argument("--vocab-size", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    text = options.text.read_text(encoding="utf-8")
    seconds: dict[str, list[tuple[float, float]]] = {"learn": [], "encode": []}
    for _ in range(options.rounds):
        ours_s, ours = timed(lambda: train_bpe(text, options.vocab_size))
        theirs_s, theirs = timed(lambda: library_train(text, options.vocab_size))
        seconds["learn"].append((ours_s, theirs_s))
        check(ours, theirs)
        ours_s, ids = timed(lambda ours=ours: ours.encode(text))
        theirs_s, encoded = timed(lambda theirs=theirs: theirs.encode(text))
        seconds["encode"].append((ours_s, theirs_s))
        assert ids.tolist() == encoded.ids, "the encodings differ"
    print(f"{len(text):,} characters, {ours.vocab_size} tokens, {len(ids):,} after encoding; equal")
    for task, pairs in seconds.items():
        here, there = (median(column) for column in zip(*pairs, strict=True))
        print(f"{task}: {here:.2f} s here, {there:.2f} s tokenizers: {there / here:.2f} times")


def check(ours: BPETokenizer, theirs: Any) -> None:
    """Both learnt the same merges."""
    merges = json.loads(theirs.to_str())["model"]["merges"]
    assert [list(pair) for pair in ours.merges] == [list(pair) for pair in merges]


if __name__ == "__main__":
    main()
