"""What ``olaria data stats`` tells of a text: its size, how predictable it is, and what suits it."""

from __future__ import annotations

import math
from typing import Any

from olaria.data import DataConfig, PairData, TextData
from olaria.data.base import lines_of
from olaria.data.decoding import lines_of_text
from olaria.data.statistics import Entropies, entropies
from olaria.data.tokenizer import Tokenizer, WordTokenizer
from olaria.data.toy_language import ToyLanguage
from olaria.i18n import N_, Message
from olaria.recipes.language import recommended
from olaria.runs.opening import tokenizer_of

_BITS = 1 / math.log(2)


def text_stats(data: TextData, options: DataConfig) -> dict[str, Any]:
    """Plain JSON values; entropies both in nats and in bits per character.

    They are plug-in estimates: frequencies taken for probabilities. What is seen once or never
    makes them too low, by about ``..._bias_nats_per_char`` (:func:`olaria.data.statistics.entropies`).

    Args:
        data: the text.
        options: which tokenizer to count with.
    """
    text = data.text
    measured = entropies(text)
    grammar = data.known_entropy
    known = grammar.entropy_per_char if isinstance(grammar, ToyLanguage) else None
    preset, advice = recommended(len(data.train))
    return {
        "num_chars": {"train": len(data.train), "validation": len(data.validation)},
        "size_bytes": len(text.encode("utf-8")),
        "num_documents": data.num_documents,
        "num_words": len(text.split()),
        "num_lines": len(lines_of_text(text)),
        "alphabet_size": len(set(text)),
        "alphabet": "".join(sorted(set(text))),
        "unseen_in_train": "".join(sorted(set(data.validation) - set(data.train))),
        **_entropies(measured),
        "known_entropy_nats_per_char": known,
        "tokenizer": _tokens(data, options),
        "recommended": {
            "preset": preset,
            "size": advice.size,
            "reason": advice.reason.to_json(),
        },
    }


def _entropies(measured: Entropies) -> dict[str, float]:
    return {
        "unigram_entropy_nats_per_char": measured.unigram_nats,
        "unigram_entropy_bits_per_char": measured.unigram_nats * _BITS,
        "unigram_entropy_bias_nats_per_char": measured.unigram_bias_nats,
        "bigram_entropy_nats_per_char": measured.bigram_nats,
        "bigram_entropy_bits_per_char": measured.bigram_nats * _BITS,
        "bigram_entropy_bias_nats_per_char": measured.bigram_bias_nats,
    }


def _tokens(data: TextData, options: DataConfig) -> dict[str, Any]:
    tokenizer = tokenizer_of(options, data)
    num_train = len(tokenizer.encode(data.train))
    num_validation = len(tokenizer.encode(data.validation))
    counts: dict[str, Any] = {
        "kind": tokenizer.kind,
        "vocab_size": tokenizer.vocab_size,
        "num_tokens": {"train": num_train, "validation": num_validation},
        "chars_per_token": len(data.text) / (num_train + num_validation),
    }
    if isinstance(tokenizer, WordTokenizer):
        words, spelt = tokenizer.count_spelt(data.validation)
        counts |= {"num_validation_words": words, "num_spelt_validation_words": spelt}
    return counts


def reading_notes(
    data: TextData | PairData, tokenizer: Tokenizer, options: DataConfig
) -> tuple[Message, ...]:
    """What a person should know of how texts were read and cut, before training on them."""
    notes = list(data.notes)
    if isinstance(tokenizer, WordTokenizer):
        held_out = data.validation
        words, spelt = tokenizer.count_spelt(
            held_out if isinstance(held_out, str) else lines_of(held_out)
        )
        message = N_(
            "{spelt} of {words} words to validate on {spelt:is|are} unknown: spelt letter by letter"
        )
        notes.append(Message(message, {"spelt": spelt, "words": words}))
    if options.vocab_size is not None and tokenizer.vocab_size < options.vocab_size:
        message = N_("the text gives {size} tokens, not {asked}: no other pair comes twice")
        notes.append(Message(message, {"size": tokenizer.vocab_size, "asked": options.vocab_size}))
    return tuple(notes)
