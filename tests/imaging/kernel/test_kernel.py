"""The compiled kernel and its numpy twin give the same picture, whatever they are asked."""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.imaging.kernel.random_jobs import compose_jobs, disagreement, sample_jobs
from viewer.imaging import kernel
from viewer.imaging.kernel import binding, pool, twin
from viewer.imaging.kernel.jobs import ColourLayer, ComposeJob, Knots, PictureJob, SampleJob

compiled = pytest.mark.skipif(binding.load().library is None, reason=binding.load().note)


@compiled
@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32))
def test_that_kernel_and_twin_sample_the_same_values(seed: int) -> None:
    ours, theirs = sample_jobs(seed)
    twin.sample([ours])
    binding.render([PictureJob((theirs,))])
    # A pixel on the very edge of padding or of the volume may fall either way.
    assert disagreement(ours, theirs) <= max(0.002, 2.5 / ours.out.size)


@compiled
@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32))
def test_that_kernel_and_twin_compose_the_same_colours(seed: int) -> None:
    ours, theirs = compose_jobs(seed)
    twin.compose([ours])
    binding.render([PictureJob((), theirs)])
    np.testing.assert_array_equal(ours.out, theirs.out)


@compiled
def test_that_many_jobs_in_one_call_equal_the_jobs_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "cores", lambda: 4)
    together, alone = zip(*(sample_jobs(seed) for seed in range(40)), strict=True)
    binding.render([PictureJob((job,)) for job in together])
    for job in alone:
        binding.render([PictureJob((job,))])
    for job, other in zip(together, alone, strict=True):
        np.testing.assert_array_equal(job.out, other.out)


@compiled
def test_that_a_kernel_call_writes_nothing_beside_the_rows_of_its_output() -> None:
    for seed in range(60):
        (job,) = sample_jobs(seed, 1)
        binding.render([PictureJob((job,))])
        whole = job.out.base
        assert whole is not None
        assert (whole[:, job.out.shape[1] :] == -7).all()


@compiled
def test_that_sampling_and_colouring_in_one_call_equal_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool, "cores", lambda: 3)
    pictures, expected = [], []
    for seed in range(30):
        first, second = sample_jobs(seed)
        table = np.random.default_rng(seed).integers(0, 256, (256, 4), dtype=np.uint8)

        def coloured(values: SampleJob, table: npt.NDArray[np.uint8] = table) -> ComposeJob:
            layer = ColourLayer((values.out,), table, -100.0, 900.0)
            return ComposeJob((layer,), np.zeros(values.out.shape, np.uint32), 0xFF102030)

        pictures.append(PictureJob((first,), coloured(first)))
        last = coloured(second)
        binding.render([PictureJob((second,))])
        binding.render([PictureJob((), last)])
        expected.append(last.out)
    binding.render(pictures)
    for picture, wanted in zip(pictures, expected, strict=True):
        assert picture.compose is not None
        np.testing.assert_array_equal(picture.compose.out, wanted)


def test_that_the_parts_of_a_picture_have_one_height() -> None:
    with pytest.raises(ValueError, match="rows"):
        PictureJob((_job(),), ComposeJob((), np.zeros((3, 2), np.uint32), 0xFF000000))


def test_that_a_fault_of_a_helper_reaches_the_caller_and_the_helper_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool, "cores", lambda: 2)
    caller = threading.current_thread()
    meeting = threading.Barrier(2, timeout=30)

    def broken() -> int:
        meeting.wait()
        if threading.current_thread() is not caller:
            raise RuntimeError("helper")
        return 0

    with pytest.raises(RuntimeError, match="helper"):
        pool.run_shared(broken, parts=2)
    before = threading.active_count()

    def sound() -> int:
        meeting.wait()
        return 0

    assert pool.run_shared(sound, parts=2) == [0, 0]
    assert threading.active_count() == before


