r"""Attention, opened up: queries, keys and values of every layer and head of a trained run on one sentence.

.. math:: Y = \mathrm{softmax}\left(\frac{Q K^\top}{\sqrt D} + M\right) V

Arrays of the steps, of the head shown first, T tokens that look and S that are looked at: ``q`` (T, D), ``k`` and
``v`` (S, D) as they are compared and summed; ``head`` (T, D), the weighted sums. Those of the other steps are told in
:mod:`olaria.lessons.attention.scores`, :mod:`olaria.lessons.attention.heads`, :mod:`olaria.lessons.attention.kinds`.

Every number that is shown comes from the model's own modules (:mod:`olaria.lessons.inside`) and is computed again from
the raw weights in float64 (:mod:`olaria.lessons.by_numpy.transformers`).

Source: Vaswani et al. 2017, *Attention Is All You Need*, section 3.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

import torch
from torch import Tensor

from olaria.i18n import N_, Message, Number
from olaria.lessons.attention.heads import OVER_TEXTS, many_heads_step, over_texts_step
from olaria.lessons.attention.kinds import kinds_step
from olaria.lessons.attention.scores import PAPER, Maker, all_queries_step, one_query_step
from olaria.lessons.attention.subject import (
    FAMILIES,
    MOST_FOLLOWED,
    PRESET,
    Reading,
    Subject,
    subject_of,
)
from olaria.lessons.base import Asked, Lesson, Step, numbers, without_data
from olaria.lessons.figures import Heat, Table, Words
from olaria.lessons.inside import Look
from olaria.models import gpt
from olaria.models.gpt import GPT
from olaria.models.language import Block, LanguageModel
from olaria.models.translation import CrossAttention, SelfAttention, Translation
from olaria.nn.attention import attention, rotate
from olaria.nn.norm import norm

MOST_FEATURES = 32
"""Numbers of a query, key or value that are drawn."""
MOST_OF_IT = 0.9
"""Of the weight: how few tokens carry it is told."""


def attention_steps(asked: Asked) -> Sequence[Step]:
    """The lesson; see the module.

    Raises:
        LessonError: the run is of the rung that averages, or the sentence too short.
    """
    subject = subject_of(asked)
    return (
        _views(subject),
        one_query_step(subject),
        all_queries_step(subject),
        _weighted_sum(subject),
        many_heads_step(subject),
        without_data(OVER_TEXTS, lambda: over_texts_step(subject, asked)),
        kinds_step(subject, asked),
    )


def _views(subject: Subject) -> Step:
    offer = subject.offered(MOST_FOLLOWED)
    reading, head = offer.start
    look = reading.look
    text = Message(
        N_(
            "From the vector of {width} numbers that each token has, a layer makes three: a *query*, what it looks "
            "for; a *key*, what it offers; a *value*, what it passes on. Each head has its own, of {size} numbers. "
            "They are sums with trained weights, and no single number of them means anything by itself."
        ),
        {"width": look.out.shape[1], "size": look.q.shape[2]},
    )
    names = {"q": N_("queries"), "k": N_("keys"), "v": N_("values")}
    return Step(
        Message(N_("Queries, keys and values")),
        text,
        r"Q = X W_q, \quad K = X W_k, \quad V = X W_v",
        (
            *subject.sentence,
            _sizes(look),
            offer.choice(_how_compared(subject.model, look), _query_and_keys),
        ),
        {name: numbers(getattr(look, name)[head]) for name in names},
        _view_makers(subject.model),
        tuple(offer.check(what, attrgetter(name), name) for name, what in names.items()),
        PAPER + "section 3.2.2",
        subject.notes,
    )


def _query_and_keys(reading: Reading, head: int) -> Heat:
    look, asking = reading.look, reading.asking
    vectors = torch.cat((look.q[head, asking : asking + 1], look.k[head]))
    query = Message(N_("query of {token}"), {"token": reading.rows[asking]})
    keys = (Message(N_("key of {token}"), {"token": token}) for token in reading.columns)
    return _columns(vectors, (query, *keys))


def _columns(vectors: Tensor, names: tuple[Words, ...]) -> Heat:
    """Vectors (N, D) as columns; numbers beyond :data:`MOST_FEATURES` are left out, and their names say so."""
    values, width = numbers(vectors[:, :MOST_FEATURES].T), vectors.shape[1]
    rows = tuple(str(number + 1) for number in range(len(values)))
    title, fields = N_("number"), {"count": len(values), "width": width}
    if len(values) < width:
        title = N_("number of the vector, the first {count} of {width}")
    return Heat("", values, rows, names, Message(title, fields), "", signed=True, digits=1)


def _sizes(look: Look) -> Table:
    headings = (N_("what"), N_("heads"), N_("tokens"), N_("numbers of each"))
    rows = ((N_("queries"), look.q), (N_("keys"), look.k), (N_("values"), look.v))
    return Table(
        Message(N_("How many there are in {layer}."), {"layer": look.name}),
        tuple(map(Message, headings)),
        tuple((Message(what), *vectors.shape) for what, vectors in rows),
    )


def _how_compared(model: GPT | LanguageModel | Translation, look: Look) -> Message:
    lengths = torch.cat((look.q.norm(dim=-1), look.k.norm(dim=-1)), 1)
    fields = {
        "layer": look.name,
        "size": look.q.shape[-1],
        "least": Number(float(lengths.min()), 2),
        "most": Number(float(lengths.max()), 2),
    }
    if isinstance(model, LanguageModel):
        return Message(
            N_(
                "One query beside all keys, as the weights make them: in {layer} they are from {least} to {most} long."
            ),
            fields,
        )
    if isinstance(model, Translation):
        return Message(
            N_(
                "One query beside all keys. This model brings both to one length, the root of {size}: in {layer} they "
                "are from {least} to {most} long."
            ),
            fields,
        )
    return Message(
        N_(
            "One query beside all keys. This model brings both to one length, the root of {size} (in {layer} they are "
            "from {least} to {most} long), and turns them by an angle that grows with the position: their product "
            "then depends on how far apart two tokens are, not on where they stand."
        ),
        fields,
    )


def _weighted_sum(subject: Subject) -> Step:
    offer = subject.offered(MOST_FOLLOWED)
    reading, head = offer.start
    look, asking = reading.look, reading.asking
    weights = look.weights()[head, asking]
    ordered = weights.sort(descending=True).values.cumsum(0)
    fields = {
        "size": look.q.shape[-1],
        "head": head + 1,
        "layer": look.name,
        "num_seen": int((look.mask[asking] == 0).sum()),
        "count": int((ordered < MOST_OF_IT).sum()) + 1,
        "share": Number(MOST_OF_IT, 1),
        "width": look.out.shape[1],
    }
    model = subject.model
    if isinstance(model, LanguageModel) and not model.config.has("multi-head"):
        text = N_(
            "A head's output is the sum of the values, each times its weight: a mean whose weights depend on the "
            "tokens. In head {head} of {layer}, {count} of the {num_seen} tokens that the query may see carry {share} "
            "of its weight. On this rung the sum, {width} numbers, is all that the layer passes on."
        )
    else:
        text = N_(
            "A head's output is the sum of the values, each times its weight: a mean whose weights depend on the "
            "tokens. In head {head} of {layer}, {count} of the {num_seen} tokens that the query may see carry {share} "
            "of its weight. The sums of all heads, {width} numbers side by side, pass through one more matrix."
        )
    caption = Message(
        N_(
            "The values that one query may see, the weight of each before its name; at the right their sum."
        )
    )
    return Step(
        Message(N_("The weighted sum of the values")),
        Message(text, fields),
        r"y_t = \sum_s w_{ts} v_s",
        (offer.choice(caption, _values_and_sum),),
        {"head": numbers(look.heads[head]), "v": numbers(look.v[head])},
        (attention, *_view_makers(subject.model)),
        (
            offer.check(N_("values"), attrgetter("v"), "v"),
            offer.check(N_("weights"), Look.weights, "weights"),
            offer.check(
                N_("the heads' sums, as the model made them"), attrgetter("heads"), "heads"
            ),
            offer.check(N_("what the layer makes of all heads"), attrgetter("out"), "out"),
        ),
        PAPER + "equation 1",
    )


def _values_and_sum(reading: Reading, head: int) -> Heat:
    look, asking = reading.look, reading.asking
    weights = look.weights()[head, asking].tolist()
    places = (look.mask[asking] == 0).nonzero().flatten().tolist()
    names = (
        Message(
            N_("{weight} × value of {token}"),
            {"weight": Number(weights[s], 3), "token": reading.columns[s]},
        )
        for s in places
    )
    total = Message(N_("sum, for {token}"), {"token": reading.rows[asking]})
    vectors = torch.cat((look.v[head, places], look.heads[head, asking : asking + 1]))
    return _columns(vectors, (*names, total))


# -- where the numbers come from -------------------------------------------------------------------


def _view_makers(model: GPT | LanguageModel | Translation) -> tuple[Maker, ...]:
    if isinstance(model, GPT):
        return gpt.Block.extend, norm, rotate
    if isinstance(model, Translation):
        return SelfAttention.forward, CrossAttention.project
    return (Block.attend,)


LESSON = Lesson(
    title=Message(N_("Attention: who looks at whom")),
    introduction=Message(
        N_(
            "Queries, keys, values and weights of every layer and head of your run, on your sentence. A weight tells "
            "what a head takes up, not why, nor what the model makes of it afterwards."
        )
    ),
    steps=attention_steps,
    families=FAMILIES,
    preset=PRESET,
    takes_prompt=True,
)
