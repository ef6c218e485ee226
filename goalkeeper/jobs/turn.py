"""Take turns: one process at a time works on a model, whoever it is and wherever it runs."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from core.errors import GoalkeeperError
from core.text import gettext as _
from goalkeeper.clock import now
from store.database import Store
from store.leases import acquire, held, release, renew

LENGTH = timedelta(seconds=90)


class BusyError(GoalkeeperError):
    """Somebody else has the turn."""


def holder_name() -> str:
    """Return who asks: host and process."""
    return f"{socket.gethostname()}:{os.getpid()}"


def is_dead(holder: str) -> bool:
    """Tell whether a holder of this host is a process that is no longer there."""
    host, _colon, pid = holder.rpartition(":")
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


@contextmanager
def turn(store: Store, name: str) -> Iterator[int]:
    """Hold the lease `name` inside the block, renewed in the background; yields its fencing number.

    Raises:
        BusyError: somebody else has the turn.
    """
    me = holder_name()
    fence = acquire(store, name, me, now(), LENGTH)
    if fence is None:
        current = held(store, name)
        if current is not None and is_dead(current.holder):
            release(store, name, current.holder, current.fence)
            fence = acquire(store, name, me, now(), LENGTH)
        if fence is None:
            raise BusyError(
                _("{name} is being worked on by {holder}.").format(
                    name=name, holder=current.holder if current else "?"
                ),
                hint=_("Wait for it to end; a dead one's turn lapses after {n} s.").format(
                    n=int(LENGTH.total_seconds())
                ),
            )
    ended = threading.Event()

    def keep() -> None:
        while not ended.wait(LENGTH.total_seconds() / 3):
            renew(store, name, me, fence, now(), LENGTH)

    keeper = threading.Thread(target=keep, daemon=True, name=f"lease {name}")
    keeper.start()
    try:
        yield fence
    finally:
        ended.set()
        keeper.join()
        release(store, name, me, fence)
