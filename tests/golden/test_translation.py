"""The encoder–decoder beside PyTorch's fused attention, beam search beside trying everything, and the scores."""

from __future__ import annotations

import itertools
import math
import sys

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from olaria.evaluation.translation import corpus_scores
from olaria.families.translation import TranslationConfig
from olaria.models.translation import SelfAttention, Specials, Translation
from olaria.sampling.translation import DecodingConfig, beam_search, length_factor
from olaria.training.randomness import seeded

VOCAB = 3
SPECIALS = Specials(VOCAB)


def model(seed: int = 0, context: int = 6) -> Translation:
    with seeded(seed, "weights"):
        made = Translation(
            TranslationConfig(context=context, num_layers=2, num_heads=2, width=8), VOCAB
        )
        for parameter in made.parameters():
            nn.init.normal_(parameter, std=0.5)
    return made.eval().requires_grad_(False)


# -- the network -----------------------------------------------------------------------------------


def unit(x: Tensor) -> Tensor:
    """Root mean square 1, from its definition."""
    return x / (x.square().mean(-1, keepdim=True) + torch.finfo(x.dtype).eps).sqrt()


def fused(q: Tensor, k: Tensor, v: Tensor, **how: object) -> Tensor:
    """(B, T, width) through ``scaled_dot_product_attention`` with two heads."""
    q, k, v = (x.unflatten(2, (2, 4)).transpose(1, 2) for x in (q, k, v))
    out: Tensor = F.scaled_dot_product_attention(unit(q), unit(k), v, **how)  # type: ignore[arg-type]
    return out.transpose(1, 2).flatten(2)


def reference(made: Translation, source: Tensor, target: Tensor) -> Tensor:
    """Logits by PyTorch's own attention, with a boolean mask for padding and its own causal one."""
    weights = made.state_dict()
    is_token = (source != SPECIALS.pad)[:, None, None, :]

    def linear(x: Tensor, name: str) -> Tensor:
        return x @ weights[f"{name}.weight"].T

    def self_attention(x: Tensor, block: str, **how: object) -> Tensor:
        q, k, v = linear(unit(x), f"{block}.self_attention.qkv").chunk(3, 2)
        return x + linear(fused(q, k, v, **how), f"{block}.self_attention.out")

    def feed_forward(x: Tensor, block: str) -> Tensor:
        hidden = linear(unit(x), f"{block}.feed_forward.feed_in").clamp(min=0) ** 2
        return x + linear(hidden, f"{block}.feed_forward.feed_out")

    def embedded(tokens: Tensor) -> Tensor:
        return unit(weights["embedding.weight"][tokens]) + made.positions[: tokens.shape[1]]

    x = embedded(source)
    for layer in range(2):
        x = self_attention(x, f"encoder.{layer}", attn_mask=is_token)
        x = feed_forward(x, f"encoder.{layer}")
    encoded = unit(x)
    y = embedded(target)
    for layer in range(2):
        block = f"decoder.{layer}"
        y = self_attention(y, block, is_causal=True)
        k, v = linear(encoded, f"{block}.cross_attention.kv").chunk(2, 2)
        q = linear(unit(y), f"{block}.cross_attention.q")
        y = y + linear(fused(q, k, v, attn_mask=is_token), f"{block}.cross_attention.out")
        y = feed_forward(y, block)
    return linear(unit(y), "head")


