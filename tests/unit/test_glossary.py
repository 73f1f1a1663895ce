"""One concept, one word: what Portuguese texts must not say, and the word that stands for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "olaria"

BETTER = {
    r"desvi(o|os)-padrão": "desvio padrão",
    r"err(o|os)-padrão": "erro padrão",
    r"[\d}] %": "95%, without a space",
    r"adversária generativa": "rede generativa adversarial",
    r"gerativ": "generativo",
    r"\b(o|a|um|uma)\s+\*?softmax": "a função softmax",
    r"meia camada|metade da camada": "subcamada",
    r"puxão": "gradiente",
    r"inclinaç(ão|ões) d(o|a|os|as) (discriminador|crítico|perda)": "gradiente",
    r"unidades? calad": "inativa",
    r"três sinais": "tokens especiais",
    r"soletr": "escrever palavras corretas",
    r"\bdiga (--|\{)": "use --yes",
    r"pontuações|\b(a|uma|maior|menor) pontuação\b": "escore",
    r"\bdestinos?\b": "alvo",
    r"se não for (dito|dado)|se omitid": "(padrão: X)",
    r"\bporcentagem\b|\buma parcela d[aeo]s?\b|\ba fração\b": "proporção",
    r"execução (nunca|contou|diz|disse|aprendeu|escreveu)\b": "o modelo",
    r"\b(o|do|no|pelo|um|segundo) treino\b|[Pp]ré-treino|tempo de treino\b": "treinamento",
    r"\b[Aa]justes?\b(?! fino)(?! uma)": "configuração, or ajuste fino",
    r"\b(aplicaç(ão|ões)|mapas?) (linear|invertíve)": "transformação linear",
    r"dicionário de códigos|no dicionário": "codebook",
    r"\bpresets?\b": "predefinição",
    r"(?<![\w–-])(en|de)coders?(?![\w–-])": "codificador, decodificador",
}
"""What is found, and what should stand there."""
NAMES = re.compile(r"`[^`\n]*`|\{\w+\}|olaria \S+|--\S+|\]\([^)\s]*\)")
"""Commands, fields and addresses of links, which no language changes."""


def texts() -> Iterator[tuple[str, str]]:
    """Every Portuguese text: where it stands, and its words."""
    catalog = PACKAGE / "locales" / "pt_BR" / "LC_MESSAGES" / "olaria.po"
    with catalog.open("rb") as file:
        for message in read_po(file):
            if message.id:
                yield f"{catalog.name}: {message.id!r}", str(message.string)
    pages = [*PACKAGE.rglob("*.pt.md"), *(ROOT / "docs" / "pt").glob("*.md")]
    for page in [*pages, ROOT / "README.pt-BR.md"]:
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
            yield f"{page.relative_to(ROOT)}:{number}", line


@pytest.mark.parametrize("pattern", BETTER)
def test_one_concept_has_one_word(pattern: str) -> None:
    found = [
        f"{place}: {text[:100]}"
        for place, text in texts()
        if re.search(pattern, text if "%" in pattern or "--" in pattern else NAMES.sub(" ", text))
    ]
    assert found == [], f"better: {BETTER[pattern]}"


def test_a_forbidden_word_is_found() -> None:
    odd = "o desvio-padrão; 95 %; uma rede adversária generativa; o softmax; no treino; diga --yes"
    assert sum(bool(re.search(pattern, odd)) for pattern in BETTER) == 6
