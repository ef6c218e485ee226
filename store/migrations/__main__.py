"""Write the next migration from what store/tables.py says: `python -m store.migrations "WHAT CHANGES"`.

Then read it, give it a default for every new column that must not be empty, raise HEAD in store/database.py.
"""

import sys
import tempfile
from pathlib import Path

from store.database import HEAD, connect
from store.upgrading import migrate, settings


def main(message: str) -> str:
    """Compare a database at the newest revision with the tables; return the file that was written."""
    from alembic import command

    with tempfile.TemporaryDirectory() as folder:
        engine = connect(f"sqlite:///{Path(folder)}/store.db")
        with engine.connect() as connection:
            migrate(connection)
            connection.commit()
            config = settings(connection)
            config.set_main_option("file_template", "r%%(rev)s")
            made = command.revision(config, message, autogenerate=True, rev_id=f"{int(HEAD) + 1:04}")
        engine.dispose()
    assert made is not None and not isinstance(made, list)
    return str(made.path)


if __name__ == "__main__":
    print(main(" ".join(sys.argv[1:]) or sys.exit(__doc__)))
