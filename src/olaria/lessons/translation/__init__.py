r"""An encoder–decoder translates a sentence: what it reads, what it writes, and whether the one depends on the other.

.. math:: p(y \mid x) = \prod_t p(y_t \mid y_{<t}, x)

Arrays of the steps, of S source tokens (the end included) and T written ones (the end included), L blocks of H heads:
``source`` and ``target``, ids, (S,) and (T + 1,); ``encoder`` (L, H, S, S), ``decoder`` (L, H, T, T) and ``cross``
(L, H, T, S), weights of attention; ``walks``, see :func:`walk_of`; ``probabilities`` (T, V + 1). Those of the last four
steps are in :mod:`olaria.lessons.translation.tried`.

Sources: Vaswani et al. 2017, section 3; Bahdanau et al. 2015 (alignment).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from olaria.i18n import N_, Message, Number
from olaria.lessons.base import Array, Asked, Check, Lesson, Step
from olaria.lessons.by_numpy.transformers import AGAIN, later
from olaria.lessons.figures import Bars, Choice, Control, Table, Tokens
from olaria.lessons.texts import visible
from olaria.lessons.translation.pair import (
    ACROSS,
    BOS,
    EOS,
    PAD,
    Maps,
    Reading,
    chosen_maps,
    head_name,
    map_choice,
    pooled,
    read,
    self_attention_weights,
)
from olaria.lessons.translation.tried import beams, exchanged, forced, hidden
from olaria.models.translation import Specials, Translation, padding_mask
from olaria.nn.attention import attention, causal_mask
from olaria.sampling.translation import greedy

SHOWN_CANDIDATES = 8
MOST_STEPS = 40
MOST_SELF_MAPS = 16
RULE = 0.5
"""Share of the tokens from which a map's largest weights are said to follow a rule."""
VASWANI = "Vaswani et al. 2017, Attention Is All You Need, section 3"


def _tokens(reading: Reading) -> Step:
    """The source as ids."""
    ids, vocab_size = reading.source[0].numpy(), reading.model.vocab_size
    known = (
        N_("This sentence is one of those that the run was trained on.")
        if reading.is_trained
        else N_("The run was not trained on this sentence.")
    )
    signs = (
        (EOS, vocab_size, Message(N_("ends every source and every target"))),
        (BOS, vocab_size + 1, Message(N_("what the decoder is given first; never written"))),
        (PAD, vocab_size + 2, Message(N_("fills a batch up; hidden from all attention"))),
    )
    return Step(
        Message(N_("From text to tokens")),
        Message(
            N_(
                "The source becomes {count} tokens of a vocabulary of {size}, and a sign for its end. Source and "
                "target share one vocabulary and one table of vectors; the three signs after it stand for no text. "
                "{known}"
            ),
            {"count": len(ids) - 1, "size": vocab_size, "known": Message(known)},
        ),
        r"x=(x_1,\ldots,x_S),\quad x_S=\mathrm{eos}",
        (
            Tokens(
                Message(N_("The source as the encoder gets it; point at a token for its number.")),
                reading.spelt(reading.source[0]),
                notes=tuple(str(i) for i in ids),
            ),
            Table(
                Message(N_("The three signs.")),
                (Message(N_("sign")), Message(N_("number")), Message(N_("use"))),
                signs,
            ),
        ),
        {"source": ids},
        (Specials.sources, Specials.targets),
        _same_bytes(reading),
        VASWANI,
    )


def _same_bytes(reading: Reading) -> tuple[Check, ...]:
    """The tokens' bytes beside the sentence's, unless characters of it were replaced or skipped."""
    found = reading.tokenizer.bytes_of(reading.source[0, :-1])
    if reading.text_of(reading.source[0]) != reading.text:
        return ()
    text = Message(N_("the tokens' bytes one after the other are the sentence's own"))
    given = reading.text.encode("utf-8")
    return (Check(text, np.frombuffer(found, np.uint8), np.frombuffer(given, np.uint8)),)


