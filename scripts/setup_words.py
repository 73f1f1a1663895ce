"""What set-up says, in English or Portuguese. It runs before Olaria is installed, so it has a table of its own."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

PORTUGUESE = {
    # what is being done
    "making {folder} (Python {version})": "criando {folder} (Python {version})",
    "making {folder} anew: this one is a copy, made in {place}": (
        "criando {folder} de novo: esta é uma cópia, feita em {place}"
    ),
    "making {folder} anew: the Python that it was made with is not here": (
        "criando {folder} de novo: o Python com que foi criada não está aqui"
    ),
    "installing the packages of {lock}, each with its hash": (
        "instalando os pacotes de {lock}, cada um com seu hash"
    ),
    "installing {package}": "instalando {package}",
    "installing olaria (editable)": "instalando a olaria (editável)",
    "keeping torch {version}": "mantendo o torch {version}",
    "ready: nothing to do": "pronto: nada a fazer",
    "ready: {folder}. In each new terminal, first: {activate}": (
        "pronto: {folder}. Em cada terminal novo, primeiro: {activate}"
    ),
    "notice: {text}": "aviso: {text}",
    "error: {text}": "erro: {text}",
    "stopped; run it again to go on": "interrompido; rode de novo para continuar",
    # where torch comes from
    "trying PyTorch's own index for the smaller build, that for CPUs": (
        "tentando o índice do próprio PyTorch, que tem a versão menor, a de CPU"
    ),
    "it does not answer: the GPU build it is (it runs on CPUs too)": (
        "ele não responde: fica a versão de GPU (que também roda em CPU)"
    ),
    "downloading {size} GB for torch and its GPU libraries": (
        "baixando {size} GB do torch e de suas bibliotecas de GPU"
    ),
    "downloading {size} GB or more for torch and its GPU libraries": (
        "baixando {size} GB ou mais do torch e de suas bibliotecas de GPU"
    ),
    "downloading several GB for torch and its GPU libraries (exact size not known)": (
        "baixando vários GB do torch e de suas bibliotecas de GPU (não se sabe o tamanho exato)"
    ),
    # wheels
    "fetching the wheels of {target} into {folder}": "baixando os pacotes de {target} para {folder}",
    "ready: {folder} is for {there}. There: {again}": "pronto: {folder} serve para {there}. Lá: {again}",
    "making {folder} anew with {target}": "criando {folder} de novo com {target}",
    "{python} is no Python of Olaria's; name some like 3.11 3.12": (
        "{python} não é um Python da Olaria; indique alguns, como 3.11 3.12"
    ),
    "there are no wheels for {system}; name some of {known}": (
        "não há pacotes para {system}; indique alguns de {known}"
    ),
    "{path} cannot be read; fetch the wheels again": (
        "não é possível ler {path}; baixe os pacotes de novo"
    ),
    "the wheels in {folder} are for {there}, and this is {here}. Use a Python that they are for ({again}), or "
    "fetch them for this one where there is a network: {fetch}": (
        "os pacotes em {folder} são para {there}, e este é {here}. Use um Python para o qual eles servem ({again}), ou "
        "baixe os deste onde houver rede: {fetch}"
    ),
    "the wheels in {folder} are for {there}, and this is {here}. Fetch them for this one where "
    "there is a network: {fetch}": (
        "os pacotes em {folder} são para {there}, e este é {here}. Baixe os deste onde houver rede: {fetch}"
    ),
    "the wheels in {folder} are those that running needs, without the development tools: {again}": (
        "os pacotes em {folder} são só os de uso, sem as ferramentas de desenvolvimento: {again}"
    ),
    "the wheels in {folder} are of other versions than this copy of Olaria locks. Use the copy that they "
    "came with, or fetch them again where there is a network: {again}": (
        "os pacotes em {folder} são de outras versões que as travadas nesta cópia da Olaria. Use a cópia que "
        "veio com eles, ou baixe-os de novo onde houver rede: {again}"
    ),
    "the wheels shall come from {folder}, which is no folder": (
        "os pacotes viriam de {folder}, que não é uma pasta"
    ),
    "a condition of the lock is not known: {text}": "uma condição das versões travadas é desconhecida: {text}",
    "the locked packages of {target} could not be downloaded": (
        "não foi possível baixar os pacotes travados de {target}"
    ),
    "{package} could not be downloaded": "não foi possível baixar {package}",
    "no CPU build of {package} for {target} is to be had: PyTorch's own index does not answer; "
    "run this again on a network that reaches {index}": (
        "não há de onde tirar a versão de CPU de {package} para {target}: o índice do próprio PyTorch não responde; "
        "rode isto de novo em uma rede que alcance {index}"
    ),
    # the options
    "Make Olaria's environment in .venv.": "Cria o ambiente da Olaria em .venv.",
    "only what running needs, no development tools": "só o que o uso precisa, sem ferramentas de desenvolvimento",
    "take all from DIR, without network": "tira tudo de DIR, sem rede",
    "fill DIR for that": "enche DIR para isso",
    "the Pythons to fill it for; else this one": "os Pythons para os quais encher; senão, este",
    "the systems to fill it for; else this one": "os sistemas para os quais encher; senão, este",
    # what went wrong
    "{lock} is missing; get the project's files again": (
        "falta {lock}; obtenha de novo os arquivos do projeto"
    ),
    "this Python cannot make virtual environments (it has no ensurepip); on Debian and Ubuntu: "
    "sudo apt install python3-venv": (
        "este Python não cria ambientes virtuais (não tem ensurepip); no Debian e no Ubuntu: "
        "sudo apt install python3-venv"
    ),
    "{place} is no environment that set-up made; move it away": (
        "{place} não é um ambiente criado por esta instalação; tire-o daí"
    ),
    "no environment can be made in {place} ({reason}); from a USB stick, copy the whole folder to "
    "this computer's disk and run it there": (
        "não é possível criar o ambiente em {place} ({reason}); se for um pendrive, copie a pasta inteira para "
        "o disco deste computador e rode lá"
    ),
    "{folder} has no working Python 3.11 or newer; delete it: {place}": (
        "{folder} não tem um Python 3.11 ou mais novo que funcione; apague-a: {place}"
    ),
    "pip could not be added to the environment": "não foi possível pôr o pip no ambiente",
    "the locked packages could not be installed": "não foi possível instalar os pacotes travados",
    "{package} could not be installed": "não foi possível instalar {package}",
    "the new environment does not work": "o ambiente novo não funciona",
    "pip finds no {package} for this Python and system": (
        "o pip não encontra {package} para este Python e este sistema"
    ),
    "pip finds no {package} for {target}": "o pip não encontra {package} para {target}",
    "no reason given": "sem explicação",
    "{text} (is there a network? without one: {again})": ("{text} (há rede? sem rede: {again})"),
}


class SetupError(Exception):
    """Something that the person has to mend; one line."""


def language(environ: Mapping[str, str] = os.environ) -> str:
    """As the installed program chooses it: ``--lang`` among what make passes on, ``OLARIA_LANG``, then the system's
    variables, else English.

    >>> language({"LANG": "pt_BR.UTF-8"}), language({"OLARIA_LANG": "en", "LANG": "pt_BR.UTF-8"})
    ('pt', 'en')
    >>> language({"ARGS": "--lang pt --budget 2m", "LANG": "en_US.UTF-8"})
    'pt'
    """
    passed_on = re.search(r"--lang[ =](\S+)", environ.get("ARGS", ""))
    if passed_on:
        return "pt" if passed_on[1][:2].lower() == "pt" else "en"
    for name in ("OLARIA_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = environ.get(name, "").strip()
        if value:
            return "pt" if value[:2].lower() == "pt" else "en"
    return "en"


def words(text: str, /, **fields: object) -> str:
    """An English text in the user's language, its fields filled in."""
    return (PORTUGUESE[text] if language() == "pt" else text).format(**fields)


def say(text: str, /, **fields: object) -> None:
    """One plain line of progress."""
    print(words(text, **fields), flush=True)
