"""Kill the loop at random instants: alert → ticket → tracker → e-mail → retraining → proof.

    python -m bench.loop --kills 200      # `make soak N=200` runs it too

On PostgreSQL, with a real command that trains, a tracker and a mail server which also refuse, time out and
hang up in the middle. Two passes are killed (SIGKILL): the one that opens the ticket, and the one that proves
the new version. Then undisturbed passes follow until nothing more is to be done, and it is counted: tickets,
issues and trainings that are missing are `lost`, those beyond one are `doubled`; so is a mail that was taken
more than twice, or under two Message-IDs.
"""

import argparse
import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa
from aiosmtpd.controller import Controller

from bench.soaked import Soaked, postgres, tell
from tests.alerts.github import TOKEN, Hub, github
from tests.notify.servers import free_port

HERE = Path(__file__).parent
START, A_DAY = datetime(2026, 3, 2, tzinfo=UTC), 200
BROKEN, SERVED, DAYS = 30, 36, 43
"""The first day on which labels contradict the scores, the first one of the new version, all days."""
OPENS, PROVES = 33, DAYS
"""The passes that are killed: each runs in the morning of that day."""
UNDISTURBED, ALIVE = "undisturbed", "ended before it was killed"
SEED, LIMIT, PATIENCE = 20260302, 120.0, 150.0
MOODS = ("takes", "takes", "takes", "takes in silence", "refuses", "silent", "hangs up")
STATUSES = (0, 0, 0, 500, 403)
"""How the mail server and the tracker answer, one as often as another; 0 answers well."""
MOODY_PASSES = 2
"""So many passes after a killed one meet servers in a mood."""
CONFIG = """\
store: {store}
state_dir: state
smtp: {{host: 127.0.0.1, port: {port}, tls: none, from: goalkeeper@example.com, timeout: 1s}}
channels: {{owners: {{kind: email, to: [growth@example.com]}}}}
trackers: {{issues: {{kind: github, repo: acme/leads, token: {token}, url: "{hub}", timeout: 1s}}}}
models:
  lead:
    title: Lead scoring
    notify: [owners]
    predictions: {{path: "{data}/log-*.parquet", columns: {{id: id, time: at, version: version, score: p}}}}
    ground_truth:
      {{path: "{data}/truth-*.parquet", columns: {{id: id, time: known_at, label: y}}, maturity: 1d}}
    reference: {{from: 2026-03-02, to: 2026-03-25}}
    retrain: {{kind: command, run: python {train}, least_labels: 100, time_limit: 60s}}
"""
TRAIN = """\
import json, sys, time
brief = json.load(sys.stdin)
with open("trained.txt", "a") as trained:
    trained.write(brief["key"] + "\\n")
time.sleep(0.3)
print(json.dumps({"version": "v2"}))
"""


@dataclass
class Moody:
    """A mail server that takes a mail, or refuses it, is silent for too long, or hangs up in the middle.

    Once it takes a mail and hangs up before it says so: of that one (`unsaid`) a third copy is its own doing.
    """

    rng: random.Random
    taken: list[tuple[str, str]] = field(default_factory=list)
    moods: Counter[str] = field(default_factory=Counter)
    unsaid: str = ""
    calm: bool = False

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        mood = "takes" if self.calm else self.rng.choice(MOODS)
        self.moods[mood] += 1
        if mood == "refuses":
            return "451 4.3.0 later"
        if mood == "silent":
            await asyncio.sleep(2)
            return "451 4.4.2 too late"
        if mood == "hangs up":
            server.transport.close()
            return "421 4.3.2 gone"
        mail = message_from_bytes(envelope.content)
        self.taken.append((str(mail["Message-ID"]), str(mail["Subject"])))
        if mood == "takes in silence" and not self.unsaid:
            self.unsaid = str(mail["Message-ID"])
            server.transport.close()
        return "250 OK"