def _both_ways(reading: Reading) -> Step:
    """The encoder's self-attention beside the decoder's."""
    encoder, decoder = self_attention_weights(reading.model, reading.source, reading.target[:, :-1])
    ahead, back = (np.triu(weights, 1).sum(-1).mean(-1) for weights in (encoder, decoder))  # (L, H)
    layer, head = np.unravel_index(ahead.argmax(), ahead.shape)
    columns, given = reading.fine_columns, reading.given

    def maps(encoder: Array, decoder: Array) -> tuple[Maps, Maps]:
        both = chosen_maps(pooled(encoder, columns, columns), MOST_SELF_MAPS)
        names, values = chosen_maps(pooled(decoder, given, given), MOST_SELF_MAPS)
        return both, (names, np.where(later(len(given.names)), np.nan, values))

    shown = maps(encoder, decoder)
    again = reading.encoded(reading.source)[1], reading.decoded(reading.target, reading.states)[1]
    expected = maps(*again)
    titles = (Message(N_("looks")), Message(N_("is looked at")))
    return Step(
        Message(N_("The encoder reads both ways")),
        Message(
            N_(
                "In self-attention queries, keys and values are made of the same sequence. The encoder may look ahead: "
                "on this sentence it gives {ahead} of its weight to later tokens, most in {head}: {most}. The "
                "decoder's mask hides what is not yet written: its weight on later tokens is {none}."
            ),
            {
                "ahead": Number(float(ahead.mean()), 2),
                "most": Number(float(ahead.max()), 2),
                "head": head_name(int(layer), int(head)),
                "none": Number(float(back.max())),
            },
        ),
        r"A=\operatorname{softmax}\left(\frac{qk^\top}{\sqrt{D}}+M\right)",
        (
            map_choice(
                Message(N_("The encoder: each row sums to 1, and no cell is hidden.")),
                shown[0],
                columns,
                columns,
                titles,
            ),
            map_choice(
                Message(N_("The decoder, on what it wrote: the mask hides the empty cells.")),
                shown[1],
                given,
                given,
                titles,
            ),
        ),
        {"encoder": encoder, "decoder": decoder},
        (attention, padding_mask, causal_mask),
        tuple(Check(AGAIN, ours[1], other[1]) for ours, other in zip(shown, expected, strict=True)),
        VASWANI,
    )


def _writing(reading: Reading) -> Step:
    """Each written token with its candidates."""
    written = reading.target[0, 1:]
    with torch.no_grad():
        logits, _ = reading.model.decode(reading.target[:, :-1], reading.memory, [])
    probabilities = logits[0].double().softmax(-1)
    best, places = probabilities.topk(min(SHOWN_CANDIDATES, probabilities.shape[1]))
    own = np.exp(-reading.own_nats)
    again = np.exp(reading.decoded(reading.target, reading.states)[0])
    tokens, least = reading.spelt(written), int(own.argmin())
    text = (
        N_(
            "The decoder is given {bos} and writes the likeliest token, is given that too, and so on: {count} tokens, "
            "the last of them the end. All together they cost {nats} nats, the negative logarithm of their "
            "probability. It was least sure of token {place}, “{token}”, with probability {least}."
        )
        if reading.is_ended
        else N_(
            "The decoder is given {bos} and writes the likeliest token, is given that too, and so on. It did not come "
            "to an end: these are its first {count} tokens. All together they cost {nats} nats, the negative logarithm "
            "of their probability. It was least sure of token {place}, “{token}”, with probability {least}."
        )
    )
    bars = tuple(
        Bars(
            Message(
                N_("Token {place}, after “{before}”."),
                {"place": t + 1, "before": reading.text_of(written[:t])},
            ),
            reading.spelt(places[t]),
            ((Message(N_("probability")), best[t].numpy()),),
        )
        for t in range(min(len(written), MOST_STEPS))
    )
    start = min(least, len(bars) - 1)
    labels = tuple(f"{t + 1}" for t in range(len(bars)))
    return Step(
        Message(N_("Written token by token")),
        Message(
            text,
            {
                "bos": BOS,
                "count": len(written),
                "nats": Number(float(reading.own_nats.sum()), 2),
                "place": least + 1,
                "token": visible(tokens[least]),
                "least": Number(float(own[least]), 2),
            },
        ),
        r"p(y|x)=\prod_{t=1}^{T}p(y_t|y_{<t},x)",
        (
            Tokens(
                Message(N_("What was written, and the probability of each token.")),
                tokens,
                own,
            ),
            Choice(
                Message(N_("The likeliest tokens at each step.")),
                (Control(Message(N_("token")), labels, start=start, plays=True),),
                bars,
            ),
        ),
        {"target": reading.target[0].numpy(), "probabilities": probabilities.numpy()},
        (greedy, Translation.decode),
        (
            Check(AGAIN, own, np.take_along_axis(again, written[:, None].numpy(), 1)[:, 0]),
            Check(AGAIN, best.numpy(), np.take_along_axis(again, places.numpy(), 1)),
        ),
        VASWANI,
    )


def walk_of(weights: Array, source: Sequence[str], written: Sequence[str]) -> Array:
    """Where the largest weight of each row lies, and how it moves over the source.

    Args:
        weights: (..., T, S); the source's last token is its end.
        source: its tokens.
        written: the tokens that the rows write.

    Returns:
        Shares (..., 5). Of the T − 1 moves: to the right, none, to the left; of the T rows: on the same token as is
        written, on its mirrored place.

    >>> walk_of(np.eye(3)[[1, 0, 2]], ["a", "b", "<eos>"], ["b", "a", "<eos>"]).round(2)
    array([0.5 , 0.  , 0.5 , 1.  , 0.67])
    """
    places = weights.argmax(-1)
    moves = np.diff(places)
    same = np.array(source)[places] == np.array(written)
    mirrored = places == len(source) - 2 - np.arange(places.shape[-1])
    shares = (moves > 0, moves == 0, moves < 0, same, mirrored)
    return np.stack([share.sum(-1) / max(1, share.shape[-1]) for share in shares], -1)


