"""Logs in an object store are counted as on disk, found by globs and read again only when they change."""

import gzip
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pyarrow import fs

from collectors.engines import Engines
from collectors.objects import ObjectOptions, ObjectStore
from collectors.sources.base import Setting, Slice
from collectors.sources.csv import Options, Source
from core.config.secrets import MASK, Secret
from core.errors import SourceError
from tests.collectors.buckets import Buckets
from tests.collectors.house import NOW, House, assert_alike, body, log_rows, truth_rows, write

LOG = log_rows(a_day=60)
TRUTH = truth_rows(LOG)
DAY = timedelta(days=1)
LATER = datetime(2100, 1, 1, tzinfo=UTC)


def up(buckets: Buckets, bucket: str, rows: pd.DataFrame, kind: str, name: str, folder: Path) -> None:
    """Write rows as one object `name`.parquet, .csv.gz or .jsonl."""
    path = Path(write(rows, kind.removesuffix(".gz"), folder / "up", "part")["path"])
    content = gzip.compress(path.read_bytes()) if kind.endswith(".gz") else path.read_bytes()
    buckets.put(f"{bucket}/{name}.{kind}", content)


@pytest.fixture
def bucket() -> str:
    return f"gk-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="module")
def near(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[bool, House]]:
    """Collect the same rows from this machine's disk: with empty texts, and without as in a CSV."""
    made = {}
    for empty in (True, False):
        made[empty] = one = House(folder=tmp_path_factory.mktemp("near"))
        log = write(LOG if empty else without_empty(LOG), "parquet", one.folder, "log")
        far(one, log, write(TRUTH, "parquet", one.folder, "truth")).collect()
    yield made
    for one in made.values():
        one.close()


