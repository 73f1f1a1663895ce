"""What ``olaria data stats`` found of a text, in words."""

from __future__ import annotations

from typing import Any

from olaria.characters import legible
from olaria.cli.shell import Shell
from olaria.cli.verb import word_of
from olaria.i18n import N_, command

SHOWN_CHARS = 200
"""Of an alphabet; ``--json`` has all of it."""


def text_facts(
    shell: Shell, found: dict[str, Any], target: str, reading: dict[str, Any]
) -> list[tuple[str, str]]:
    """Name and value of each line.

    Args:
        shell: how to speak.
        found: what :func:`olaria.workflows.data.stats` returned of a text.
        target: the name or path that was asked for.
        reading: the settings that it was read with, which training needs too.
    """
    text, number = shell.text, shell.number
    facts = [
        (text(N_("characters")), _parts(shell, found["num_chars"])),
        (text(N_("size")), shell.size(found["size_bytes"])),
        (text(N_("documents")), number(found["num_documents"])),
        (text(N_("lines")), number(found["num_lines"])),
        (text(N_("words")), number(found["num_words"])),
        (text(N_("alphabet")), _alphabet(shell, found["alphabet"])),
    ]
    if found["unseen_in_train"]:
        facts.append((text(N_("only to validate")), _alphabet(shell, found["unseen_in_train"])))
    facts += [
        (text(N_("unigram entropy")), _entropy(shell, found, "unigram")),
        (text(N_("bigram entropy")), _entropy(shell, found, "bigram")),
    ]
    if found["known_entropy_nats_per_char"] is not None:
        known = number(found["known_entropy_nats_per_char"], 4)
        facts.append((text(N_("grammar's own")), text(N_("{value} nats/char"), value=known)))
    facts += _tokens(shell, found["tokenizer"])
    chosen = found["recommended"]
    options = ["--size", chosen["size"], "--data", target]
    for setting, value in reading.items():
        options += [word_of(setting, shell.request, ()), str(value)]
    suited = command("train", chosen["preset"], options=options)
    facts.append((text(N_("suits it")), shell.measure(suited)))
    facts.append(("", shell.words(chosen["reason"])))
    return facts


def _parts(shell: Shell, counts: dict[str, int]) -> str:
    return shell.text(
        N_("{total}: {train} train, {validation} validate"),
        total=shell.number(sum(counts.values())),
        **{name: shell.number(count) for name, count in counts.items()},
    )


def _alphabet(shell: Shell, alphabet: str) -> str:
    # One by one: a mark would sit on the letter before it, which is not its own.
    shown = "".join(legible(character, blanks=True) for character in alphabet[:SHOWN_CHARS])
    rest = " …" if len(alphabet) > SHOWN_CHARS else ""
    return f"{shell.number(len(alphabet))}: {shown}{rest}"


def _entropy(shell: Shell, found: dict[str, Any], name: str) -> str:
    """Both units, and how far a count of what was seen falls short."""
    return shell.text(
        N_("{nats} nats/char = {bits} bits/char, counted; about {bias} nats too low"),
        nats=shell.number(found[f"{name}_entropy_nats_per_char"], 4),
        bits=shell.number(found[f"{name}_entropy_bits_per_char"], 4),
        bias=shell.number(found[f"{name}_entropy_bias_nats_per_char"], 4),
    )


def _tokens(shell: Shell, found: dict[str, Any]) -> list[tuple[str, str]]:
    text, number = shell.text, shell.number
    cut = text(
        N_("{kind}, vocabulary of {size}, {ratio} characters per token"),
        kind=found["kind"],
        size=number(found["vocab_size"]),
        ratio=number(found["chars_per_token"], 2),
    )
    facts = [
        (text(N_("tokenizer")), cut),
        (text(N_("tokens")), _parts(shell, found["num_tokens"])),
    ]
    if "num_validation_words" in found:
        spelt, words = found["num_spelt_validation_words"], found["num_validation_words"]
        message = N_("{spelt} of {words} to validate on, spelt letter by letter")
        unknown = text(message, spelt=number(spelt), words=number(words))
        facts.append((text(N_("unknown words")), unknown))
    return facts