def _crossing(reading: Reading) -> Step:
    """The map between what is written and the source, and how its largest weights lie."""
    cross, again = reading.cross, reading.decoded(reading.target, reading.states)[2]
    source, written = (reading.spelt(ids) for ids in (reading.source[0], reading.target[0, 1:]))
    cuts = [(reading.rows, reading.columns)]
    if reading.is_by_words:
        cuts.append((reading.fine_rows, reading.fine_columns))
    shown, expected = (
        [chosen_maps(pooled(weights, *both)) for both in cuts] for weights in (cross, again)
    )
    captions = (
        Message(
            N_(
                "A row is what is being written, a column what is looked at. What stands at a column has read the "
                "whole sentence, so weight on it is not weight on that piece alone."
            )
        ),
        Message(
            N_(
                "The same token by token; above, the weights of a word's tokens are summed over the source and "
                "averaged over what is written."
            )
        ),
    )
    names, maps = chosen_maps(cross)
    again_maps, walks = chosen_maps(again)[1], walk_of(maps, source, written)
    return Step(
        Message(N_("Cross-attention: where the source is read")),
        _crossing_text(reading, shown[0][1][0], names, walks),
        r"q=W_q\,y_{\mathrm{decoder}},\quad k=W_k\,x_{\mathrm{encoder}},\quad v=W_v\,x_{\mathrm{encoder}}",
        (
            *(
                map_choice(caption, maps, *both, ACROSS)
                for caption, maps, both in zip(captions, shown, cuts, strict=False)
            ),
            Table(
                Message(
                    N_(
                        "Where the largest weight lies, token by token: how it moves from one written token to the "
                        "next, and for how many it is on the same token, or on the place as far from the source's end."
                    )
                ),
                (
                    Message(N_("attention")),
                    Message(N_("moves right")),
                    Message(N_("stays")),
                    Message(N_("moves left")),
                    Message(N_("same token")),
                    Message(N_("mirrored place")),
                ),
                tuple((name, *map(float, walk)) for name, walk in zip(names, walks, strict=True)),
                2,
            ),
        ),
        {"cross": cross, "walks": walks},
        (Translation.attend, attention),
        (
            *(Check(AGAIN, ours[1], other[1]) for ours, other in zip(shown, expected, strict=True)),
            Check(
                Message(N_("where the largest weights lie, float64 has its largest too")),
                np.take_along_axis(again_maps, maps.argmax(-1)[..., None], -1)[..., 0],
                again_maps.max(-1),
            ),
        ),
        "Bahdanau et al. 2015, section 3.1; Vaswani et al. 2017, section 3.2.3",
    )


def _crossing_text(
    reading: Reading, mean: Array, names: Sequence[Message], walks: Array
) -> Message:
    """What was measured: the largest weight of a piece, and the rule that a map's largest ones mostly follow, if any.

    Args:
        reading: the sentence.
        mean: of all heads, by pieces.
        names: of the maps.
        walks: of the maps; see :func:`walk_of`.
    """
    source, written = (reading.spelt(ids) for ids in (reading.source[0], reading.target[0, 1:]))
    row, column = np.unravel_index(mean.argmax(), mean.shape)
    place, rule = map(int, np.unravel_index(walks[:, 3:].argmax(), walks[:, 3:].shape))
    share, chance = float(walks[place, 3 + rule]), 1 / len(source)
    if share < RULE:
        found = N_(
            "From one written token to the next the mean's largest weight moves right in {right} of the cases and left "
            "in {left}."
        )
    elif rule == 0:
        chance *= float(np.mean([source.count(token) for token in written]))
        found = N_(
            "One map ({name}) has its largest weight on the very token that is being written for {share} of the "
            "tokens; a random one would for {chance}."
        )
    else:
        found = N_(
            "One map ({name}) has its largest weight on the mirrored place for {share} of the tokens; a random one "
            "would for {chance}."
        )
    fields = {
        "name": names[place],
        "share": Number(share, 2),
        "chance": Number(chance, 2),
        "right": Number(float(walks[0, 0]), 2),
        "left": Number(float(walks[0, 2]), 2),
    }
    return Message(
        N_(
            "Here queries come from the decoder, keys and values from the encoder. On this sentence “{row}” looks most "
            "firmly at one place: {weight} of its mean weight is on “{column}”. {found}"
        ),
        {
            "row": visible(reading.rows.names[row]),
            "column": visible(reading.columns.names[column]),
            "weight": Number(float(mean.max()), 2),
            "found": Message(found, fields),
        },
    )


def steps(asked: Asked) -> tuple[Step, ...]:
    """What it reads, what it writes, where it looks; then what it does where something else is given to it."""
    reading = read(asked)
    opened = (_tokens, _both_ways, _writing, _crossing)
    return tuple(step(reading) for step in (*opened, forced, beams, exchanged, hidden))


LESSON = Lesson(
    title=Message(N_("Encoder and decoder: how a sentence is translated")),
    introduction=Message(
        N_(
            "One half reads a sentence whole; the other writes another one token by token and looks at what was read. "
            "Your model translates a sentence here, and each step of it is opened."
        )
    ),
    steps=steps,
    families=("translation",),
    preset="pt-en",
    takes_prompt=True,
)
