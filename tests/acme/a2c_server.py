"""acme2certifier as a program: `python -m tests.acme.a2c_server PORT FOLDER`, with listener.pem and .key in there.

The package comes without a server that speaks HTTPS. ACME_SRV_CONFIGFILE names its configuration.
"""

import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from acme2certifier.share.acme2certifier_wsgi import application


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Handler(WSGIRequestHandler):
    def address_string(self) -> str:
        """Without a question to DNS."""
        return str(self.client_address[0])


def secure(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
    return application(environ | {"wsgi.url_scheme": "https"}, start_response)


def main(port: int, folder: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "listener.pem", folder / "listener.key")
    server = make_server("127.0.0.1", port, secure, server_class=Server, handler_class=Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
