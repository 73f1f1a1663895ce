"""Exported conversations: WhatsApp's ``_chat.txt``, of either phone, and Telegram's ``result.json``.

WhatsApp begins a message with its time and its sender, in the notation of the phone's language; what follows without
them belongs to the message above. Lines without a sender are the program's own, of who joined and what was changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from olaria.data.entries import Entry
from olaria.i18n import N_, Message, Setting
from olaria.vocabulary import Times

_WHATSAPP_NAME = re.compile(r"(?:^|/)(?:_chat|[^/]*WhatsApp[^/]*)\.txt$", re.IGNORECASE)
_MESSAGES = b'"messages"'
MAX_JSON_CHARS = 1 << 29
"""Of an export of Telegram; its objects take many times as much memory."""
LOOKED_AT = 1 << 16
"""Characters in which a chat has at least one message."""
FEWEST = 2
"""Messages that make a chat."""
_LONGEST = 10
"""Lines of a message, on average, beyond which a text that holds times is no chat."""
_MARKS = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
"""Invisible marks of direction, which WhatsApp puts before what it says itself."""
_DATE = r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\.?"
_TIME = r"\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:\s?[AaPp]\.?\s?[Mm]\b\.?)?"
_WORDS = r"(?:[^\W\d_]{1,3}\.?\s){0,2}"
"""Between date and time, in some language: ``at``, ``às``, ``um``, ``à``, ``a las``, ``kl.``"""
_WHEN = rf"(?:{_DATE},?\s{_WORDS}{_TIME}|{_TIME},\s{_DATE})"
_HEAD = re.compile(rf"[{_MARKS}]*(?:\[{_WHEN}\]\s?|{_WHEN}\s[-–]\s)")
_UNSAVED = "~\u202f\u00a0 "
"""Before the name of a sender whom the phone's owner has not saved."""
_OWN = "\u200e"
"""Before a line that an iPhone's WhatsApp wrote itself, in whatever language."""
_SENDER = re.compile(r"([^:]{1,120}?):(?:\s|$)")
_FILE_ONLY = re.compile(
    rf"[{_MARKS}]*(?:<[^<>]{{1,200}}>"
    r"|.{0,200}\((?:file attached|arquivo anexado|archivo adjunto)\)"
    rf"|\w+(?: \w+){{0,3}} (?:omitted|omitid[oa]|ocult(?:ad)?[oa]))[{_MARKS}]*"
    rf"|{_OWN}.*",
    re.IGNORECASE,
)
"""A message that only stands for a picture, a sound or another file: ``<Mídia oculta>``, ``image omitted``."""


def is_chat(entry: Entry) -> bool:
    """Whether a file is called as a conversation is that WhatsApp or Telegram exports.

    >>> names = ("x/_chat.txt", "Conversa do WhatsApp com Ana.txt", "chat.txt")
    >>> [is_chat(Entry(name, 0, bytes)) for name in names]
    [True, True, False]
    """
    return _WHATSAPP_NAME.search(entry.name) is not None or is_telegram(entry)


def is_telegram(entry: Entry) -> bool:
    """Whether a file is called as Telegram's export and holds messages."""
    is_named = PurePosixPath(entry.name).name == "result.json"
    return is_named and _MESSAGES in entry.read()


@dataclass(frozen=True)
class Written:
    """One message.

    Attributes:
        sender: "" where it is the program's own.
        text: may have several lines.
    """

    sender: str
    text: str


@dataclass(frozen=True)
class Chat:
    """A conversation.

    Attributes:
        text: what is read of it: each message with its sender, each with its time or none.
        num_messages: from people.
        senders: their names.
        num_left_out: messages of the program's own, or that only stand for a file, that are not in the text.
    """

    text: str
    num_messages: int
    senders: frozenset[str]
    num_left_out: int = 0


