"""The grammar's exact numbers, each by two ways."""

from __future__ import annotations

import math

import pytest
import torch

from olaria.data import TextData, load
from olaria.data.toy_language import LANGUAGES, ToyLanguage
from olaria.errors import DataError


@pytest.fixture(scope="module")
def grammar() -> ToyLanguage:
    return ToyLanguage()


def test_probabilities_sum_to_one_and_no_line_is_ambiguous(grammar: ToyLanguage) -> None:
    derivations = grammar.derivations()
    assert math.fsum(math.exp(d.log_prob) for d in derivations) == pytest.approx(1, abs=1e-12)
    lines = {d.text(language) for d in derivations for language in LANGUAGES}
    assert len(lines) == len(LANGUAGES) * len(derivations)


def test_entropy_equals_the_enumerated_one(grammar: ToyLanguage) -> None:
    assert grammar.entropy == pytest.approx(grammar.entropy_by_enumeration(), rel=1e-10)


def test_log_prob_by_parsing_equals_the_derivations_own(grammar: ToyLanguage) -> None:
    for derivation in grammar.derivations()[::997]:
        for language in LANGUAGES:
            expected = derivation.log_prob - math.log(2)
            assert grammar.line_log_prob(derivation.text(language)) == pytest.approx(expected)


def test_mean_surprise_of_samples_is_the_entropy(grammar: ToyLanguage) -> None:
    lines = grammar.sample(10_000, torch.Generator().manual_seed(1))
    surprise = torch.tensor([-grammar.line_log_prob(line) for line in lines], dtype=torch.float64)
    standard_error = float(surprise.std()) / math.sqrt(len(lines))
    assert abs(float(surprise.mean()) - grammar.entropy) < 4 * standard_error
    lengths = torch.tensor([len(line) + 1.0 for line in lines], dtype=torch.float64)
    error = float(lengths.std()) / math.sqrt(len(lines))
    assert abs(float(lengths.mean()) - grammar.mean_length) < 4 * error


def test_text_is_the_sum_of_its_lines(grammar: ToyLanguage) -> None:
    lines = grammar.sample(3, torch.Generator().manual_seed(2))
    text = "".join(line + "\n" for line in lines)
    expected = sum(grammar.line_log_prob(line) for line in lines)
    assert grammar.log_prob(text) == pytest.approx(expected)
    assert grammar.log_prob(text + "o gato pequenas dorme.\n") == -math.inf
    with pytest.raises(DataError):
        grammar.log_prob("")


def test_portuguese_agrees_and_translates(grammar: ToyLanguage) -> None:
    assert grammar.translate("as meninas sábias viram um gato.") == "the wise girls saw a cat."
    assert grammar.translate("the wise girls saw a cat.") == "as meninas sábias viram um gato."
    for wrong in (
        "as meninas sábios viram um gato.",
        "as meninas viu um gato.",
        "a menina ama.",
        "",
    ):
        assert grammar.parse(wrong) == []


def test_pairs_are_translations(grammar: ToyLanguage) -> None:
    for portuguese, english in grammar.sample_pairs(50, torch.Generator().manual_seed(3)):
        assert grammar.translate(portuguese) == english


def test_the_data_set_is_whole_lines_and_always_the_same() -> None:
    first, second = load("toy-language"), load("toy-language")
    assert isinstance(first, TextData)
    assert first.sha256 == second.sha256
    assert first.source == "generated"
    assert first.train.endswith(".\n")
    assert first.validation.endswith(".\n")
    assert 0.9 <= len(first.train) / len(first.text) < 0.901
    assert isinstance(first.known_entropy, ToyLanguage)
    assert first.known_entropy.log_prob(first.validation) > -math.inf
