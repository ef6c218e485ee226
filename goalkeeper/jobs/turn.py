"""Take turns: one process at a time works on a model, whoever it is and wherever it runs.

Who stands still past the lease (a suspended machine, SIGSTOP) is overtaken; when it goes on, its writes are
refused inside their own transactions, see `store.leases`.
"""

import logging
import math
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from core.errors import GoalkeeperError, StoreError
from core.text import gettext as _
from goalkeeper.clock import now
from store.database import Store
from store.leases import acquire, fenced, held, lost, release, renew

log = logging.getLogger("goalkeeper.passes")


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
def turn(store: Store, name: str, length: timedelta) -> Iterator[Store]:
    """Hold the lease `name` inside the block, renewed in the background; yields the store to write to.

    Raises:
        BusyError: somebody else has the turn.
        LostLeaseError: somebody else got it meanwhile; what was not written by then never will be.
    """
    me = holder_name()
    fence = acquire(store, name, me, now(), length)
    if fence is None:
        current = held(store, name)
        if current is not None and is_dead(current.holder):
            release(store, name, current.holder, current.fence)
            fence = acquire(store, name, me, now(), length)
        if fence is None:
            raise BusyError(
                _("{name} is being worked on by {holder}.").format(
                    name=name, holder=current.holder if current else "?"
                ),
                hint=_("Wait for it to end; a dead one's turn lapses after {n} s.").format(
                    n=math.ceil(length.total_seconds())
                ),
            )
    ended = threading.Event()

    def keep() -> None:
        while not ended.wait(length.total_seconds() / 3):
            try:
                if not renew(store, name, me, fence, now(), length):
                    return  # the next write is refused
            except StoreError as error:  # whoever works meets it as well; it may be back the next time
                log.debug("%s", name, exc_info=error)

    keeper = threading.Thread(target=keep, daemon=True, name=f"lease {name}")
    keeper.start()
    try:
        yield fenced(store, name, me, fence)
    except StoreError as error:
        current = held(store, name)
        if current is not None and current.fence != fence:  # it stood still inside a write, and lost that
            raise lost(name, current.holder) from error
        raise
    finally:
        ended.set()
        keeper.join()
        release(store, name, me, fence)
