"""Random but legal traces with power logs."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.build import Range, Work, build_trace

MS = 1_000_000
KERNELS = (
    "gemm_a",
    "flash_fwd_kernel",
    "ncclDevKernel_AllReduce_Sum_bf16_RING_LL",
    "rms_norm_kernel",
)


@st.composite
def works(draw: st.DrawFn) -> list[Work]:
    """Draw 1 to 30 pieces of GPU work on two devices, three streams, two threads."""
    pieces = draw(
        st.lists(
            st.tuples(
                st.sampled_from(KERNELS),
                st.integers(0, 900),
                st.integers(0, 200),
                st.integers(0, 1),
                st.integers(0, 2),
                st.integers(1, 2),
            ),
            min_size=1,
            max_size=30,
        )
    )
    drawn = [
        Work(name, start * MS, (start + length) * MS, device=device, stream=stream, tid=tid)
        for name, start, length, device, stream, tid in pieces
    ]
    # One piece of some length, since a window of no length holds no energy to share.
    return [*drawn, Work(KERNELS[0], 500 * MS, 600 * MS)]


@st.composite
def nested_ranges(draw: st.DrawFn) -> list[Range]:
    """Draw step ranges with layer ranges inside, on two threads."""
    ranges = []
    for tid in (1, 2):
        for step in range(draw(st.integers(0, 3))):
            start = step * 300
            ranges.append(Range(f"step {step}", start * MS, (start + 300) * MS, tid=tid))
            ranges += [
                Range(f"layer_{i}", (start + 100 * i) * MS, (start + 100 * i + 99) * MS, tid=tid)
                for i in range(draw(st.integers(0, 3)))
            ]
    return ranges


@st.composite
def power_logs(draw: st.DrawFn) -> dict[int, list[tuple[int, float]]]:
    """Draw a log of each device every 20 to 200 ms, with samples missing here and there."""
    logs = {}
    for device in (0, 1):
        every = draw(st.integers(20, 200))
        times = range(-400, 1600, every)
        watts = draw(st.lists(st.floats(50, 700), min_size=len(times), max_size=len(times)))
        mostly = st.sampled_from([True, True, True, False])
        kept = draw(st.lists(mostly, min_size=len(times), max_size=len(times)))
        kept[:2] = kept[-2:] = [True, True]
        rows = zip(times, watts, kept, strict=True)
        logs[device] = [(t * MS, watt) for t, watt, keep in rows if keep]
    return logs


@st.composite
def runs(draw: st.DrawFn) -> dict[str, object]:
    """Draw the arguments of `build_trace` for a whole run."""
    return {"kernels": draw(works()), "ranges": draw(nested_ranges()), "power": draw(power_logs())}


__all__ = ["build_trace", "nested_ranges", "power_logs", "runs", "works"]
