"""A small Hugging Face hub: the addresses that the hub's own library asks, in a thread of this process."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

TOKEN = "hf_aSecretOfAna"
COMMIT = "c" * 40


class Hub(ThreadingHTTPServer):
    """Repositories by name, each with its files and whether it is private; what was asked, in order."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.files: dict[str, dict[str, bytes]] = {}
        self.private: dict[str, bool] = {}
        self.large: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.statuses: dict[str, int] = {}
        self.spoiled: set[str] = set()
        self.agents: set[str] = set()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


def listing(name: str, content: bytes) -> dict[str, Any]:
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    found: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": blob}
    if name.endswith((".safetensors", ".bin")):
        sha = hashlib.sha256(content).hexdigest()
        found["lfs"] = {"sha256": sha, "size": len(content), "pointerSize": 130}
    return found


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def log_message(self, *_: Any) -> None:
        """Nothing."""

    def answer(
        self, value: Any = None, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, one in (headers or {}).items():
            self.send_header(name, one)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def refuse(self, status: int, code: str = "") -> None:
        headers = {"X-Error-Code": code, "X-Error-Message": f"no, {TOKEN}"}
        self.answer({"error": f"no, {TOKEN}\nand more"}, status, headers)

    def handle_any(self) -> None:
        hub, path = self.server, urlsplit(self.path).path
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = b"".join(self._chunks())
        hub.asked.append(f"{self.command} {path}")
        hub.agents.add(self.headers.get("User-Agent", ""))
        for part, status in hub.statuses.items():
            if part in path:
                self.refuse(status)
                return
        knows = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        if path == "/api/whoami-v2":
            self.answer({"type": "user", "name": "ana"}) if knows else self.refuse(401)
        elif path == "/api/repos/create":
            self._create(json.loads(body))
        elif path == "/api/validate-yaml":
            self.answer({"errors": [], "warnings": [{"message": "of no interest"}]})
        elif path.startswith("/lfs/"):
            hub.large[path.removeprefix("/lfs/")] = body
            self.answer({})
        elif path.endswith(".git/info/lfs/objects/batch"):
            self._batch(json.loads(body))
        else:
            self._of_repository(path, body, knows)

    do_GET = do_HEAD = do_POST = do_PUT = handle_any

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _create(self, asked: dict[str, Any]) -> None:
        name = f"{asked['organization'] or 'ana'}/{asked['name']}"
        if asked["organization"] not in (None, "ana"):
            self.refuse(403)
            return
        self.server.files[name] = {".gitattributes": b"* -text\n"}
        self.server.private[name] = asked.get("visibility", "public") == "private"
        self.answer({"url": f"{self.server.address}/{name}"})

    def _batch(self, asked: dict[str, Any]) -> None:
        objects = [
            {
                **one,
                "actions": {"upload": {"href": f"{self.server.address}/lfs/{one['oid']}"}},
            }
            for one in asked["objects"]
        ]
        self.answer({"transfer": "basic", "objects": objects})

    def _of_repository(self, path: str, body: bytes, knows: bool) -> None:
        parts = path.removeprefix("/api/models").strip("/").split("/")
        name, rest = "/".join(parts[:2]), parts[2:]
        files = self.server.files.get(name)
        if files is None or (self.server.private[name] and not knows):
            self.refuse(404 if knows else 401, "RepoNotFound")
        elif rest[:1] == ["resolve"]:
            self._file(files, name, rest[2])
        elif rest[:1] == ["preupload"]:
            asked = json.loads(body)["files"]
            modes = [
                (f["path"], "lfs" if f["path"].endswith(".safetensors") else "regular")
                for f in asked
            ]
            keys = [{"path": p, "uploadMode": m, "shouldIgnore": False} for p, m in modes]
            self.answer({"files": keys})
        elif rest[:1] == ["commit"]:
            for line in map(json.loads, body.splitlines()):
                value = line["value"]
                if line["key"] == "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                elif line["key"] == "lfsFile":
                    files[value["path"]] = self.server.large[value["oid"]]
            address = f"{self.server.address}/{name}/commit/{COMMIT}"
            self.answer({"success": True, "commitOid": COMMIT, "commitUrl": address})
        elif rest[:1] == ["revision"] and rest[1] not in ("main", COMMIT):
            self.refuse(404, "RevisionNotFound")
        else:
            listed = [listing(*one) for one in files.items()]
            private = self.server.private[name]
            self.answer({"id": name, "sha": COMMIT, "private": private, "siblings": listed})

    def _file(self, files: dict[str, bytes], name: str, file: str) -> None:
        content = files[file]
        if file in self.server.spoiled:
            content = b"x" + content[1:]
        known = listing(file, files[file])
        etag = known["lfs"]["sha256"] if "lfs" in known else known["blobId"]
        self.answer(content, headers={"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT})


@contextmanager
def serving() -> Iterator[Hub]:
    """A hub that answers until the end of the block."""
    hub = Hub()
    thread = Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join()
