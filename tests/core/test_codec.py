"""What is written is read back bit for bit, and equal parts give equal bytes."""

import zlib
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.codec import decode, encode
from core.errors import StoreError
from core.profile import ColumnSummary, Inputs, Outcomes
from tests.core import made

many = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def assert_same(a: object, b: object) -> None:
    """Compare bit for bit, arrays with dtype and shape."""
    if isinstance(a, np.ndarray):
        assert isinstance(b, np.ndarray)
        assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    elif isinstance(a, Inputs | Outcomes | ColumnSummary):
        assert type(a) is type(b)
        for item in fields(a):
            assert_same(getattr(a, item.name), getattr(b, item.name))
    elif isinstance(a, dict):
        assert isinstance(b, dict) and a.keys() == b.keys()
        for key in a:
            assert_same(a[key], b[key])
    else:
        assert a == b and type(a) is type(b)


@many
@given(inputs=made.inputs, outcomes=made.outcomes)
def test_it_reads_back_what_it_wrote(inputs: Inputs, outcomes: Outcomes) -> None:
    assert_same(decode(encode(inputs), Inputs), inputs)
    assert_same(decode(encode(outcomes), Outcomes), outcomes)


@many
@given(inputs=made.inputs)
def test_equal_parts_give_equal_bytes(inputs: Inputs) -> None:
    shuffled = Inputs(**{
        item.name: dict(reversed(value.items())) if isinstance(value, dict) else value
        for item in fields(inputs)
        for value in [getattr(inputs, item.name)]
    })  # fmt: skip

    assert encode(shuffled) == encode(inputs)
    assert encode(decode(encode(inputs), Inputs)) == encode(inputs)


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_it_keeps_every_bit_of_a_float(value: float) -> None:
    kept = decode(encode(Inputs(score_sum=value, latency_sum=1.0)), Inputs).score_sum
    column = ColumnSummary(counts=np.zeros(2, dtype=np.int64), minimum=value, maximum=value)
    again = decode(encode(Inputs(columns={"x": column})), Inputs).columns["x"]

    assert np.float64(kept).tobytes() == np.float64(value if value != 0 else kept).tobytes()
    assert again.minimum == again.maximum == value


@pytest.mark.parametrize("top", [0, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**62])
def test_it_keeps_counts_of_any_size(top: int) -> None:
    counts = np.array([0, top], dtype=np.int64)

    read = decode(encode(Outcomes(errors=counts)), Outcomes).errors

    assert read is not None
    assert_same(read, counts)


def test_it_keeps_negative_sums_and_empty_arrays() -> None:
    part = Outcomes(score_sums=np.array([-1.5, 0.0, 1e300]), errors=np.zeros(0, dtype=np.int64))

    assert_same(decode(encode(part), Outcomes), part)


def test_an_empty_part_is_a_few_bytes() -> None:
    assert len(encode(Inputs())) < 40
    assert_same(decode(encode(Inputs()), Inputs), Inputs())


def test_arrays_that_were_read_can_be_merged() -> None:
    part = decode(encode(Outcomes(errors=np.array([1, 2], dtype=np.int64))), Outcomes)

    merged = part.merge(part).errors

    assert merged is not None
    assert merged.tolist() == [2, 4]


def test_a_day_of_twenty_columns_stays_small() -> None:
    rng = np.random.default_rng(0)
    columns = {f"c{at}": ColumnSummary(counts=rng.poisson(80, 130).astype(np.int64)) for at in range(20)}
    score = rng.poisson(10, (2, 1001)).astype(np.int64)

    assert len(encode(Inputs(rows=10_000, columns=columns, score=score))) < 8_000


def test_it_says_what_is_no_profile() -> None:
    with pytest.raises(StoreError, match="These 5 bytes are not a profile"):
        decode(b"hello", Inputs)


def test_it_says_that_a_format_is_newer() -> None:
    with pytest.raises(StoreError, match="Profile format 9 is not format 3") as caught:
        decode(b"GKP\x09" + zlib.compress(b""), Inputs)
    assert "goalkeeper db upgrade" in caught.value.hint


def test_what_earlier_versions_wrote_is_read() -> None:
    body = b'{"rows":3,"columns":{"%":{"age":{"#":{"counts":{"@":"<u2","s":[2]},"missing":1}}}}}'
    packed = zlib.compress(len(body).to_bytes(4, "little") + body + b"\x01\x00\x02\x01", 1)

    found = decode(b"GKP\x01" + packed, Inputs)

    assert (found.rows, found.columns["age"].missing) == (3, 1)
    assert found.columns["age"].counts.tolist() == [1, 258]


def test_the_dictionary_never_changes() -> None:
    written = bytes.fromhex("474b500278bba0a72874d36660608025256c818e648e295039004df60e8f")

    found = decode(written, Inputs)

    assert (found.rows, found.weight, found.latency_missing) == (5, 5.0, 5)