def whatsapp(text: str, times: Times) -> Chat | None:
    """A text as WhatsApp exports it; None where it is none.

    With its times it stays as it is, letter for letter. Without them, a message is ``Ana: text``, and what the program
    itself wrote is left out.

    >>> chat = whatsapp("[12/03/2024, 21:05:33] Ana: oi\\n[12/03/2024, 21:06:01] Zé: olá\\ntudo bem?", "drop")
    >>> chat.text
    'Ana: oi\\nZé: olá\\ntudo bem?\\n'
    """
    if not any(map(_HEAD.match, text[:LOOKED_AT].split("\n"))):
        return None
    found = _messages(text)
    people = [one for one in found if one.sender]
    if len(people) < FEWEST:
        return None
    if _LONGEST * len(found) < sum(bool(line.strip()) for line in text.split("\n")):
        return None
    senders = frozenset(one.sender for one in people)
    if times == "keep":
        return Chat(text, len(people), senders)
    kept = [one for one in people if not _FILE_ONLY.fullmatch(one.text)]
    plain = "".join(f"{one.sender}: {one.text.strip(_MARKS)}\n" for one in kept)
    return Chat(plain, len(people), senders, len(found) - len(kept))


def _messages(text: str) -> list[Written]:
    """Each message with the lines that follow it; lines before the first belong to none."""
    messages: list[tuple[str, list[str]]] = []
    for line in text.split("\n"):
        head = _HEAD.match(line)
        if head:
            rest = line[head.end() :]
            sender = _SENDER.match(rest)
            said = rest[sender.end() :] if sender else rest
            name = sender[1].strip(_MARKS + " ").lstrip(_UNSAVED) if sender else ""
            messages.append((name, [said]))
        elif messages:
            messages[-1][1].append(line)
    return [Written(sender, "\n".join(lines).strip(" \n")) for sender, lines in messages]


def telegram(text: str, times: Times) -> Chat | None:
    """The messages of Telegram's ``result.json``, of one chat or of all; a message is ``[time] Ana: text``.

    None where the text is anything else.
    """
    if len(text) > MAX_JSON_CHARS or _MESSAGES.decode() not in text:
        return None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    records = _records(document)
    if not records:
        return None
    people, lines = [], []
    for record in records:
        said = _plain(record.get("text"))
        sender = record.get("from") or record.get("from_id")
        if record.get("type") != "message" or not said or not isinstance(sender, str):
            continue
        when = str(record.get("date", "")).replace("T", " ")
        people.append(sender)
        lines.append(f"[{when}] {sender}: {said}\n" if times == "keep" else f"{sender}: {said}\n")
    return Chat("".join(lines), len(people), frozenset(people), len(records) - len(people))


def _records(document: Any) -> list[dict[str, Any]]:
    """The messages of one chat, or of the chats of a whole account, in order."""
    if not isinstance(document, dict):
        return []
    chats = document.get("chats")
    parts = chats.get("list") if isinstance(chats, dict) else [document]
    records = []
    for part in parts if isinstance(parts, list) else []:
        messages = part.get("messages") if isinstance(part, dict) else None
        records += messages if isinstance(messages, list) else []
    return [one for one in records if isinstance(one, dict) and "date" in one and "type" in one]


def _plain(text: Any) -> str:
    """The words of a message, which Telegram gives in pieces where some of them are links or bold."""
    pieces = text if isinstance(text, list) else [text]
    words = [piece.get("text") if isinstance(piece, dict) else piece for piece in pieces]
    return "".join(word for word in words if isinstance(word, str)).strip()


def chat_notes(chats: Sequence[Chat], times: Times) -> list[Message]:
    """That these are chats, of how many people, and what became of the times."""
    if not chats:
        return []
    fields = {
        "messages": sum(chat.num_messages for chat in chats),
        "chats": len(chats),
        "people": len(frozenset[str]().union(*(chat.senders for chat in chats))),
        "others": sum(chat.num_left_out for chat in chats),
    }
    if times == "keep":
        message = N_(
            "exported chats: {chats}, with {messages} {messages:message|messages} of "
            "{people} {people:person|people}; the time of each is read as text, {setting} "
            "leaves it out"
        )
        notes = [Message(message, {**fields, "setting": Setting("times", "drop")})]
    else:
        message = N_(
            "exported chats: {chats}, with {messages} {messages:message|messages} of "
            "{people} {people:person|people}; senders are kept, times are left out"
        )
        notes = [Message(message, fields)]
    if fields["others"]:
        message = N_("messages left out, written by the program itself or a file alone: {others}")
        notes.append(Message(message, fields))
    return notes
