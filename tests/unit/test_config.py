from __future__ import annotations

from typing import Annotated, Any, Literal, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, model_validator

from olaria.config import _KINDS, _LIMITS, Config, parse_value, setting_problem
from olaria.errors import ConfigError
from olaria.i18n import Message


class Network(Config):
    widths: tuple[Annotated[int, Field(gt=0)], ...] = (8,)
    dropout: float = Field(default=0.0, ge=0, lt=1)


class Plain(Config):
    family: Literal["plain"] = "plain"
    latent: int = Field(default=2, ge=1, le=512)
    network: Network = Network()


class Fancy(Config):
    family: Literal["fancy"] = "fancy"
    temperature: float = Field(default=1.0, gt=0)
    loss: Literal["hinge", "wasserstein"] = "hinge"


class Whole(Config):
    model: Plain | Fancy = Field(default=Plain(), discriminator="family")
    parts: list[Plain] = Field(default=[], max_length=2)
    named: dict[str, Network] = {}
    extra: Network | None = None
    rate: int | float = 1
    seed: int = 0
    quiet: bool = False
    title: str = ""
    steps: int = 10
    budget: int = 10

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if self.steps > self.budget:
            raise setting_problem("steps {steps} exceed the budget", steps=self.steps)
        return self


def refusal(values: dict[str, Any], where: str = "") -> Message:
    with pytest.raises(ConfigError) as caught:
        Whole.parse(values, where)
    return caught.value.message


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (
            {"model": {"family": "plain", "latent": 0}},
            "model.latent cannot be 0: it must be at least 1",
        ),
        (
            {"model": {"family": "plain", "latent": 513}},
            "model.latent cannot be 513: it must be at most 512",
        ),
        (
            {"model": {"family": "fancy", "temperature": 0}},
            "model.temperature cannot be 0: it must be greater than 0",
        ),
        ({"extra": {"dropout": 1.0}}, "extra.dropout cannot be 1.0: it must be less than 1"),
        (
            {"model": {"family": "plain", "network": {"widths": [8, -1]}}},
            "model.network.widths.1 cannot be -1: it must be greater than 0",
        ),
        ({"seed": 1.5}, "seed cannot be 1.5: it must be a whole number"),
        ({"seed": "1"}, 'seed cannot be "1": it must be a whole number'),
        ({"rate": "fast"}, 'rate cannot be "fast": it must be a whole number'),
        ({"extra": {"dropout": "no"}}, 'extra.dropout cannot be "no": it must be a number'),
        ({"extra": {"dropout": float("nan")}}, "extra.dropout cannot be NaN: it must be finite"),
        ({"quiet": 1}, "quiet cannot be 1: it must be true or false"),
        ({"title": 1}, "title cannot be 1: it must be text"),
        ({"parts": 3}, "parts cannot be 3: it must be a list"),
        ({"extra": {"widths": 3}}, "extra.widths cannot be 3: it must be a list"),
        ({"extra": 3}, "extra cannot be 3: it must be a group of settings"),
        ({"named": 3}, "named cannot be 3: it must be a group of settings"),
        ({"parts": [{}, {}, {}]}, "parts cannot be [{}, {}, {}]: it must have at most 2 items"),
        (
            {"model": {"family": "fancy", "loss": "hing"}},
            'model.loss cannot be "hing": it must be one of hinge, wasserstein',
        ),
        (
            {"model": {"family": "fanci"}},
            'model.family cannot be "fanci": it must be one of plain, fancy',
        ),
        ({"model": {"latent": 3}}, "the setting model.family is missing"),
        ({"steps": 11}, "Whole: steps 11 exceed the budget"),
    ],
)
def test_a_wrong_value_is_explained_in_our_words(values: dict[str, Any], text: str) -> None:
    told = refusal(values).text("en")
    assert told == text


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"sed": 1}, "unknown setting sed: did you mean seed?"),
        (
            {"model": {"family": "plain", "latnt": 3}},
            "unknown setting model.latnt: did you mean latent?",
        ),
        (
            {"model": {"family": "fancy", "temprature": 3}},
            "unknown setting model.temprature: did you mean temperature?",
        ),
        (
            {"model": {"family": "plain", "network": {"width": 3}}},
            "unknown setting model.network.width: did you mean widths?",
        ),
        ({"extra": {"dropuot": 0}}, "unknown setting extra.dropuot: did you mean dropout?"),
        ({"parts": [{"latnt": 1}]}, "unknown setting parts.0.latnt: did you mean latent?"),
        ({"named": {"a": {"width": 1}}}, "unknown setting named.a.width: did you mean widths?"),
        ({"extra": {"zzz": 0}}, "unknown setting extra.zzz: known: dropout, widths"),
    ],
)
def test_an_unknown_setting_gets_the_nearest_name(values: dict[str, Any], text: str) -> None:
    assert refusal(values).text("en") == text


