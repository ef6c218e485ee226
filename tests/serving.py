"""Serve JSON on this machine: what an interface over there takes and refuses."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, Any] | None
"""A status and what is told as JSON; None hangs up without a word."""
Answering = Callable[[str, str, Mapping[str, str], bytes], Answer]
"""From method, path with its query, headers and body."""


@contextmanager
def serving(answering: Answering) -> Iterator[str]:
    """Serve until the block ends; return the address."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_args: object) -> None:
            return

        def handle_any(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = answering(self.command, self.path, self.headers, raw)
            if answer is None:
                self.close_connection = True
                self.connection.close()
                return
            code, told = answer
            data = b"" if told is None else json.dumps(told).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = handle_any  # noqa: N815  # http.server looks for these names

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