def test_that_the_switch_chooses_the_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(kernel.SWITCH, "numpy")
    assert not kernel.available()
    assert kernel.SWITCH in kernel.reason()
    ours, theirs = sample_jobs(3)
    kernel.sample([ours])
    twin.sample([theirs])
    np.testing.assert_array_equal(ours.out, theirs.out)


def test_that_a_missing_kernel_is_a_sentence_and_not_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(kernel.SWITCH, raising=False)
    monkeypatch.setattr(binding, "LIBRARY_NAME", "_no_such_kernel.so")
    binding.load.cache_clear()
    try:
        assert not kernel.available()
        assert "not part of this installation" in kernel.reason()
        ours, theirs = sample_jobs(4)
        kernel.sample([ours])
        twin.sample([theirs])
        np.testing.assert_array_equal(ours.out, theirs.out)
    finally:
        binding.load.cache_clear()


def test_that_helpers_share_the_work_and_the_caller_works_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "cores", lambda: 2)
    meeting = threading.Barrier(2, timeout=30)
    names: set[str] = set()

    def work() -> int:
        names.add(threading.current_thread().name)
        meeting.wait()
        return 0

    assert pool.run_shared(work, parts=2) == [0, 0]
    assert threading.current_thread().name in names
    assert len(names) == 2


def test_that_one_piece_of_work_wakes_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "cores", lambda: 8)
    assert pool.run_shared(threading.get_ident, parts=1) == [threading.get_ident()]


def _job(**changes: object) -> SampleJob:
    arguments: dict[str, object] = {
        "data": np.zeros((3, 4, 5), np.int16),
        "matrix": np.eye(3),
        "low": np.zeros(3),
        "high": np.ones(3),
        "out": np.zeros((2, 2), np.float32),
    }
    return SampleJob(**{**arguments, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"data": np.zeros((3, 4, 5), np.int64)},
        {"data": np.zeros((3, 4), np.int16)},
        {"data": np.zeros((3, 4, 5), ">i2")},
        {"data": np.zeros((3, 4, 10), np.int16)[..., ::2]},
        {"data": np.zeros((3, 4, 5), np.int16, order="F")},
        {"matrix": np.full((3, 3), np.nan)},
        {"matrix": np.full((3, 3), 1e300)},
        {"step": np.array([np.inf, 0, 0])},
        {"low": np.full(3, np.nan)},
        {"samples": 2},
        {"samples": 9001},
        {"out": np.zeros((2, 2), np.float64)},
        {"out": np.zeros((2, 4), np.float32)[:, ::2]},
        {"out": np.zeros((2, 2), np.float32)[::-1]},
        {"out": np.broadcast_to(np.zeros(2, np.float32), (2, 2))},
        {"knots": Knots(np.zeros(1), np.array([3], np.int32), np.zeros(1, np.uint8))},
        {"knots": Knots(np.zeros(1), np.array([-1], np.int32), np.zeros(1, np.uint8))},
    ],
)
def test_that_a_job_that_could_read_or_write_elsewhere_cannot_be_made(changes: dict[str, object]) -> None:
    _job()
    with pytest.raises(ValueError, match=r"."):
        _job(**changes)


@pytest.mark.parametrize(
    "w, k",
    [
        ([0.0, 0.0], [0, 1]),
        ([1.0, 0.0], [0, 1]),
        ([0.0, np.nan], [0, 1]),
        ([0.0, 1.0], [1, 1]),
        ([0.0], [0, 1]),
    ],
)
def test_that_knots_must_increase(w: list[float], k: list[int]) -> None:
    with pytest.raises(ValueError, match="knots"):
        Knots(np.array(w), np.array(k, np.int32), np.zeros(len(w), np.uint8))


def test_that_an_empty_picture_is_no_work() -> None:
    job = _job(out=np.zeros((0, 5), np.float32))
    kernel.sample([job])
    kernel.compose([ComposeJob((), np.zeros((3, 0), np.uint32), 0xFF000000)])
    kernel.sample([])
