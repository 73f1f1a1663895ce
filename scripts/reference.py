"""Write the reference of every verb, docs/verbs.md and docs/pt/verbs.md, from what the command line is made of.

``--check`` changes nothing and fails when a page is stale. Usage, help, choices and defaults come from the requests and
their catalogs; only the examples and the few sentences around them stand here.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))  # the package of this tree, wherever another is installed

from olaria.cli.main import AFTER, GROUPS, VERBS  # noqa: E402
from olaria.cli.verb import JSON  # noqa: E402
from olaria.cli.words import EVERYWHERE  # noqa: E402
from olaria.i18n import Message, translate  # noqa: E402
from olaria.workflows.requests import Declared, Request  # noqa: E402

PAGES = {"en": ROOT / "docs" / "verbs.md", "pt": ROOT / "docs" / "pt" / "verbs.md"}
LANGUAGES = tuple(PAGES)
VERBS_OF_ALL: dict[str, type[Request]] = {
    **{name: verb.request for name, verb in VERBS.items()},
    **{
        f"{group} {name}": verb.request
        for group, (verbs, _) in GROUPS.items()
        for name, verb in verbs.items()
    },
    **{name: verb.request for name, verb in AFTER.items()},
}

SENTENCES = {
    "title": ("Every command", "Todos os comandos"),
    "other": ("*[Português](pt/verbs.md)*", "*[English](../verbs.md)*"),
    "intro": (
        "`olaria VERB --help` shows the same in the terminal. `RUN` is the name of a run or the path of its folder. "
        "`OPTIONS` may stand anywhere after the verb. Results go to the standard output, progress and errors to the "
        "standard error.",
        "`olaria VERBO --help` mostra o mesmo no terminal. `EXECUÇÃO` é o nome de uma execução ou o caminho da pasta "
        "dela. `OPÇÕES` podem ficar em qualquer lugar depois do verbo. Os resultados vão para a saída padrão; o "
        "progresso e os erros, para a saída de erro padrão.",
    ),
    "command": ("command", "comando"),
    "does": ("what it does", "o que faz"),
    "argument": ("argument", "argumento"),
    "option": ("option", "opção"),
    "means": ("what it means", "o que significa"),
    "default": ("default", "padrão"),
    "required": ("required", "obrigatório"),
    "word": ("word", "palavra"),
    "code": ("code", "código"),
    "everywhere": ("Options of every command", "Opções de todos os comandos"),
    "codes": ("Exit codes", "Códigos de saída"),
}
CODES = {
    "0": ("done", "feito"),
    "1": (
        "failed; one line on the standard error says what, where and what to do",
        "falhou; uma linha na saída de erro padrão diz o quê, onde e o que fazer",
    ),
    "2": ("the command itself is wrong", "o próprio comando está errado"),
    "130": ("stopped by Ctrl-C", "interrompido por Ctrl-C"),
    "143": ("stopped by SIGTERM", "interrompido por SIGTERM"),
}
EXAMPLES: dict[str, tuple[tuple[str, str, str], ...]] = {
    "demo": (
        ("olaria demo", "five minutes of training", "cinco minutos de treinamento"),
        ("olaria demo --budget 1m --offline", "a first look", "uma primeira olhada"),
    ),
    "train": (
        ("olaria train vae-mnist --budget 2m --out runs/vae", "two minutes", "dois minutos"),
        ("olaria train vae-mnist --set model.latent=2", "one setting changed", "uma configuração alterada"),
        ("olaria train gpt-shakespeare --data my-text.txt", "your own text", "seu próprio texto"),
        ("olaria train --resume runs/vae --steps 5000", "longer", "por mais tempo"),
    ),
    "tune": (
        ("olaria tune vae-mnist --trials 20 --budget 10m", "ten minutes", "dez minutos"),
    ),
    "sample": (
        ("olaria sample vae -n 100 --seed 1", "100 images as one picture", "100 imagens em uma figura"),
        ("olaria sample gpt --prompt \"ROMEO:\" --temperature 0.8", "a text goes on", "um texto continua"),
        ("olaria sample vae --mode interpolate --path spherical", "from one to another", "de uma a outra"),
    ),
    "eval": (
        ("olaria eval vae", "all metrics of its family", "todas as métricas da família"),
        ("olaria eval vae --metric elbo_nats --json", "one, for a program", "uma, para um programa"),
    ),
    "reconstruct": (("olaria reconstruct vae my-images.zip", "your own images", "suas próprias imagens"),),
    "encode": (("olaria encode vae --split test --map pca", "codes and their map", "códigos e seu mapa"),),
    "detect": (("olaria detect vae my-images --false-alarms 0.01", "1 in 100", "1 em 100"),),
    "explain": (("olaria explain vae vae", "the lesson, with your run", "a lição, com a sua execução"),),
    "report": (
        ("olaria report vae gan --author \"Ana\" --format pdf", "two runs in one PDF", "duas execuções em um PDF"),
        ("olaria report vae --live", "the model runs in the page", "o modelo roda na página"),
    ),
    "export": (
        ("olaria export vae --to onnx --out vae-onnx", "for onnxruntime", "para o onnxruntime"),
        ("olaria export vae --to gif --out vae.gif", "a film of the training", "um filme do treinamento"),
    ),
    "studio": (("olaria studio", "opens the browser", "abre o navegador"),),
    "runs list": (("olaria runs list", "olaria runs does the same", "olaria runs faz o mesmo"),),
    "runs show": (("olaria runs show vae --json", "for a program", "para um programa"),),
    "runs compare": (("olaria runs compare vae vae-2", "side by side", "lado a lado"),),
    "runs rm": (("olaria runs rm vae --yes", "deletes it", "apaga"),),
    "data list": (("olaria data list", "olaria data does the same", "olaria data faz o mesmo"),),
    "data get": (("olaria data get mnist tiny-shakespeare", "before a class", "antes da aula"),),
    "data where": (("olaria data where mnist", "its files and addresses", "seus arquivos e endereços"),),
    "data use": (("olaria data use my-stick", "from now on", "de agora em diante"),),
    "data verify": (("olaria data verify", "all that is cached", "tudo o que está no cache"),),
    "data stats": (("olaria data stats my-text.txt", "before training", "antes de treinar"),),
    "data mirror": (("olaria data mirror my-stick", "for a class", "para a turma"),),
    "data clean": (
        ("olaria data clean", "shows what would go, and its size", "mostra o que sairia e o tamanho"),
        ("olaria data clean mnist --yes", "deletes it", "apaga"),
    ),
    "hub push": (
        ("olaria hub push vae ana/vae-mnist", "only you can see it", "só você o vê"),
        ("olaria hub push vae ana/vae-mnist --update", "one more commit", "mais um commit"),
    ),
    "hub pull": (("olaria hub pull ana/gpt my-gpt", "into a new folder", "para uma pasta nova"),),
    "presets": (("olaria presets vae-mnist", "its settings", "suas configurações"),),
    "doctor": (("olaria doctor", "what this machine has", "o que esta máquina tem"),),
    "completion": (
        ("olaria completion bash > ~/.local/share/bash-completion/completions/olaria", "bash", "bash"),
        ("olaria completion fish > ~/.config/fish/completions/olaria.fish", "fish", "fish"),
        ("olaria completion zsh > _olaria", "zsh: into a folder of $fpath", "zsh: para uma pasta de $fpath"),
    ),
}  # fmt: skip


def written(language: str) -> str:
    """The page in a language."""

    def say(name: str) -> str:
        return SENTENCES[name][LANGUAGES.index(language)]

    parts = [f"# {say('title')}", say("other"), say("intro")]
    rows = [
        (
            f"[`{name}`](#olaria-{name.replace(' ', '-')})",
            _sentence(translate(request.summary, language)),
        )
        for name, request in VERBS_OF_ALL.items()
    ]
    parts.append(_table((say("command"), say("does")), rows))
    for name, request in VERBS_OF_ALL.items():
        parts += _of_verb(name, request, language)
    rows = [(_code(names), translate(text, language)) for names, text in EVERYWHERE]
    parts += [f"## {say('everywhere')}", _table((say("option"), say("means")), rows)]
    rows = [(_code(code), texts[LANGUAGES.index(language)]) for code, texts in CODES.items()]
    parts += [f"## {say('codes')}", _table((say("code"), say("means")), rows)]
    return "\n\n".join(parts) + "\n"


def _of_verb(name: str, request: type[Request], language: str) -> Iterator[str]:
    """Title, summary, usage, arguments, options, words and examples."""
    at = LANGUAGES.index(language)
    head = {key: texts[at] for key, texts in SENTENCES.items()}
    declared = request.declared()
    places = [one for one in declared if one.about.positional]
    options = [one for one in declared if not one.about.positional]
    yield f"## olaria {name}"
    yield _sentence(translate(request.summary, language))
    words = [_metavar(one, language) for one in places]
    shown = [
        word if one.is_required else f"[{word}]" for one, word in zip(places, words, strict=True)
    ]
    yield _code(" ".join(["olaria", name, *shown, f"[{translate('OPTIONS', language)}]"]))
    if places:
        rows = [
            (_code(word), _help(one, language), _default(one, language))
            for one, word in zip(places, words, strict=True)
        ]
        yield _table((head["argument"], head["means"], head["default"]), rows)
    rows = [
        (_option(one, language), _help(one, language), _default(one, language)) for one in options
    ]
    rows.append((_code(JSON[0]), translate(JSON[1], language), ""))
    yield _table((head["option"], head["means"], head["default"]), rows)
    listed = request.words()
    if listed is not None:
        meanings = [(_code(word), translate(text, language)) for word, text in listed[1]]
        yield _table((translate(listed[0], language), head["means"]), meanings)
    examples = EXAMPLES[name]
    width = max(len(example[0]) for example in examples)
    lines = [f"{example[0]:{width}}  # {example[1 + at]}" for example in examples]
    yield "\n".join(("```sh", *lines, "```"))


def _metavar(one: Declared, language: str) -> str:
    return translate(one.metavar, language)


def _option(one: Declared, language: str) -> str:
    return _code(f"{one.flag} {_metavar(one, language)}" if one.form.takes_value else one.flag)


def _help(one: Declared, language: str) -> str:
    return translate(one.about.help, language)


def _default(one: Declared, language: str) -> str:
    unless = one.unless_given
    if isinstance(unless, Message):
        return unless.text(language)
    if unless is not None:
        return _code(unless)
    return SENTENCES["required"][LANGUAGES.index(language)] if one.is_required else ""


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


def _code(text: str) -> str:
    return f"`{text}`"


def _table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table of Markdown; bars inside a cell are escaped, in code too."""
    lines = [headings, ("---",) * len(headings), *rows]
    cells = [[cell.replace("|", r"\|") for cell in line] for line in lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in cells)


def main(arguments: list[str] | None = None) -> int:
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing, fail when stale")
    options = parser.parse_args(arguments)
    stale = 0
    for language, path in PAGES.items():
        text = written(language)
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale += 1
        if options.check:
            print(f"error: {path.relative_to(ROOT)} is stale: python scripts/reference.py")
        else:
            path.write_text(text, encoding="utf-8")
            print(path.relative_to(ROOT))
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
