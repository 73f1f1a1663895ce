r"""Text from a bigram: drawn token by token, set beside real words, and blind to all but the last token.

.. math:: x_{t+1} \sim p(\cdot \mid x_t)

Arrays of the steps: ``ids`` drawn and their ``probabilities``, (S,); ``shares`` in percent, drawn and real, of words of
several lengths, (lengths, 2); ``model``, (contexts, V), and ``text``, (contexts, V): what follows two contexts that
end in the same token, for the model and in the training text.

Source: Shannon 1948, section 3 (text drawn from pairs of letters).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Sequence
from itertools import combinations, groupby, zip_longest

import numpy as np
import torch
from torch import Generator

from olaria.i18n import N_, Message, Number
from olaria.lessons.base import Array, Check, Step
from olaria.lessons.bigram.counts import Ids, Opened, softmax_rows
from olaria.lessons.figures import Bars, NextToken, Table, Tokens, Words
from olaria.lessons.texts import labels_of, spelt, visible
from olaria.sampling.autoregressive import SamplingConfig, generate

DRAWN_TOKENS = 60
NUM_TEXTS = 32
TEXT_TOKENS = 60
LEAST_WORDS = 20
LONG = 5
LENGTHS = ((1, 2), (3, 4), (5, 6), (7, 99))
"""Letters of a word, from and to."""
SHOWN_WORDS = 10
CONTEXT = 8
SHOWN_NEXT = 8
SEARCHED_TOKENS = 32
LEAST_TIMES = 50
"""That a context of two tokens comes in the training text, before it is asked what follows."""

_LENGTH_WORDS = (
    N_("1 or 2 letters"),
    N_("3 or 4 letters"),
    N_("5 or 6 letters"),
    N_("7 letters or more"),
)


def draw_step(run: Opened, seed: int) -> Step:
    """The sentence goes on, a token at a time, each with its probability."""
    prompt = run.sentence.ids[None]
    drawn = generate(
        run.model, prompt, SamplingConfig(max_tokens=DRAWN_TOKENS), Generator().manual_seed(seed)
    )
    ids = torch.cat(list(drawn))
    read = torch.cat((run.sentence.ids[-1:], ids))
    with torch.no_grad():
        logits = run.model(read[None, :-1])[0]
    p = logits.softmax(-1).gather(1, ids[:, None])[:, 0].numpy()
    again = softmax_rows(run, read[:-1].numpy())[np.arange(len(ids)), ids.numpy()]
    everyone = torch.arange(run.vocab_size)
    last = visible(run.sentence.tokens[-1])
    mean = float(np.exp(np.log(p).mean()))
    return Step(
        Message(N_("Drawing a text")),
        Message(
            N_(
                "The sentence ends in “{last}”, and that alone decides: the next token is drawn from its row, the one "
                "after from the row of what was drawn. The {count} tokens drawn here had a probability of {mean} in "
                "the mean (geometric), as sure as a choice among {choices} equal ones."
            ),
            {
                "last": last,
                "count": len(ids),
                "mean": Number(mean, 3),
                "choices": Number(1 / mean, 1),
            },
        ),
        r"x_{t+1} \sim p(\cdot \,|\, x_t)",
        (
            NextToken(
                Message(N_("What may follow “{last}”."), {"last": last}),
                spelt(run.tokenizer, everyone),
                logits[0].numpy(),
            ),
            Tokens(
                Message(
                    N_("What was drawn after the sentence; the colour is each token's probability.")
                ),
                spelt(run.tokenizer, ids),
                p,
            ),
        ),
        {"ids": ids.numpy(), "probabilities": p},
        (generate,),
        (
            Check(
                Message(N_("the logits of what follows are the row of the table, as it is stored")),
                logits[0].numpy(),
                run.model.state_dict()["table.weight"].numpy()[int(read[0])],
            ),
            Check(
                Message(N_("the probabilities of what was drawn, from the raw logits in float64")),
                p,
                again,
            ),
        ),
        "Shannon 1948, section 3",
    )


# -- can it spell? -------------------------------------------------------------------------------------


def words_of(text: str) -> list[str]:
    """Runs of letters, without the first and the last, which may be cut.

    >>> words_of("ab, cd e-f")
    ['cd', 'e']
    """
    apart = {ord(character): " " for character in set(text) if not character.isalpha()}
    return text.translate(apart).split()[1:-1]


def shares_known(words: Sequence[str], known: Collection[str]) -> Array:
    """Percentage of words that are known: all, those of each of :data:`LENGTHS`, and the long ones; NaN of none."""
    groups = [words, *([word for word in words if a <= len(word) <= b] for a, b in LENGTHS)]
    groups.append([word for word in words if len(word) >= LONG])
    shares = [sum(word in known for word in group) / (len(group) or math.nan) for group in groups]
    return 100 * np.array(shares)


def spelling_step(run: Opened, seed: int) -> tuple[Step, ...]:
    """How many drawn words are words of the training text, beside real ones of another text.

    Nothing where words are tokens, or where there are too few of them.
    """
    known = set(words_of(run.train))
    begin = torch.full((NUM_TEXTS, 1), int(run.frequent(1)[0]))
    generator = Generator().manual_seed(seed)
    columns = generate(run.model, begin, SamplingConfig(max_tokens=TEXT_TOKENS), generator)
    texts = [run.tokenizer.decode(row) for row in torch.stack(list(columns), 1)]
    drawn = [word for text in texts for word in words_of(text)]
    real = words_of(run.validation)
    if run.tokenizer.kind == "word" or min(len(drawn), len(real)) < LEAST_WORDS:
        return ()
    shares = np.stack([shares_known(words, known) for words in (drawn, real)], 1)
    lengths = [i for i in range(len(LENGTHS)) if np.isfinite(shares[1 + i]).all()]
    shown = shares[[0, *(1 + i for i in lengths)]]
    labels = (
        Message(N_("all words")),
        *(Message(_LENGTH_WORDS[i]) for i in lengths),
    )
    step = Step(
        Message(N_("Can it spell?")),
        _spelling_words(shares, len(drawn)),
        "",
        (
            Bars(
                Message(N_("Words that come in the training text, by their number of letters.")),
                labels,
                (
                    (Message(N_("drawn")), shown[:, 0]),
                    (Message(N_("of the validation text")), shown[:, 1]),
                ),
                "%",
            ),
            _examples(drawn, known),
        ),
        {"shares": shown},
        (words_of, shares_known),
        (
            Check(
                Message(
                    N_("the shares, words cut letter by letter and looked up in a sorted list")
                ),
                shown,
                _shares_again(texts, run.validation, sorted(known))[[0, *(1 + i for i in lengths)]],
            ),
        ),
    )
    return (step,)


def _spelling_words(shares: Array, count: int) -> Message:
    (drawn, real), (long, long_real) = shares[0], shares[-1]
    fields = {
        "share": Number(float(drawn), 0),
        "count": count,
        "real": Number(float(real), 0),
        "letters": LONG,
        "long": Number(float(long), 0),
        "long_real": Number(float(long_real), 0),
    }
    if drawn >= real:
        text = N_(
            "{share} % of {count} drawn words come in the training text, and {real} % of the words of the validation "
            "text do: on this text the bigram spells as well as its model. Its tokens leave it little to get wrong."
        )
    elif math.isfinite(long + long_real):
        text = N_(
            "Only {share} % of {count} drawn words come in the training text, but {real} % of the words of the "
            "validation text do. Short words are soon right by chance; of those with {letters} letters or more it is "
            "{long} % against {long_real} %. Who spells a word must remember how it began, and a bigram remembers one "
            "token."
        )
    else:
        text = N_(
            "Only {share} % of {count} drawn words come in the training text, but {real} % of the words of the "
            "validation text do. Who spells a word must remember how it began, and a bigram remembers one token."
        )
    return Message(text, fields)


def _examples(drawn: Sequence[str], known: Collection[str]) -> Table:
    different = list(dict.fromkeys(drawn))
    right = [word for word in different if word in known][:SHOWN_WORDS]
    wrong = [word for word in different if word not in known][:SHOWN_WORDS]
    return Table(
        Message(N_("The first different words that were drawn.")),
        (Message(N_("in the training text")), Message(N_("not in the training text"))),
        tuple(zip_longest(right, wrong, fillvalue="")),
    )


def _shares_again(texts: Sequence[str], validation: str, ordered: Sequence[str]) -> Array:
    def is_known(word: str) -> bool:
        place = bisect_left(ordered, word)
        return place < len(ordered) and ordered[place] == word

    def cut(text: str) -> list[str]:
        return ["".join(run) for is_word, run in groupby(text, str.isalpha) if is_word][1:-1]

    columns = []
    for words in ([word for text in texts for word in cut(text)], cut(validation)):
        found = [(len(word), is_known(word)) for word in words]
        groups = [found, *([f for f in found if a <= f[0] <= b] for a, b in LENGTHS)]
        columns.append(
            [100 * sum(f[1] for f in group) / (len(group) or math.nan) for group in groups]
        )
    return np.array(columns).T


# -- what it forgets -----------------------------------------------------------------------------------


def two_pasts(run: Opened) -> tuple[Ids, Ids] | None:
    """Two contexts that end in the same token after different ones, after which the training text differs the most.

    They are of the sentence, else of the beginning of the validation text, else of the training text; None where there
    are none that the training text has often enough.
    """
    counts = run.counts
    for source in (run.sentence.ids.numpy(), run.validation_counts.ids, counts.ids):
        ids = source[:SEARCHED_TOKENS]
        pairs, places = np.unique(np.stack((ids[1:], ids[:-1])), axis=1, return_index=True)
        is_known = counts.of(pairs[1], pairs[0]) >= LEAST_TIMES
        times = np.bincount(pairs[0][is_known], minlength=run.vocab_size)
        is_asked = is_known & (times[pairs[0]] > 1)
        ends = [ids[max(0, place + 2 - CONTEXT) : place + 2] for place in places[is_asked]]
        shares = [following(counts.ids, context, run.vocab_size) for context in ends]
        apart = [
            (float(np.minimum(shares[i], shares[j]).sum()), i, j)
            for i, j in combinations(range(len(ends)), 2)
            if ends[i][-1] == ends[j][-1]
        ]
        if apart:
            _, i, j = min(apart)
            return ends[i], ends[j]
    return None


def memory_step(run: Opened) -> tuple[Step, ...]:
    """Two different pasts with the same last token give one answer; none where there are no two."""
    contexts = two_pasts(run)
    if contexts is None:
        return ()
    with torch.no_grad():
        logits = [run.model(torch.from_numpy(ids)[None])[0, -1] for ids in contexts]
    model = torch.stack(logits).softmax(-1).numpy()
    text = np.stack([following(run.counts.ids, ids, run.vocab_size) for ids in contexts])
    pasts = [visible(run.tokenizer.decode(ids)) for ids in contexts]
    ends = [visible(run.tokenizer.decode(ids[-2:])) for ids in contexts]
    raw = softmax_rows(run, contexts[0][-1:])[0]
    again = [_following_again(run, ids) for ids in contexts]
    step = Step(
        Message(N_("Two pasts, one answer")),
        Message(
            N_(
                "“{one}” and “{other}” end in the same token, so the run gives both the same probabilities: of all "
                "{vocab} none differs by more than {apart}. In the training text it is not so: of what follows "
                "“{first}” and “{second}”, the two pairs here that differ the most, only {common} % overlap. To know "
                "that, a model must look further back."
            ),
            {
                "one": pasts[0],
                "other": pasts[1],
                "vocab": run.vocab_size,
                "apart": Number(float(np.abs(model[0] - model[1]).max())),
                "first": ends[0],
                "second": ends[1],
                "common": Number(100 * float(np.minimum(text[0], text[1]).sum()), 0),
            },
        ),
        r"p(x_t \,|\, x_1, \ldots, x_{t-1}) = p(x_t \,|\, x_{t-1})",
        _memory_figures(run, model, text, pasts, ends),
        {"model": model, "text": text},
        (type(run.model).forward, following),
        (
            Check(
                Message(N_("what the model says after one past is what it says after the other")),
                model[0],
                model[1],
            ),
            Check(
                Message(N_("what it says, from the raw logits in float64")),
                model,
                np.stack([raw, raw]),
            ),
            Check(
                Message(N_("what follows in the text, with a loop over its tokens")), text, again
            ),
        ),
    )
    return (step,)


def _memory_figures(
    run: Opened, model: Array, text: Array, pasts: Sequence[str], ends: Sequence[str]
) -> tuple[Table, Bars]:
    order = np.argsort(-text.sum(0), kind="stable")[:SHOWN_NEXT]
    names = labels_of(spelt(run.tokenizer, torch.from_numpy(order)))
    heads = (
        Message(N_("next token")),
        *(Message(N_("model, after “{context}”"), {"context": past}) for past in pasts),
        *(Message(N_("text, after “{context}”"), {"context": end}) for end in ends),
    )
    rows = list[tuple[Words | float | int, ...]]()
    for name, i in zip(names, order, strict=True):
        rows.append((name, *(float(table[i]) for table in (*model, *text))))
    series = tuple(
        (Message(N_("after “{context}”"), {"context": end}), row[order])
        for end, row in zip(ends, text, strict=True)
    )
    return (
        Table(
            Message(N_("Probabilities of the next token; the model's two columns are one.")),
            heads,
            tuple(rows),
            3,
            (1, 2),
        ),
        Bars(
            Message(N_("What follows in the training text, looking back at two tokens.")),
            names,
            series,
            Message(N_("probability")),
        ),
    )


def following(ids: Ids, context: Ids, vocab_size: int) -> Array:
    """Which part of what follows the last two tokens of a context each token is, in a text, (V,)."""
    before, last = context[-2:]
    is_there = (ids[:-2] == before) & (ids[1:-1] == last)
    times = np.bincount(ids[2:][is_there], minlength=vocab_size)
    shares: Array = times / max(1, int(times.sum()))
    return shares


def _following_again(run: Opened, context: Ids) -> Array:
    before, last = context[-2:].tolist()
    ids = run.counts.ids
    # What follows the last token, in the order of the text, beside what stands before each place of it.
    places = np.flatnonzero(ids[:-1] == last).tolist()
    nexts = zip(places, run.followed[last].tolist(), strict=True)
    text = ids.tolist()
    times = Counter(after for place, after in nexts if place and text[place - 1] == before)
    total = max(1, sum(times.values()))
    return np.array([times[token] / total for token in range(run.vocab_size)])
