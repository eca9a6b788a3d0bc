"""A hub of our own on the loopback interface, with the faults of real ones."""

import contextlib
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

COMMIT = "c" * 40
Answer = tuple[int, dict[str, str], bytes]


@dataclass
class FakeHub:
    """The three answers of the hub that matter: a revision's commit, its files, and a file's bytes.

    files     what the hub states; `served` is what it sends, `large` are stored with their SHA-256
    refusal   answers everything
    busy      answers to be given first, one a request for a file's bytes
    cut_at    the connection ends after so many bytes of a file, once for each number
    stalls    seconds without a byte in the middle of a file, once for each number
    elsewhere another address that files are redirected to
    seen      (path, headers) of each request
    """

    repo_id: str
    files: dict[str, bytes]
    large: set[str]
    kind: str = "models"
    commit: str = COMMIT
    revisions: tuple[str, ...] = ("main", "v1", COMMIT)
    refusal: Answer | None = None
    busy: list[Answer] = field(default_factory=list)
    busy_at_first: list[Answer] = field(default_factory=list)
    cut_at: list[int] = field(default_factory=list)
    stalls: list[float] = field(default_factory=list)
    elsewhere: str = ""
    ignores_range: bool = False
    endpoint: str = ""
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.served = dict(self.files)

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.seen]

    def ranges(self, name: str) -> list[str | None]:
        """The Range header of every request for a file's bytes."""
        return [headers.get("range") for path, headers in self.seen if path.endswith(f"/{name}")]

    def answer(self, path: str) -> Answer:
        """(status, headers, body) for a path."""
        if self.refusal:
            return self.refusal
        if path.startswith("/api/") and self.busy_at_first:
            return self.busy_at_first.pop(0)
        for revision in self.revisions:
            if path == f"/api/{self.kind}/{self.repo_id}/revision/{revision}":
                return 200, {}, json.dumps({"id": self.repo_id, "sha": self.commit}).encode()
        if path == f"/api/{self.kind}/{self.repo_id}/tree/{self.commit}":
            return 200, {}, json.dumps([self.describe(name) for name in self.files]).encode()
        folder = "datasets/" if self.kind == "datasets" else ""
        name = path.removeprefix(f"/{folder}{self.repo_id}/resolve/{self.commit}/")
        if name in self.served:
            return self.file(name, path)
        return 404, {"X-Error-Code": "RevisionNotFound" if "/revision/" in path else "RepoNotFound"}, b"{}"

    def file(self, name: str, path: str) -> Answer:
        if self.elsewhere:
            return 302, {"Location": self.elsewhere + path}, b""
        if self.busy:
            return self.busy.pop(0)
        return 200, {"X-Repo-Commit": self.commit, "ETag": f'"{self.etag(name)}"'}, self.served[name]

    def describe(self, name: str) -> dict[str, object]:
        entry: dict[str, object] = {
            "type": "file",
            "path": name,
            "size": len(self.files[name]),
            "oid": self.blob(name),
        }
        if name in self.large:
            entry["lfs"] = {"oid": self.etag(name), "size": len(self.files[name]), "pointerSize": 130}
        return entry

    def blob(self, name: str) -> str:
        return hashlib.sha1(f"blob {len(self.files[name])}\0".encode() + self.files[name]).hexdigest()

    def etag(self, name: str) -> str:
        return hashlib.sha256(self.files[name]).hexdigest() if name in self.large else self.blob(name)

    def send(self, request: http.server.BaseHTTPRequestHandler) -> None:
        """Answer a request, with the part of the file it asks for and the faults that are due."""
        path = unquote(urlsplit(request.path).path)
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append((path, headers))
        status, more, body = self.answer(path)
        asked = headers.get("range", "")
        if status == 200 and asked.startswith("bytes=") and not self.ignores_range:
            start = int(asked.removeprefix("bytes=").split("-")[0])
            if start >= len(body):
                status, more, body = 416, {}, b""
            else:
                status, more["Content-Range"] = 206, f"bytes {start}-{len(body) - 1}/{len(body)}"
                body = body[start:]
        request.send_response(status)
        for name, value in {**more, "Content-Length": str(len(body))}.items():
            request.send_header(name, value)
        request.end_headers()
        if request.command == "GET":
            self.send_body(request, body, is_file="/resolve/" in path and status in (200, 206))

    def send_body(self, request: http.server.BaseHTTPRequestHandler, body: bytes, is_file: bool) -> None:
        if is_file and self.cut_at and self.cut_at[0] < len(body):
            request.wfile.write(body[: self.cut_at.pop(0)])
            request.close_connection = True
            request.connection.close()
            return
        half = len(body) // 2
        request.wfile.write(body[:half])
        if is_file and self.stalls:
            request.wfile.flush()
            self.gone.wait(self.stalls.pop(0))
        with contextlib.suppress(OSError):  # the other side may have had enough
            request.wfile.write(body[half:])


@contextlib.contextmanager
def serving(hub: FakeHub) -> Iterator[FakeHub]:
    """The hub at an address of its own, `hub.endpoint`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hub.send(self)

        do_HEAD = do_GET

        def log_message(self, *arguments: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *arguments: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        hub.gone.set()
        server.shutdown()
        server.server_close()