@dataclass(kw_only=True)
class Round:
    """One project with servers of its own, on a database of its own."""

    folder: Path
    url: str
    hub: Hub
    post: Moody
    data: Path

    def start(self, now: datetime) -> "subprocess.Popen[bytes]":
        """Start a pass."""
        command = [sys.executable, "-m", "goalkeeper", "collect", "-c", str(self.folder / "goalkeeper.yaml")]
        with (self.folder / "said").open("ab") as out:
            return subprocess.Popen(
                [*command, "--now", now.isoformat()], cwd=self.folder, stdout=out, stderr=out,
                env=os.environ | {"PYTHONPATH": str(HERE.parent)},
            )  # fmt: skip

    def run(self, now: datetime) -> None:
        """Run a pass to its end."""
        process = self.start(now)
        try:
            code = process.wait(LIMIT)
        finally:
            process.kill()
            process.wait()
        if code:
            raise RuntimeError(f"a pass ended with {code}: {(self.folder / 'said').read_text()[-1500:]}")

    def kill(self, now: datetime, after: float) -> bool:
        """Kill a pass `after` some seconds; False where it had ended by itself."""
        process = self.start(now)
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            process.kill()
        process.wait()
        return process.returncode < 0

    def settle(self, now: datetime, state: str) -> None:
        """Run passes, each later than the last, until the ticket has come to `state` and nothing waits."""
        until, passes = time.monotonic() + PATIENCE, 0
        while time.monotonic() < until:
            self.post.calm = self.post.calm or passes >= MOODY_PASSES
            self.hub.status = 0 if self.post.calm else self.post.rng.choice(STATUSES)
            now, passes = now + timedelta(minutes=20), passes + 1
            self.run(now)
            told = self.ask("SELECT state, resolution FROM ticket WHERE kind = 'retrain'")
            waiting = self.ask("SELECT 1 FROM outbox WHERE state != 'sent'")
            behind = self.ask("SELECT 1 FROM mirror WHERE error != ''")
            if [row for row in told if state in (row[0], row[1])] and not waiting and not behind:
                return

    def ask(self, query: str) -> list[Any]:
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        with engine.connect() as connection:
            return list(connection.execute(sa.text(query)).all())

    def faults(self, state: str) -> tuple[list[str], list[str]]:
        """Return what is missing and what is there too often."""
        lost: list[str] = []
        doubled: list[str] = []
        tickets = self.ask("SELECT key, state, resolution FROM ticket WHERE kind = 'retrain'")
        if len(tickets) != 1:
            (lost if not tickets else doubled).append(f"tickets: {tickets}")
        elif state not in tickets[0][1:]:
            lost.append(f"the ticket is {tickets[0][1:]}, not {state}")
        for key in self.ask("SELECT key FROM ticket"):
            held = [one for one in self.hub.issues if f"goalkeeper: {key[0]} -->" in (one["body"] or "")]
            if len(held) != 1:
                (doubled if held else lost).append(f"{len(held)} issues of {key[0]}")
        trained = (
            (self.folder / "trained.txt").read_text().split()
            if self.folder.joinpath("trained.txt").exists()
            else []
        )
        if len(trained) != 1:
            (doubled if trained else lost).append(f"trained {len(trained)} times")
        ids = Counter(one for one, _subject in self.post.taken)
        subjects = {
            subject: {one for one, said in self.post.taken if said == subject}
            for _one, subject in self.post.taken
        }
        queued = self.ask("SELECT key FROM outbox")
        if len(ids) < len(queued):
            lost.append(f"{len(ids)} mails of {len(queued)} messages")
        doubled += [f"{n} times {one}" for one, n in ids.items() if n > 2 + (one == self.post.unsaid)]
        doubled += [f"two ids of {subject}" for subject, found in subjects.items() if len(found) > 1]
        return lost, doubled