def without_empty(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(plan=rows["plan"].replace("", None))


def far(house: House, log: dict[str, Any], truth: dict[str, Any]) -> House:
    """Configure the model of `near` over other places."""
    reference = write(log_rows(seed=9, days=3), "parquet", house.folder, "reference")
    house.body = body(log, truth, reference, service_grain="1d")
    return house


@pytest.mark.parametrize("kind", ["parquet", "csv.gz", "jsonl"])
def test_rows_of_a_bucket_are_counted_as_on_disk(
    house: House,
    near: Mapping[bool, House],
    buckets: Buckets,
    bucket: str,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for day, part in LOG.groupby(LOG["at"].dt.strftime("%Y-%m-%d")):
        up(buckets, bucket, part, kind, f"logs/day={day}/part 0", house.folder)
    up(buckets, bucket, LOG, "csv", "logs/other", house.folder)
    up(buckets, bucket, TRUTH, kind, "truth/all", house.folder)
    monkeypatch.setenv("LAKE_SECRET", buckets.secret)
    options = buckets.options(secret_key="${LAKE_SECRET}")
    house.more = {"connections": {"lake": {"url": f"s3://{bucket}/", "options": options}}}
    far(
        house,
        {"connection": "lake", "path": f"logs/day=*/part*.{kind}"},
        {"connection": "lake", "path": f"**/all.{kind}"},
    )
    assert not house.collect().error
    assert assert_alike(house, near[kind != "csv.gz"]) > 20
    assert buckets.secret not in house.project.model_dump_json()
    assert buckets.secret not in "".join(house.statements)


def test_a_folder_named_key_and_value_becomes_a_column(buckets: Buckets, bucket: str, tmp_path: Path) -> None:
    from collectors.sources.parquet import Options as Parquet
    from collectors.sources.parquet import Source as ParquetSource

    for day in ("2026-03-27", "2026-03-28"):
        up(buckets, bucket, LOG, "parquet", f"logs/day={day}/a", tmp_path)
    engines = Engines()
    options = Parquet(path=f"s3://{bucket}/logs/*/*.parquet", **buckets.options())
    source = ParquetSource(Setting(options=options, engines=engines, use="predictions", time="at"))
    source.slices({}, LATER)
    found = {column.name: column.kind for column in source.columns()}
    assert found["day"] == "time"
    assert source.sample((None, None), ["day", "id"], 5).num_rows == 5
    engines.close()


def a_source(engines: Engines, path: str, **more: Any) -> Source:
    return Source(
        Setting(options=Options(path=path, **more), engines=engines, use="predictions", time="at", id="id")
    )


def test_what_stays_as_it_is_is_not_read_again(buckets: Buckets, bucket: str) -> None:
    for i in range(3):
        buckets.put(f"{bucket}/logs/{i}.csv.gz", gzip.compress(b"id,at\n1,2026-03-27 10:00:00\n"))

    def looked(known: dict[str, Slice], now: datetime) -> tuple[dict[str, Slice], dict[str, int]]:
        engines, before = Engines(), buckets.asked()
        found = a_source(engines, f"s3://{bucket}/logs/*.gz", **buckets.options()).slices(known, now)
        engines.close()
        return {one.name: one for one in found}, dict(buckets.asked() - before)

    first, asked = looked({}, LATER)
    assert list(first) == [f"s3://{bucket}/logs/{i}.csv.gz" for i in range(3)]
    assert asked["GET"] >= 3
    again, asked = looked(first, LATER)
    assert again == first
    assert asked == {"LIST": 1}
    buckets.put(f"{bucket}/logs/1.csv.gz", gzip.compress(b"id,at\n1,2026-03-28 10:00:00\n2,2026-03-28\n"))
    third, asked = looked(first, LATER)
    changed = [name for name in third if third[name] != first[name]]
    assert changed == [f"s3://{bucket}/logs/1.csv.gz"]
    assert third[changed[0]].rows == 2


def test_a_change_within_the_second_and_of_the_same_size_is_seen_by_the_etag(
    buckets: Buckets, bucket: str
) -> None:
    engines, soon = Engines(), datetime(2000, 1, 1, tzinfo=UTC)
    source = a_source(engines, f"s3://{bucket}/a.csv", **buckets.options())
    buckets.put(f"{bucket}/a.csv", b"id,at\n1,2026-03-27 10:00:00\n")
    known = {one.name: one for one in source.slices({}, soon)}
    (unchanged,) = source.slices(known, soon)
    (settled,) = source.slices(known, LATER)
    buckets.put(f"{bucket}/a.csv", b"id,at\n1,2026-03-28 10:00:00\n")
    (changed,) = source.slices(known, soon)
    assert known == {unchanged.name: unchanged} == {settled.name: settled}
    assert changed.mark != unchanged.mark
    assert changed.first == datetime(2026, 3, 28, 10, tzinfo=UTC)
    engines.close()


def test_the_usual_environment_is_enough(
    buckets: Buckets, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    buckets.put(f"{bucket}/a.csv", b"id,at\n1,2026-03-27 10:00:00\n")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", buckets.key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", buckets.secret)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", buckets.endpoint)
    engines = Engines()
    (found,) = a_source(engines, f"s3://{bucket}/*.csv").slices({}, LATER)
    assert found.rows == 1
    engines.close()


def refused(path: str, **more: Any) -> SourceError:
    engines = Engines()
    with pytest.raises(SourceError) as caught:
        a_source(engines, path, **more).slices({}, LATER)
    engines.close()
    return caught.value


def test_a_missing_bucket_is_told(buckets: Buckets) -> None:
    for path in ("s3://no-such-bucket/logs/*.csv", "s3://no-such-bucket/a.csv", "s3://no-such-bucket/*.csv"):
        error = refused(path, **buckets.options())
        assert error.message == "predictions: There is no bucket s3://no-such-bucket."
        assert error.hint == "Look at its name, at the region and at the endpoint."


def test_a_pattern_without_objects_is_told(buckets: Buckets, bucket: str) -> None:
    buckets.put(f"{bucket}/logs/a.csv", b"id,at\n")
    for path in ("logs/*.jsonl", "other/*.csv", "a.csv"):
        error = refused(f"s3://{bucket}/{path}", **buckets.options())
        assert error.message == f"predictions: no file matches s3://{bucket}/{path}."
        assert error.hint == "The bucket is there: look at what follows it."


def test_a_wrong_key_is_told_without_it(buckets: Buckets, bucket: str) -> None:
    buckets.put(f"{bucket}/logs/a.csv", b"id,at\n")
    with buckets.guarded():
        errors = [
            refused(f"s3://{bucket}/{path}", **buckets.options(secret_key="a-wrong-secret"))
            for path in ("logs/*.csv", "logs/a.csv")
        ]
    for error in errors:
        assert error.message.startswith(f"predictions: s3://{bucket} does not let us in: ")
        assert "access_key, secret_key in the connection's options" in error.hint
        assert buckets.key not in error.message
        assert "a-wrong-secret" not in error.message + error.hint


def test_an_endpoint_that_does_not_answer_is_told() -> None:
    more = {"access_key": "k", "secret_key": "the-secret", "endpoint": "http://127.0.0.1:9", "region": "x"}
    error = refused("s3://bucket/logs/*.csv", **more)
    assert error.message.startswith("predictions: s3://bucket cannot be reached: ")
    assert error.hint == "Look at the endpoint and the network."
    assert "the-secret" not in error.message


def test_an_object_that_goes_while_it_is_read_is_told_by_its_address(buckets: Buckets, bucket: str) -> None:
    buckets.put(f"{bucket}/a.csv", b"id,at\n1,2026-03-27 10:00:00\n")
    engines = Engines()
    source = a_source(engines, f"s3://{bucket}/a.csv", **buckets.options())
    source.slices({}, LATER)
    buckets.files.delete_file(f"{bucket}/a.csv")
    with pytest.raises(SourceError, match=f"DuckDB: .*{bucket}/a.csv"):
        source.sample((None, None), ["id"], 5)
    assert source.recheck()
    assert list(source.skipped()) == [f"s3://{bucket}/a.csv"]
    engines.close()


def test_other_addresses_are_refused() -> None:
    error = refused("ftp://host/a.csv")
    assert error.message == "predictions: nothing is read from ftp://."
    assert error.hint == "Known: s3://, gs://, az://."


def test_half_a_key_is_refused() -> None:
    with pytest.raises(ValueError, match="access_key and secret_key go together"):
        Options(path="s3://bucket/a.csv", access_key="k")


@pytest.mark.parametrize(
    ("scheme", "said", "kind"),
    [
        ("s3", {"anonymous": True, "region": "eu-central-1"}, fs.S3FileSystem),
        ("gs", {"anonymous": True, "endpoint": "http://127.0.0.1:9"}, fs.GcsFileSystem),
        ("az", {"account": "house", "account_key": "c2VjcmV0"}, fs.AzureFileSystem),
    ],
)
def test_each_kind_of_address_has_its_store(scheme: str, said: dict[str, Any], kind: type) -> None:
    store = ObjectStore(scheme=scheme, bucket="box", options=ObjectOptions(**said))
    assert isinstance(store.files(), kind)
    assert store == ObjectStore(scheme=scheme, bucket="box", options=ObjectOptions(**said))


def test_secrets_are_taken_out_of_what_a_store_says() -> None:
    store = ObjectStore(
        scheme="az", bucket="box", options=ObjectOptions(account="a", sas_token=Secret("sv=1&sig=abc"))
    )
    error = store.failed(OSError("AuthenticationFailed for ?sv=1&sig=abc"))
    assert error.message == f"az://box does not let us in: AuthenticationFailed for ?{MASK}"
    assert "account, account_key, sas_token" in error.hint
    assert "sig=abc" not in repr(store)


def to_s3(buckets: Buckets, bucket: str, house: House) -> dict[str, Any]:
    for day, part in LOG.groupby(LOG["at"].dt.strftime("%Y-%m-%d")):
        up(buckets, bucket, part, "parquet", f"logs/day={day}/a", house.folder)
    house.more = {"connections": {"lake": {"url": f"s3://{bucket}", "options": buckets.options()}}}
    return {"connection": "lake", "path": "logs/*/*.parquet"}


def test_a_log_in_a_bucket_and_its_truth_in_postgresql(
    house: House, near: Mapping[bool, House], buckets: Buckets, bucket: str, postgres_url: str
) -> None:
    far(house, to_s3(buckets, bucket, house), write(TRUTH, "sql", house.folder, "truth", postgres_url))
    assert not house.collect().error
    assert assert_alike(house, near[True]) > 20
    assert house.collect(NOW + DAY).windows == 0


def test_a_log_in_postgresql_and_its_truth_in_csv(
    house: House, near: Mapping[bool, House], postgres_url: str
) -> None:
    log = write(LOG, "sql", house.folder, "log", postgres_url)
    far(house, log, write(TRUTH, "csv", house.folder, "truth"))
    assert not house.collect().error
    assert assert_alike(house, near[True]) > 20
    assert house.collect(NOW + DAY).windows == 0
