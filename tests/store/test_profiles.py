"""Profiles, references and grids come back as they were."""

import dataclasses
import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from core.codec import encode
from core.errors import StoreError
from core.grid import CategoricalGrid, GridSet, NumericGrid
from core.profile import Inputs, Outcomes, Profile, ProfileKey, Role
from core.windows import Grain
from store.grids import grid_set, save_grid_set
from store.models import model, save_model
from store.profiles import profiles, save_many, save_profiles
from store.references import current_reference, reference_profiles, references, save_reference
from store.tables import GridRow
from tests.core import made as any_profile
from tests.store.made import DAY, HOUR, NOON, START, day, reference
from tests.store.made import model as a_model


def key(
    at: int = 0, version: str = "v1", role: Role = Role.CHAMPION, segment: str = "", **more
) -> ProfileKey:
    return ProfileKey(
        model="lead", version=version, role=role, segment=segment, grain=Grain.DAY, start=day(at).start,
        grid_set="g", **more,
    )  # fmt: skip


def counted(rows: int, labelled: int = 0) -> Profile:
    return Profile(grid_set="g", inputs=Inputs(rows=rows), outcomes=Outcomes(labelled=labelled))


CELLS = {
    key(): counted(10, 5),
    key(version="v2"): counted(20, 6),
    key(segment="region=north"): counted(4, 2),
    key(role=Role.SHADOW): counted(3),
}


def save(store, cells, at: int = 0) -> str:
    with store.write() as session:
        return save_profiles(session, "lead", Grain.DAY, day(at).start, cells)


def read(store, first: int = 0, end: int = 1, **asked):
    with store.read() as session:
        return profiles(session, "lead", "1d", day(first).start, day(end).start, **asked)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(profile=any_profile.profiles)
def test_any_profile_comes_back_as_it_was(store, profile):
    place = dataclasses.replace(key(), grid_set=profile.grid_set)
    save(store, {place: profile})
    ((found_key, found),) = read(store)
    assert found_key == place and found.grid_set == profile.grid_set
    assert encode(found.inputs) == encode(profile.inputs)
    assert encode(found.outcomes) == encode(profile.outcomes)


def test_the_digest_does_not_depend_on_the_order(store):
    digests = set()
    for seed in range(4):
        cells = list(CELLS.items())
        random.Random(seed).shuffle(cells)
        digests.add(save(store, dict(cells)))
    assert len(digests) == 1


def test_the_digest_changes_with_any_count_and_any_key(store):
    changed = [
        CELLS,
        CELLS | {key(): counted(11, 5)},
        CELLS | {key(): counted(10, 6)},
        CELLS | {key(version="v3"): counted(20, 6)},
        {place: found for place, found in CELLS.items() if place.version == "v1"},
        {},
    ]
    assert len({save(store, cells) for cells in changed}) == len(changed)


def test_saving_replaces_all_profiles_of_the_window_and_of_no_other(store):
    save(store, CELLS)
    save(store, {key(1): counted(7)}, at=1)
    save(store, {key(): counted(1)})
    assert [(place, found.inputs.rows) for place, found in read(store, 0, 2)] == [(key(), 1), (key(1), 7)]


def test_many_windows_are_saved_as_if_one_by_one(store):
    one_by_one = {day(0).start: save(store, CELLS), day(1).start: save(store, {key(1): counted(7)}, at=1)}
    with store.write() as session:
        at_once = save_many(
            session, "lead", "1d", {day(0).start: CELLS, day(1).start: {key(1): counted(7)}, day(2).start: {}}
        )
    assert {start: at_once[start] for start in one_by_one} == one_by_one
    assert len(read(store, 0, 3)) == 5


def test_it_filters_by_version_and_segment_and_decodes_what_is_asked_for(store):
    save(store, CELLS)
    assert [place.version for place, _found in read(store, version="v2")] == ["v2"]
    assert [place.segment for place, _found in read(store, segment="region=north")] == ["region=north"]
    assert len(read(store, segment="")) == 3
    ((_place, found),) = read(store, version="v2", part="inputs")
    assert (found.inputs.rows, found.outcomes.labelled) == (20, 0)
    ((_place, found),) = read(store, version="v2", part="outcomes")
    assert (found.inputs.rows, found.outcomes.labelled) == (0, 6)


def test_the_end_of_the_range_is_left_out(store):
    save(store, {key(): counted(1)})
    save(store, {key(1): counted(2)}, at=1)
    assert [place.start for place, _found in read(store, 0, 1)] == [day(0).start]


def test_grids_come_back_and_keeping_them_again_changes_nothing(store):
    grids = GridSet(
        columns={
            "age": NumericGrid(edges=np.array([0.1, 1 / 3, 7.0])),
            "город": CategoricalGrid(levels=("Москва", "Tver")),
        }
    )
    for at in (NOON, NOON + HOUR):
        with store.write() as session:
            save_grid_set(session, "lead", grids, at)
    with store.read() as session:
        found = grid_set(session, grids.id)
        kept = session.get(GridRow, grids.id)
    assert found.id == grids.id and found.to_json() == grids.to_json()
    assert kept.created_at == NOON


def test_grids_that_are_gone_are_named_with_the_next_step(store):
    with store.read() as session, pytest.raises(StoreError) as caught:
        grid_set(session, "abc")
    assert str(caught.value) == (
        "The store holds no grid set abc.\n"
        "→ Restore the store from a backup, or collect again into an empty one."
    )


def test_the_newest_reference_is_in_force_and_the_older_ones_stay(store):
    with store.write() as session:
        save_model(session, a_model())
        first = save_reference(session, reference(), [(key(at), counted(at + 1)) for at in range(3)])
        second = save_reference(session, reference(grid_set="g2"), [(key(), counted(50))])
    with store.read() as session:
        assert current_reference(session, "lead").id == second.id
        assert [row.id for row in references(session, "lead")] == [first.id, second.id]
        assert current_reference(session, "churn") is None
        assert [found.inputs.rows for _place, found in reference_profiles(session, first)] == [1, 2, 3]
        assert [found.inputs.rows for _place, found in reference_profiles(session, second)] == [50]
        known = model(session, "lead")
    assert (known.reference_id, known.grid_set) == (second.id, "g2")


def test_profiles_of_a_reference_are_no_profiles_of_its_days(store):
    with store.write() as session:
        save_reference(session, reference(), [(key(), counted(1))])
        assert profiles(session, "lead", Grain.DAY, START, START + DAY) == []