def test_the_whole_network_equals_one_of_pytorchs_attention() -> None:
    made = model()
    source = SPECIALS.sources([torch.tensor([0, 1, 2, 1]), torch.tensor([2])])
    target = SPECIALS.targets([torch.tensor([1, 2]), torch.tensor([0, 0, 1])])
    found, expected = made(source, target), reference(made, source, target)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_self_attention_equals_pytorchs_multi_head_attention_but_for_the_norms(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("olaria.models.translation.norm", lambda x: x)
    ours = SelfAttention(8, 2).requires_grad_(False)
    theirs = nn.MultiheadAttention(8, 2, bias=False, batch_first=True).requires_grad_(False)
    assert theirs.in_proj_weight is not None
    theirs.in_proj_weight.copy_(ours.qkv.weight)
    theirs.out_proj.weight.copy_(ours.out.weight)
    x = torch.linspace(-2, 2, 2 * 5 * 8).sin().view(2, 5, 8)
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    expected, _ = theirs(x, x, x, attn_mask=mask, need_weights=False)
    torch.testing.assert_close(ours(x, mask)[0], expected, rtol=1e-4, atol=1e-5)


# -- beam search -----------------------------------------------------------------------------------


def best_of_all(
    made: Translation, source: Tensor, longest: int, alpha: float
) -> tuple[float, list[int]]:
    """The best score among every sequence of up to ``longest`` tokens, its end included."""
    scored = []
    for length in range(longest):
        for ids in itertools.product(range(VOCAB), repeat=length):
            target = SPECIALS.targets([torch.tensor(ids, dtype=torch.int64)])
            log_probs = made(source, target[:, :-1]).log_softmax(-1)
            total = log_probs.gather(2, target[:, 1:, None]).sum().item()
            scored.append((total / length_factor(length + 1, alpha), list(ids)))
    return max(scored)


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.5])
@pytest.mark.parametrize("seed", range(3))
def test_a_beam_that_holds_everything_finds_the_best_of_all(seed: int, alpha: float) -> None:
    made = model(seed)
    sources = [torch.tensor([0, 1, 2]), torch.tensor([2])]
    config = DecodingConfig(beam=40, length_penalty=alpha)  # 1 + 3 + 9 + 27 sequences of ≤ 4 tokens
    found = beam_search(made, SPECIALS.sources(sources), config, max_tokens=4)
    for hypothesis, source in zip(found, sources, strict=True):
        score, ids = best_of_all(made, SPECIALS.sources([source]), 4, alpha)
        assert hypothesis.ids.tolist() == ids
        assert hypothesis.score == pytest.approx(score, rel=1e-4)


def test_the_length_factor_of_wu_et_al() -> None:
    assert length_factor(1, 0.2) == 1
    assert length_factor(13, 0.5) == pytest.approx(math.sqrt(3))
    assert length_factor(9, 0.0) == 1


# -- scores ----------------------------------------------------------------------------------------


def test_scores_are_sacrebleus_own() -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    outputs = ["the cat sees a dog .", "a girl sings in silence", "the bee"]
    references = [["the cat saw a dog .", "a cat sees a dog ."], ["a girl sings"], ["the bee"]]
    scores, reasons, accounts = corpus_scores(outputs, references)
    streams = [[own[0] for own in references], [references[0][1], None, None]]
    assert not reasons
    assert scores["bleu"] == sacrebleu.corpus_bleu(outputs, streams, force=True).score
    assert scores["chrf"] == sacrebleu.corpus_chrf(outputs, streams).score
    assert accounts["sacrebleu"] == sacrebleu.__version__
    perfect, _, _ = corpus_scores(outputs, [[output] for output in outputs])
    assert perfect == {"bleu": pytest.approx(100), "chrf": pytest.approx(100)}


def test_bleu_of_papineni_by_hand() -> None:
    """One sentence, 6 words: precisions 5/6, 3/5, 2/4, 1/3, no brevity penalty."""
    pytest.importorskip("sacrebleu")
    scores, _, _ = corpus_scores(["the cat sat on a mat"], [["the cat sat on the mat"]])
    assert scores["bleu"] == pytest.approx(100 * (5 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** 0.25)


def test_without_sacrebleu_the_scores_are_null_with_a_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("sacrebleu", "sacrebleu.metrics", "sacrebleu.metrics.bleu"):
        monkeypatch.setitem(sys.modules, name, None)
    scores, reasons, accounts = corpus_scores(["a"], [["a"]])
    assert scores == {"bleu": None, "chrf": None} and accounts == {}
    assert set(reasons) == {"bleu", "chrf"}
