"""A proxy in front of S3 that stops a writer before the PUT of a data file, or just before or after its commit.

Writers run unchanged. The gate recognises their requests, so a test can cause races and crashes at a chosen point.
"""

import http.client
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

COMMIT = re.compile(r"/_delta_log/(\d{20})\.json$")
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "expect"}


class CommitGate:
    """Forwards all requests to `endpoint`. The hooks run in the thread of the request.

    `before_commit` and `after_commit` get the version that a PUT commits, `before_data` the path of a Parquet file.
    """

    def __init__(self, endpoint, before_commit=lambda version: None, after_commit=lambda version: None):
        self.before_data = lambda path: None
        self.upstream = urlsplit(endpoint).netloc
        self.before_commit = before_commit
        self.after_commit = after_commit
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def _handler(self):
        gate = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                commit = COMMIT.search(urlsplit(self.path).path) if self.command == "PUT" else None
                if commit:
                    gate.before_commit(int(commit[1]))
                elif self.command == "PUT" and self.path.endswith(".parquet"):
                    gate.before_data(self.path)
                answer, content = gate.ask(self.command, self.path, self.headers, body)
                if commit and answer.status == 200:
                    gate.after_commit(int(commit[1]))
                self.answer(answer, content)

            def answer(self, answer, content):
                self.send_response_only(answer.status, answer.reason)
                for name, value in answer.getheaders():
                    if name.lower() not in HOP_BY_HOP | {"content-length"}:
                        self.send_header(name, value)
                # The answer to a HEAD has a Content-Length, but no body.
                length = answer.getheader("Content-Length") if self.command == "HEAD" else None
                self.send_header("Content-Length", length or str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = forward

            def log_message(self, *_):
                pass

        return Handler

    def ask(self, method, path, headers, body):
        """Sends one request on a new connection."""
        connection = http.client.HTTPConnection(self.upstream)
        try:
            kept = {name: value for name, value in headers.items() if name.lower() not in HOP_BY_HOP}
            connection.request(method, path, body or None, kept)
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()
