"""Leads connections of a copied process to its own databases, where a URL was read before there were copies.

Only processes that were forked after the project's modules had read their URLs need this. Other drivers
than these get an error: the database that they ask for lets nobody in.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


class Redirect(MetaPathFinder):
    """Replaces what drivers connect with, also in those that are imported later.

    Args:
        folder: Of the server's unix socket.
        port: Of the server on 127.0.0.1.
        names: New database by old one.
    """

    def __init__(self, folder: str, port: int, names: Mapping[str, str]) -> None:
        self._folder = folder
        self._port = str(port)
        self._names = names
        self._patches: dict[str, Callable[[Any], None]] = {
            "psycopg": self._psycopg,
            "psycopg2": self._psycopg2,
            "asyncpg.connect_utils": self._asyncpg,
        }
        for name, patch in list(self._patches.items()):
            if name in sys.modules:
                del self._patches[name]
                patch(sys.modules[name])
        sys.meta_path.insert(0, self)

    def find_spec(self, fullname: str, path: object, target: ModuleType | None = None) -> ModuleSpec | None:
        """Patch a driver as it is imported; find nothing."""
        patch = self._patches.pop(fullname, None)
        if patch is None:
            return None
        spec: Any = None
        for finder in list(sys.meta_path):
            spec = None if finder is self else finder.find_spec(fullname, path, target)  # type: ignore[arg-type]
            if spec is not None:
                break
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                patch(module)

            spec.loader.exec_module = exec_module
        return spec  # type: ignore[no-any-return]

    def _new(self, host: object, port: object, name: object) -> str | None:
        ours = host == self._folder or (host in {"127.0.0.1", "localhost"} and str(port) == self._port)
        return self._names.get(str(name)) if ours else None

    def _psycopg(self, module: Any) -> None:
        from psycopg.conninfo import conninfo_to_dict

        def parameters(conninfo: str, options: dict[str, Any]) -> dict[str, Any]:
            asked = conninfo_to_dict(conninfo, **{k: v for k, v in options.items() if k in _WHERE})
            new = self._new(asked.get("host"), asked.get("port"), asked.get("dbname"))
            return {**options, "dbname": new} if new else options

        for kind in (module.Connection, module.AsyncConnection):
            connect = kind.connect.__func__

            def redirected(kind: Any, /, conninfo: str = "", *, _to: Any = connect, **options: Any) -> Any:
                return _to(kind, conninfo, **parameters(conninfo, options))

            functools.update_wrapper(redirected, connect)
            kind.connect = classmethod(redirected)
        module.connect = module.Connection.connect

    def _psycopg2(self, module: Any) -> None:
        connect = module.connect

        @functools.wraps(connect)
        def redirected(dsn: Any = None, *args: Any, **options: Any) -> Any:
            from psycopg2.extensions import parse_dsn

            asked = {**(parse_dsn(dsn) if dsn else {}), **options}
            name = asked.get("dbname") or asked.get("database")
            new = self._new(asked.get("host"), asked.get("port"), name)
            if new:
                options = {k: v for k, v in options.items() if k != "database"} | {"dbname": new}
            return connect(dsn, *args, **options)

        module.connect = redirected

    def _asyncpg(self, module: Any) -> None:
        parse = module._parse_connect_arguments  # noqa: SLF001 - where all ways to name a database meet

        @functools.wraps(parse)
        def redirected(*args: Any, **options: Any) -> Any:
            addresses, parameters, *rest = parse(*args, **options)
            for address in addresses:
                host, port = address if isinstance(address, tuple) else (str(address).rpartition("/")[0], "")
                new = self._new(host, port, parameters.database)
                if new:
                    parameters = parameters._replace(database=new)
                    break
            return addresses, parameters, *rest

        module._parse_connect_arguments = redirected  # noqa: SLF001 - as above


_WHERE = {"host", "port", "dbname", "service", "user"}
