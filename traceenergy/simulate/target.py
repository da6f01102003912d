"""Boards that a simulated run can use."""

from __future__ import annotations

from traceenergy.records import dataclass


@dataclass(frozen=True)
class Board:
    """What the data sheet of a board says, rounded.

    Attributes
    ----------
    name, chip
        As nsys writes them.
    sm_count, memory_bytes, l2_bytes, compute
        As in TARGET_INFO_GPU; compute capability as (major, minor).
    dram_bytes_per_s, link_bytes_per_s
        Peak bandwidth of memory and, per direction, of NVLink, else of PCIe.
    flops_per_s
        Dense peak of the matrix units, of the SMs where there are none, by number of bytes per
        operand.
    clock_mhz, idle_clock_mhz
        SM clock at work and at rest.
    memory_clock_mhz
        Memory clock.
    idle_w
        Range that the idle power of one board is drawn from [W].
    busy_w
        What running anything adds [W].
    limit_w
        What the board may draw [W].
    unit_w
        Watts at full activity of: SM, matrix units, memory, NVLink.
    """

    name: str
    chip: str
    sm_count: int
    memory_bytes: int
    l2_bytes: int
    compute: tuple[int, int]
    dram_bytes_per_s: float
    link_bytes_per_s: float
    flops_per_s: dict[int, float]
    clock_mhz: int
    idle_clock_mhz: int
    memory_clock_mhz: int
    idle_w: tuple[float, float]
    busy_w: float
    limit_w: float
    unit_w: tuple[float, float, float, float]


BOARDS = {
    "h100": Board(
        name="NVIDIA H100 80GB HBM3",
        chip="GH100",
        sm_count=132,
        memory_bytes=85_045_870_592,
        l2_bytes=52_428_800,
        compute=(9, 0),
        dram_bytes_per_s=3.35e12,
        link_bytes_per_s=450e9,
        flops_per_s={1: 1979e12, 2: 989e12},
        clock_mhz=1980,
        idle_clock_mhz=345,
        memory_clock_mhz=2619,
        idle_w=(72.0, 112.0),
        busy_w=45.0,
        limit_w=700.0,
        unit_w=(120.0, 300.0, 200.0, 80.0),
    ),
    "a100": Board(
        name="NVIDIA A100-SXM4-80GB",
        chip="GA100",
        sm_count=108,
        memory_bytes=85_031_714_816,
        l2_bytes=41_943_040,
        compute=(8, 0),
        dram_bytes_per_s=2.04e12,
        link_bytes_per_s=300e9,
        flops_per_s={1: 312e12, 2: 312e12},
        clock_mhz=1410,
        idle_clock_mhz=210,
        memory_clock_mhz=1593,
        idle_w=(48.0, 66.0),
        busy_w=30.0,
        limit_w=400.0,
        unit_w=(70.0, 170.0, 115.0, 45.0),
    ),
    "v100": Board(
        name="Tesla V100-SXM2-32GB",
        chip="GV100",
        sm_count=80,
        memory_bytes=34_089_730_048,
        l2_bytes=6_291_456,
        compute=(7, 0),
        dram_bytes_per_s=0.9e12,
        link_bytes_per_s=150e9,
        flops_per_s={1: 125e12, 2: 125e12},
        clock_mhz=1530,
        idle_clock_mhz=135,
        memory_clock_mhz=877,
        idle_w=(38.0, 50.0),
        busy_w=20.0,
        limit_w=300.0,
        unit_w=(50.0, 125.0, 85.0, 30.0),
    ),
    "l40s": Board(
        name="NVIDIA L40S",
        chip="AD102",
        sm_count=142,
        memory_bytes=48_305_799_168,
        l2_bytes=100_663_296,
        compute=(8, 9),
        dram_bytes_per_s=0.864e12,
        link_bytes_per_s=32e9,
        flops_per_s={1: 733e12, 2: 362e12},
        clock_mhz=2520,
        idle_clock_mhz=210,
        memory_clock_mhz=9001,
        idle_w=(28.0, 40.0),
        busy_w=25.0,
        limit_w=350.0,
        unit_w=(70.0, 130.0, 80.0, 25.0),
    ),
    "titan-rtx": Board(
        name="NVIDIA TITAN RTX",
        chip="TU102",
        sm_count=72,
        memory_bytes=25_390_809_088,
        l2_bytes=6_291_456,
        compute=(7, 5),
        dram_bytes_per_s=0.672e12,
        link_bytes_per_s=50e9,
        flops_per_s={1: 130e12, 2: 130e12},
        clock_mhz=1770,
        idle_clock_mhz=300,
        memory_clock_mhz=7001,
        idle_w=(16.0, 26.0),
        busy_w=18.0,
        limit_w=280.0,
        unit_w=(50.0, 110.0, 75.0, 25.0),
    ),
    "m40": Board(
        name="Tesla M40 24GB",
        chip="GM200",
        sm_count=24,
        memory_bytes=24_032_378_880,
        l2_bytes=3_145_728,
        compute=(5, 2),
        dram_bytes_per_s=0.288e12,
        link_bytes_per_s=16e9,
        flops_per_s={1: 6.8e12, 2: 6.8e12},
        clock_mhz=1110,
        idle_clock_mhz=330,
        memory_clock_mhz=3004,
        idle_w=(16.0, 26.0),
        busy_w=15.0,
        limit_w=250.0,
        unit_w=(50.0, 90.0, 65.0, 15.0),
    ),
}

BOARD_OF_SENSOR = {
    "h100-instant": "h100",
    "h100-average": "h100",
    "full-50ms": "h100",
    "full-20ms": "h100",
    "ideal": "h100",
    "a100": "a100",
    "v100": "v100",
    "ada": "l40s",
    "turing": "titan-rtx",
    "slow": "m40",
}
