"""A language model's endpoint on 127.0.0.1, with replies and faults that a test writes: OpenAI's chat completions.

A fault befalls a call by a hash of its text and of how often that text was asked, so a run of faults is the same
whatever the order of the calls, and the share of faults is what was asked for.
"""

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from lit_gpt.curation.judging.question import Reply
from lit_gpt.seeds import derive_seed

FAULTS = ("429", "500", "cut", "timeout", "empty")
SLOW_S = 2.5  # above the timeout of whoever expects one


@dataclass
class Stub:
    """`answer` makes a reply of a prompt: a text, or a Reply that says how many tokens. What happened is counted."""

    answer: Callable[[str], str | Reply]
    fault_share: float = 0.0
    faults: Sequence[str] = FAULTS
    delay_s: float = 0.0
    n_paid: int = 0
    asked: Counter[str] = field(default_factory=Counter)  # prompt -> calls
    paid: Counter[str] = field(default_factory=Counter)  # prompt -> whole replies sent
    befell: Counter[str] = field(default_factory=Counter)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fault_of(self, prompt: str) -> str:
        with self.lock:
            self.asked[prompt] += 1
            draw = derive_seed("fault", prompt, self.asked[prompt]) / 2**63
            fault = self.faults[int(draw / self.fault_share * len(self.faults))] if draw < self.fault_share else ""
            self.befell[fault] += 1
        return fault


def completion(reply: str | Reply, prompt: str) -> bytes:
    if isinstance(reply, str):
        reply = Reply(reply, len(prompt.split()), len(reply.split()))
    usage = {"prompt_tokens": reply.n_in, "completion_tokens": reply.n_out, "total_tokens": reply.n_in + reply.n_out}
    message = {"role": "assistant", "content": reply.text}
    choices = [{"index": 0, "message": message, "finish_reason": "length" if reply.is_cut else "stop"}]
    body = {"id": "stub", "object": "chat.completion", "created": 0, "model": "stub", "choices": choices}
    return json.dumps(body | ({} if reply.n_in < 0 else {"usage": usage})).encode()


class _Handler(BaseHTTPRequestHandler):
    stub: Stub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        stub = self.stub
        n_bytes = int(self.headers["Content-Length"])
        data = self.rfile.read(n_bytes)
        if len(data) < n_bytes:  # who asked was killed before it had said what
            self.close_connection = True
            return
        body = json.loads(data)
        with stub.lock:
            stub.headers.append({name.lower(): value for name, value in self.headers.items()})
            stub.bodies.append(body)
            stub.under_way += 1
            stub.most_under_way = max(stub.most_under_way, stub.under_way)
        try:
            self._reply(body["messages"][-1]["content"])
        except (BrokenPipeError, ConnectionResetError):
            pass  # who asked is gone
        finally:
            with stub.lock:
                stub.under_way -= 1

    def _reply(self, prompt: str) -> None:
        stub, fault = self.stub, self.stub.fault_of(prompt)
        if fault == "timeout":
            time.sleep(SLOW_S)
            self.close_connection = True
            return
        time.sleep(stub.delay_s)
        if fault in ("429", "500"):
            self._send(
                int(fault), b'{"error": {"message": "scripted"}}', {"Retry-After": "0"} if fault == "429" else {}
            )
        elif fault == "empty":
            self._send(200, b"")
        elif fault == "cut":
            data = completion(stub.answer(prompt), prompt)
            self._send(200, data[: len(data) // 2])
        elif fault.isdigit():
            self._send(int(fault), b'{"error": {"message": "refused for good"}}')
        else:
            data = completion(stub.answer(prompt), prompt)
            with stub.lock:
                stub.n_paid += 1
                stub.paid[prompt] += 1
            self._send(200, data)

    def _send(self, status: int, data: bytes, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in (more or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is gone is no error of ours; anything else is told."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serving(stub: Stub) -> Iterator[Stub]:
    """The stub at stub.url while the block runs."""
    handler = type("Handler", (_Handler,), {"stub": stub})
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    stub.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