def test_the_place_comes_first() -> None:
    assert (
        refusal({"seed": None}, "recipe.json").text().startswith("recipe.json.seed cannot be null")
    )


def test_every_reason_of_ours_reads_in_portuguese() -> None:
    ids = [*_KINDS.values(), *(message_id for message_id, _ in _LIMITS.values())]
    for message_id in ids:
        message = Message(message_id, {"limit": 3} if "{limit}" in message_id else {})
        assert message.text("pt") != message.text("en"), message_id
    told = refusal({"model": {"family": "plain", "latent": 0}}).text("pt")
    assert told == "model.latent não pode ser 0: precisa ser no mínimo 1"


def test_updated_checks_the_copy_and_leaves_the_original() -> None:
    whole = Whole()
    changed = whole.updated("model.network.dropout", 0.5)
    assert isinstance(changed.model, Plain)
    assert changed.model.network.dropout == 0.5
    assert whole == Whole()
    with pytest.raises(ConfigError, match="must be less than 1"):
        whole.updated("model.network.dropout", 2.0)
    with pytest.raises(ConfigError, match=r"unknown setting model\.beta: known: family"):
        whole.updated("model.beta", 1)
    with pytest.raises(ConfigError, match="did you mean model"):
        whole.updated("modl.latent", 1)


def test_settings_are_checked_together(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = 0
    parse = Whole.parse.__func__  # type: ignore[attr-defined]

    def counted(cls: type[Whole], values: Any, where: str = "") -> Whole:
        nonlocal checks
        checks += 1
        return parse(cls, values, where)  # type: ignore[no-any-return]

    monkeypatch.setattr(Whole, "parse", classmethod(counted))
    whole = Whole()
    assert whole.with_values({}) is whole and checks == 0
    network = {"dropout": 0.25}
    changed = whole.with_values(
        {"steps": 20, "budget": 30, "extra": network, "extra.dropout": 0.5, "seed": 3}
    )
    assert checks == 1, "each alone would be refused: 20 steps exceed the budget of 10"
    assert (changed.steps, changed.budget, changed.seed) == (20, 30, 3)
    assert changed.extra is not None and changed.extra.dropout == 0.5
    assert network == {"dropout": 0.25} and whole == Whole()


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"seed": "x", "rate": "y"}, "seed cannot be"),
        ({"rate": "y", "seed": "x"}, "rate cannot be"),
        ({"seed": 1, "modl.latent": 1, "rate": "y"}, "unknown setting modl.latent"),
        ({"steps": 20, "seed": 1}, "exceed the budget"),
    ],
)
def test_of_several_the_first_that_is_wrong_is_named(values: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        Whole().with_values(values)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Whole().seed = 3  # type: ignore[misc]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=5,
    ),
    st.sampled_from([*Whole.model_fields, "modell", ""]),
)
def test_any_value_is_taken_or_refused_in_one_line(value: Any, name: str) -> None:
    try:
        Whole.parse({name: value})
    except ConfigError as error:
        for language in ("en", "pt"):
            assert error.message.text(language)


def test_parse_value_keeps_words_as_text() -> None:
    assert parse_value("1e-3") == 1e-3
    assert parse_value("true") is True
    assert parse_value("digits") == "digits"