@contextmanager
def a_round(folder: Path, server: str, data: Path, template: str, seed: int) -> Iterator[Round]:
    """Lay a project out with servers of its own; the database is a copy of `template`, if there is one."""
    name = f"loop_{uuid.uuid4().hex[:12]}"
    tell(server, f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
    url = sa.make_url(server).set(database=name).render_as_string(hide_password=False)
    place = folder / name
    (place / "state").mkdir(parents=True)
    post, port = Moody(rng=random.Random(seed)), free_port()
    controller = Controller(post, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        with github() as hub:
            (place / "train.py").write_text(TRAIN)
            text = CONFIG.format(
                store=url, port=port, token=TOKEN, hub=hub.url, data=data, train=place / "train.py"
            )
            (place / "goalkeeper.yaml").write_text(text)
            yield Round(folder=place, url=url, hub=hub, post=post, data=data)
    finally:
        controller.stop()
        tell(server, f"DROP DATABASE {name} WITH (FORCE)")


def soak_loop(folder: Path, server: str, kills: int, *, seed: int = SEED) -> Soaked:
    """Kill `kills` passes, every other one of each kind, and say what came of it."""
    rng = random.Random(seed)
    data = folder / "data"
    data.mkdir()
    _days(data, 0, OPENS)
    spans: dict[str, float] = {}
    lost: list[str] = []
    doubled: list[str] = []
    far: Counter[str] = Counter()
    moods: Counter[str] = Counter()
    with a_round(folder, server, data, "", seed) as ready:
        ready.post.calm = True
        ready.run(_morning(BROKEN))
        template = str(sa.make_url(ready.url).database)
        for at in range(kills):
            kind = "opens" if at % 2 == 0 else "proves"
            with a_round(folder, server, data, template, seed + at) as one:
                if kind == "proves":
                    one.post.calm = True
                    one.settle(_morning(OPENS), "verifying")
                    one.post.calm = False
                    _days(one.folder / "more", OPENS, DAYS)
                    _link(one)
                now = _morning(OPENS if kind == "opens" else PROVES)
                if kind not in spans:
                    begun = time.perf_counter()
                    one.run(now)
                    spans[kind] = time.perf_counter() - begun
                    far[UNDISTURBED] += 1
                else:
                    one.hub.lose = rng.random() < 0.2
                    one.hub.status = rng.choice(STATUSES)
                    killed = one.kill(now, spans[kind] * (0.25 + 0.75 * rng.random()))
                    far[_reached(one) if killed else ALIVE] += 1
                one.settle(now, "verifying" if kind == "opens" else "verified")
                gone, more = one.faults("verifying" if kind == "opens" else "verified")
                lost += [f"{kind} {at}: {fault}" for fault in gone]
                doubled += [f"{kind} {at}: {fault}" for fault in more]
                moods += one.post.moods
    kept = {name: count for name, count in far.items() if name not in (UNDISTURBED, ALIVE)}
    print(f"loop: the mail server {dict(moods)}", flush=True)
    return Soaked(
        what="loop", kills=sum(kept.values()), lost=len(lost), doubled=len(doubled), reached=kept,
        faults=(*lost, *doubled),
    )  # fmt: skip


def _link(one: Round) -> None:
    """Give a round days of its own beside those that all share."""
    path = one.folder / "goalkeeper.yaml"
    for file in sorted(one.data.glob("*.parquet")):
        (one.folder / "more" / file.name).symlink_to(file)
    path.write_text(path.read_text().replace(str(one.data), str(one.folder / "more")))


def _reached(one: Round) -> str:
    """Say how far a killed pass had come, by what it left."""
    steps = [
        ("before the ticket", "SELECT 1"),
        ("ticket", "SELECT 1 FROM ticket WHERE kind = 'retrain'"),
        ("retraining claimed", "SELECT 1 FROM retraining WHERE state = 'claimed'"),
        ("retraining", "SELECT 1 FROM retraining WHERE state = 'running'"),
        ("mailing", "SELECT 1 FROM outbox WHERE state = 'claimed'"),
        ("mirrored", "SELECT 1 FROM mirror WHERE handle != ''"),
        ("verified", "SELECT 1 FROM ticket WHERE resolution = 'verified'"),
    ]
    return [name for name, query in steps if one.ask(query)][-1]


def _morning(day: int) -> datetime:
    return START + timedelta(days=day, hours=6)


def _days(folder: Path, first: int, last: int) -> None:
    """Write log and truth of some days; scores tell nothing from BROKEN on, until v2 serves."""
    folder.mkdir(exist_ok=True)
    for day in range(first, last):
        rng = np.random.default_rng(day)
        seconds = np.sort(rng.integers(0, 86_400, A_DAY))
        at = pd.Timestamp(START) + pd.to_timedelta(day * 86_400 + seconds, unit="s")
        p = rng.uniform(0.05, 0.95, A_DAY)
        lost = BROKEN <= day < SERVED
        y = rng.uniform(size=A_DAY) < (1 - p if lost else p)
        ids = [f"r{day:03d}{i:04d}" for i in range(A_DAY)]
        version = "v2" if day >= SERVED else "v1"
        log = pd.DataFrame({"id": ids, "at": at, "version": version, "p": p})
        truth = pd.DataFrame({"id": ids, "known_at": at + pd.Timedelta(hours=5), "y": y})
        log.to_parquet(folder / f"log-{day:03d}.parquet", index=False)
        truth.to_parquet(folder / f"truth-{day:03d}.parquet", index=False)


def main() -> None:
    """Soak, print and leave with 1 where anything was lost or doubled."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=SEED)
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="goalkeeper-loop-") as folder,
        postgres(Path(folder, "pg")) as url,
    ):
        found = soak_loop(Path(folder), url, asked.kills, seed=asked.seed)
    print(f"{found.kills} kills, {found.lost} lost, {found.doubled} doubled; killed while {found.reached}")
    for fault in found.faults:
        print(f"  {fault}")
    sys.exit(bool(found.lost or found.doubled))


if __name__ == "__main__":
    main()
