"""Subtitles keep only what is said, however a program wrote them."""

from __future__ import annotations

import time
import zipfile
from pathlib import Path

import pytest

from olaria.data import DataConfig, TextData, load
from olaria.data.subtitles import spoken

SAID = "Olá!\n1984\n— Foi?\n"


def numbered(times: str, end: str = "\n") -> str:
    """Three cues with numbers and blank lines, the times written in some way."""
    lines = ["1", times, "<i>Olá!</i>", "", "2", times, "1984", "", "3", times, "{\\an8}— Foi?", ""]
    return end.join(lines)


@pytest.mark.parametrize(
    "times",
    [
        "00:00:01,000 --> 00:00:02,000",
        "00:00:01,000-->00:00:02,000",
        "0:0:1 --> 0:0:2",
        "1:02 --> 1:03",
        "00:00:01.000 --> 00:00:02.000",
        "00:00:01:000 --> 00:00:02:000",
        "00:00:01,000 --> 00:00:02,000  X1:117 X2:619 Y1:042 Y2:428",
        "00:00:01,5 -> 00:00:02,5",
        "00:00:01,000 —> 00:00:02,000",
        "00:00:01,000 --&gt; 00:00:02,000",
        "00 : 00 : 01 , 000  →  00 : 00 : 02 , 000",
        "\t-0:00:01,000 --> ",
    ],
)
def test_times_go_however_they_are_written(times: str) -> None:
    assert spoken(numbered(times)).text == SAID
    assert spoken("\ufeff" + numbered(times, "\r\n")).text == SAID
    assert spoken(numbered(times)).num_cues == 3
    without = numbered(times).replace("1\n", "", 1).replace("\n2\n", "\n").replace("\n3\n", "\n")
    assert spoken(without).text == SAID, "without numbers"
    assert spoken(numbered(times).replace("\n", "\n\n")).text == SAID, "every second line blank"
    assert spoken(numbered(times).replace("1984\n", "1984\n\n\nfoi\n")).text == (
        "Olá!\n1984\nfoi\n— Foi?\n"
    )


def test_numbers_that_are_said_stay() -> None:
    countdown = "".join(f"0:0{n} --> 0:0{n + 1}\n{3 - n}\n\n" for n in range(3))
    assert spoken(countdown).text == "3\n2\n1\n"
    assert spoken("1\n0:01 --> 0:02\n1984\n2\n0:03 --> 0:04\n7\n").text == "1984\n7\n"


def test_what_is_said_behind_the_times_stays() -> None:
    assert spoken("0:01 --> 0:02 align:start position:0%\nOlá\n").text == "Olá\n"
    assert spoken("0:01 --> 0:02 são 3 horas\n").text == "são 3 horas\n"
    assert (
        spoken("1\n0:01 --> 0:02\nde 10:30 --> 11:00, talvez\n").text
        == "de 10:30 --> 11:00, talvez\n"
    )


def test_webvtt_comments_styles_and_names_go_and_speakers_stay() -> None:
    text = """WEBVTT - sample
Kind: captions
Language: pt

NOTE two
lines

STYLE
::cue { color: lime }

REGION
id:fred

intro
00:01.000 --> 00:02.000 align:start position:0%
<v.loud Ana>Pão &amp; vinho</v>

2
00:00:03.000 --> 00:00:04.000
<c.yellow>10</c><00:00:03.500><c> anos</c>

00:00:05.000 --> 00:00:06.000
NOTES on a desk
"""
    read = spoken(text)
    assert read.text == "Ana: Pão & vinho\n10 anos\nNOTES on a desk\n"
    assert (read.num_cues, read.num_voices) == (3, 1)


def test_sbv_and_substation_keep_what_is_said() -> None:
    assert spoken("0:00:01.000,0:00:02.000\nOlá\n7\n\n0:00:03.000,0:00:04.000\nfim\n").text == (
        "Olá\n7\nfim\n"
    )
    substation = r"""[Script Info]
Title: x
[V4+ Styles]
Format: Name, Fontname
Style: Default,Arial
[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:01.00,0:00:02.00,Default,Ana,0,0,0,,{\i1}Olá, vocês{\i0}\Nfoi
Comment: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,not said
Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{\p1}m 0 0 l 1 1
"""
    assert spoken(substation).text == "Olá, vocês\nfoi\n"


def test_what_was_left_out_is_counted(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        packed.writestr("a.SRT", numbered("0:01 --> 0:02"))
        packed.writestr("b.vtt", "WEBVTT\n\n0:01 --> 0:02\n<v Ana>oi\n")
        packed.writestr("c.srt", "no times here\n")
    data = load(tmp_path / "x.zip", DataConfig(name="x"))
    assert isinstance(data, TextData)
    notes = [note.text() for note in data.notes]
    assert notes[0].startswith("subtitle files: 2, with 4 cues; what is said is kept")
    assert notes[1] == "speakers that subtitle files name: 1, each kept in front, as in “Ana: ”"
    assert notes[2] == "subtitle files without times, of which every line is read: 1 (c.srt)"
    assert data.notes[0].text("pt").startswith("arquivos de legenda: 2, com 4")


@pytest.mark.parametrize("piece", ["<a", "{\\", "<v ", "1:", "0:0 ", " ", "0:0-->0:0 ", "--> "])
def test_long_lines_take_linear_time(piece: str) -> None:
    started = time.process_time()
    spoken(piece * 200_000)
    spoken("WEBVTT\n\n" + piece * 200_000)
    assert time.process_time() - started < 5


ROLLED = [f"linha {number} de quem fala" for number in range(20)]


@pytest.mark.parametrize("way", ["vtt", "srt", "two lines"])
def test_captions_that_roll_are_said_once(way: str, tmp_path: Path) -> None:
    pieces = ["WEBVTT\nKind: captions\nLanguage: pt\n"] if way == "vtt" else []
    for place, (before, line) in enumerate(zip(["", *ROLLED], ROLLED, strict=False)):
        time_ = f"00:00:{place:02}.000 --> 00:00:{place:02}.900"
        if way == "vtt":
            first, *rest = line.split(" ", 1)
            tagged = f"{first} <00:00:00.240><c> {rest[0]}</c>"
            pieces.append(f"{time_} align:start position:0%\n{before or ' '}\n{tagged}\n")
        else:
            pieces.append(f"{place + 1}\n{time_}\n{before}\n{line}\n")
        if way != "two lines":
            pieces.append(f"{time_}\n{line}\n ")
    path = tmp_path / f"a.{way if way == 'vtt' else 'srt'}"
    path.write_text("\n".join(pieces), "utf-8")
    data = load(path, DataConfig(name="x"))
    assert isinstance(data, TextData)
    assert data.text == "".join(f"{line}\n" for line in ROLLED)
    count = 19 if way == "two lines" else 39
    message = f"lines that rolling subtitles show again were left out: {count}"
    assert message in [note.text() for note in data.notes]


def test_what_is_said_twice_stays() -> None:
    said = ["Não!", "Não!", *(f"fala {number}" for number in range(20)), "Sim.", "Sim."]
    cues = [f"{place}\n0:{place:02} --> 0:{place:02}\n{line}\n" for place, line in enumerate(said)]
    assert spoken("\n".join(cues)).text.split("\n")[:-1] == said
    assert spoken("\n".join(cues[:2] * 20)).text == "Não!\n" * 40
