"""What `enctest init` proposes: databases, and where each part of them was found."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from enctest.cli.init import addresses
from enctest.cli.init.addresses import Address, Django, Image
from enctest.cli.init.files import Files

Env = str | dict[str, str]
_DRIVERS = {"asyncpg", "psycopg", "psycopg2", "psycopg2-binary", "psycopg-binary", "pg8000", "aiopg"}
_SERVERS = {"postgres": "postgresql", "postgis": "postgresql", "pgvector": "postgresql",
            "timescaledb": "postgresql",
            "valkey": "valkey", "redis": "redis", "minio": "s3", "localstack": "s3"}  # fmt: skip
_SCHEMES = {"postgres": "postgresql", "postgresql": "postgresql", "sqlite": "sqlite", "redis": "redis",
            "rediss": "redis", "valkey": "valkey"}  # fmt: skip
_OF_DJANGO = {"postgresql": "postgresql", "postgis": "postgresql", "psycopg2": "postgresql"}
_SEEDS = ("seed.sql", "seeds.sql", "fixtures.sql", "*/seed.sql", "*/seeds.sql")
_USUAL = {"postgresql": "DATABASE_URL", "sqlite": "DATABASE_URL", "redis": "REDIS_URL", "valkey": "REDIS_URL"}


@dataclass
class Proposal:
    """One database: its table in pyproject.toml, and why it looks so."""

    name: str
    engine: str
    version: str = ""
    migrations: str = ""
    seed: str = ""
    env: Env = ""
    scheme: str = ""
    reasons: list[str] = field(default_factory=list)


@dataclass
class Seen:
    """All that was found."""

    files: Files
    addresses: list[Address]
    images: list[Image]
    asked: dict[str, str]
    django: Django | None

    @classmethod
    def of(cls, root: Path, environment: Mapping[str, str]) -> Seen:
        """Look at a project; nothing of it is run."""
        files = Files.of(root)
        return cls(
            files,
            list(addresses.addresses(files, environment)),
            list(addresses.images(files)),
            addresses.asked(files),
            addresses.django(files),
        )

    def image(self, engine: str) -> Image | None:
        """Return the first service of a compose file that runs such a server."""
        return next((each for each in self.images if _SERVERS.get(each.image) == engine), None)

    def address(self, *engines: str) -> Address | None:
        """Return the first URL of such a database."""
        return next((each for each in self.addresses if _engine(each) in engines), None)


def propose(seen: Seen) -> list[Proposal]:
    """Return the databases that a project seems to use, its SQL database first."""
    found = [_sql(seen), _cache(seen), _s3(seen)]
    return [each for each in found if each is not None]


def _engine(address: Address) -> str:
    return _SCHEMES.get(address.scheme.partition("+")[0], "")


def _sql(seen: Seen) -> Proposal | None:
    address = seen.address("postgresql", "sqlite")
    image = seen.image("postgresql")
    tool, why = _migrations(seen)
    drivers = sorted(_DRIVERS & seen.files.requirements)
    engine = _OF_DJANGO.get(seen.django.engine, seen.django.engine) if seen.django else ""
    if engine not in ("", "postgresql"):
        return None  # pytest-django makes SQLite databases itself, and others are not ours
    engine = (
        engine or (_engine(address) if address else "") or ("postgresql" if image or drivers or tool else "")
    )
    asked = _asked(seen, "DATABASE", "POSTGRES", "PG", "DB")
    if not engine or not (tool or asked or address or (seen.django and seen.django.env)):
        return None
    proposal = Proposal(_name(seen, address, image), engine, migrations=tool)
    proposal.reasons += [why] if why else []
    if image and engine == "postgresql":
        _take_image(proposal, image)
    seed = next(
        (path for path in seen.files.named(*_SEEDS) if path.suffix == ".sql" and str(path.parent) != tool),
        None,
    )
    if seed and tool:
        proposal.seed = str(seed)
        proposal.reasons.append(f"{seed}: rows for the tests")
    _take_env(proposal, seen, address, asked)
    if engine == "postgresql":
        _take_scheme(proposal, seen, address, drivers)
    return proposal


def _take_image(proposal: Proposal, image: Image) -> None:
    major = re.match(r"(?:pg)?(\d+)", image.tag)
    proposal.version = major[1] if major else ""
    proposal.reasons.append(f"{image.place}: image {image.image}{f':{image.tag}' if image.tag else ''}")


def _take_env(proposal: Proposal, seen: Seen, address: Address | None, asked: dict[str, str]) -> None:
    if seen.django is not None and seen.django.env:
        proposal.env = seen.django.env
        proposal.reasons.append(f"{seen.django.place}: the variables of Django's default database")
    elif asked:
        proposal.env = "DATABASE_URL" if "DATABASE_URL" in asked else next(iter(asked))
        proposal.reasons.append(f"{asked[proposal.env]}: asks for {proposal.env}")
    elif address is not None and address.variable.isidentifier() and address.variable.isupper():
        proposal.env = address.variable
    if address is not None:
        proposal.reasons.append(f"{address.place}: {address.variable} is a URL of {address.scheme}")
    if not proposal.env:
        proposal.env = _USUAL[proposal.engine]
        proposal.reasons.append(
            f"no variable was found: your code has to take the address from {proposal.env}"
        )


def _take_scheme(proposal: Proposal, seen: Seen, address: Address | None, drivers: list[str]) -> None:
    """SQLAlchemy takes its driver from the scheme, and psycopg2 where that names none."""
    if address is not None and "+" in address.scheme:
        proposal.scheme = address.scheme
    elif address is None and isinstance(proposal.env, str) and "sqlalchemy" in seen.files.requirements:
        modern = [driver for driver in ("asyncpg", "psycopg") if driver in drivers]
        if len(modern) == 1 and not {"psycopg2", "psycopg2-binary"} & set(drivers):
            proposal.scheme = f"postgresql+{modern[0]}"
            proposal.reasons.append(f"requirements: sqlalchemy with {modern[0]}")


def _migrations(seen: Seen) -> tuple[str, str]:
    """Return what `migrations` is to be, and why; nothing when there are none."""
    files = seen.files
    for path in files.named("manage.py"):
        if seen.django is not None or "DJANGO_SETTINGS_MODULE" in files.text(path):
            return str(path), f"{path}: migrations by Django"
    for path in files.named("alembic.ini"):
        return str(path), f"{path}: migrations by Alembic"
    for path in files.named("yoyo.ini"):
        return str(path), f"{path}: migrations by yoyo"
    counts: dict[Path, int] = {}
    for path in files.named("*.sql"):
        if re.search(r"migrat|schema|changes|^versions$", path.parent.name):
            counts[path.parent] = counts.get(path.parent, 0) + 1
    if not counts:
        return "", ""
    folder = min(counts, key=lambda each: (len(each.parts), str(each)))
    return str(folder), f"{folder}/: {counts[folder]} SQL file{'s' * (counts[folder] > 1)}"


def _asked(seen: Seen, *beginnings: str) -> dict[str, str]:
    pattern = re.compile(rf"(?:\w+_)?(?:{'|'.join(beginnings)})_?(?:URL|URI|DSN)")
    return {name: place for name, place in seen.asked.items() if pattern.fullmatch(name)}


def _name(seen: Seen, address: Address | None, image: Image | None) -> str:
    project = seen.files.project.get("project")
    candidates = [
        address.name.partition(".")[0] if address else "",
        image.database if image else "",
        str(project.get("name", "")) if isinstance(project, dict) else "",
        seen.files.root.name,
    ]
    cleaned = (re.sub(r"\W+", "_", candidate, flags=re.ASCII).strip("_").lower() for candidate in candidates)
    return next((name for name in cleaned if name and not name.isdigit()), "main")


def _cache(seen: Seen) -> Proposal | None:
    address, image = seen.address("redis", "valkey"), seen.image("valkey") or seen.image("redis")
    asked = _asked(seen, "REDIS", "VALKEY")
    if not address and not asked:
        return None
    proposal = Proposal("cache", _SERVERS[image.image] if image else _engine(address) if address else "redis")
    if image:
        proposal.reasons.append(f"{image.place}: image {image.image}")
    _take_env(proposal, Seen(seen.files, [], [], {}, None), address, asked)
    return proposal


def _s3(seen: Seen) -> Proposal | None:
    image = seen.image("s3")
    asked = [name for name in seen.asked if "ENDPOINT_URL" in name]
    if not image and not asked:
        return None
    why = f"{image.place}: image {image.image}" if image else f"{seen.asked[asked[0]]}: asks for {asked[0]}"
    proposal = Proposal("files", "s3", reasons=[why])
    if asked and asked[0] != "AWS_ENDPOINT_URL":
        proposal.env = {asked[0]: "{url}"} | {
            "AWS_ACCESS_KEY_ID": "{access_key}",
            "AWS_SECRET_ACCESS_KEY": "{secret_key}",
            "AWS_DEFAULT_REGION": "{region}",
        }
    return proposal
