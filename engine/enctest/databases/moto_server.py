"""Runs moto's server on a free port, and writes that down; started as a file, with a folder as argument."""

from __future__ import annotations

import logging
import sys
from pathlib import Path


def port_file(folder: Path) -> Path:
    """Return the file that holds the port as soon as the server listens."""
    return folder / "port"


def main(folder: Path) -> None:
    """Serve until killed."""
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request fills the memory
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=MotoRequestHandler)
    fresh = port_file(folder).with_suffix(".new")
    fresh.write_text(str(server.server_port), encoding="ascii")
    fresh.rename(port_file(folder))
    server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
