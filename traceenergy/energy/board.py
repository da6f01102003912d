"""What is known of a GPU board by its name."""

from __future__ import annotations

import re

from traceenergy.records import dataclass

DATA_SHEET, REPORTED = "data sheet", "reported"


@dataclass(frozen=True)
class Board:
    """Published powers of a GPU board.

    Attributes
    ----------
    name
        For people.
    pattern
        Regular expression that its name as the driver tells it matches.
    limit_w
        Default power limit (TGP, TDP) [W].
    source
        Where that is published.
    known_by
        `DATA_SHEET`: a document of NVIDIA states it; `REPORTED`: nvidia-smi prints it in logs that
        were made public, and no data sheet was found that says so.
    idle_w
        Power without work [W]; None if no figure was found.
    idle_source
        Where that is published; empty without a figure.
    """

    name: str
    pattern: str
    limit_w: float
    source: str
    known_by: str = DATA_SHEET
    idle_w: float | None = None
    idle_source: str = ""


_H100 = "NVIDIA H100 Tensor Core GPU data sheet"
_H200 = "NVIDIA H200 Tensor Core GPU data sheet"
_BLACKWELL = "NVIDIA Blackwell Architecture Technical Brief"
_A100 = "NVIDIA A100 Tensor Core GPU data sheet"
_V100 = "NVIDIA V100 Tensor Core GPU data sheet"
_GEFORCE = "NVIDIA GeForce specifications"
_SMI = "nvidia-smi in public logs"
_PCIE = r".*PCI[eE]"
# The first pattern that matches holds. Boards of a superchip have names of their own (GH200), and
# so have those of notebooks and other editions (RTX 4090 Laptop GPU, RTX 3090 Ti).
BOARDS = (
    Board(
        "H100 PCIe, H800 PCIe", rf"\bH[18]00{_PCIE}", 350.0, "NVIDIA PB-11133-001, product brief"
    ),
    Board("H100 NVL", r"\bH100 NVL", 400.0, _H100),
    Board("H100 SXM, H800 SXM", r"\bH[18]00\b", 700.0, _H100),
    Board("GH200", r"\bGH200\b", 900.0, _SMI, REPORTED),
    Board("H200 NVL", r"\bH200 NVL", 600.0, _H200),
    Board(
        "H200 SXM", r"\bH200\b", 700.0, _H200, DATA_SHEET,
        80.3, "Alice GPU Energy Benchmark, api.serialalice.pt, June 2026",
    ),
    Board("H20", r"\bH20\b", 500.0, f"{_SMI}; announced with 400 W", REPORTED),
    Board("GB300", r"\bGB300\b", 1400.0, _SMI, REPORTED),
    Board("B300 SXM6 AC", r"\bB300 SXM6 AC\b", 1100.0, _SMI, REPORTED),
    Board("GB200, each GPU", r"\bGB200\b", 1200.0, _BLACKWELL),
    Board("B200", r"\bB200\b", 1000.0, _BLACKWELL),
    Board("B100", r"\bB100\b", 700.0, _BLACKWELL),
    Board(
        "A100 PCIe 40 GB", rf"\bA100.*40GB{_PCIE}|\bA100-PCIE-40GB", 250.0,
        "NVIDIA PB-10137-001, product brief",
    ),
    Board(
        "A100 PCIe 80 GB, A800 PCIe", rf"\bA[18]00\b{_PCIE}|\bA[18]00-PCIE", 300.0,
        "NVIDIA PB-10577-001, product brief",
    ),
    Board(
        "A100 SXM, A800 SXM", r"\bA[18]00\b", 400.0, _A100, DATA_SHEET,
        62.1, "github.com/chuyishang/inference-energy, DGX A100 80 GB",
    ),
    Board(
        "V100 PCIe", rf"\bV100\b{_PCIE}|\bV100-PCIE", 250.0, "NVIDIA PB-08744-001, product brief"
    ),
    Board("V100 SXM2", r"\bV100-SXM2", 300.0, _V100),
    Board("L40S", r"\bL40S\b", 350.0, "NVIDIA L40S data sheet"),
    Board("L40", r"\bL40\b", 300.0, "NVIDIA L40 data sheet"),
    Board("L4", r"\bL4\b", 72.0, "NVIDIA L4 Tensor Core GPU data sheet"),
    Board("T4", r"\bT4\b", 70.0, "NVIDIA T4 Tensor Core GPU data sheet"),
    Board("A10", r"\bA10\b", 150.0, "NVIDIA A10 Tensor Core GPU data sheet"),
    Board("A30", r"\bA30\b", 165.0, "NVIDIA A30 Tensor Core GPU data sheet"),
    Board("A40", r"\bA40\b", 300.0, "NVIDIA PB-09976-001, product brief"),
    Board("GeForce RTX 3060", r"RTX 3060$", 170.0, _GEFORCE),
    Board("GeForce RTX 3090", r"RTX 3090$", 350.0, _GEFORCE),
    Board("GeForce RTX 4090", r"RTX 4090$", 450.0, _GEFORCE),
    Board("TITAN RTX", r"TITAN RTX", 280.0, "NVIDIA TITAN RTX specifications"),
    Board("Quadro RTX 6000", r"Quadro RTX 6000", 295.0, "NVIDIA Quadro RTX 6000 data sheet"),
)  # fmt: skip


def find_board(gpu_name: str | None) -> Board | None:
    """Look up a board by its name; None if it is not known."""
    if gpu_name is None:
        return None
    return next((board for board in BOARDS if re.search(board.pattern, gpu_name)), None)


def board_limit_w(gpu_name: str | None) -> float | None:
    """Look up the default power limit of a board [W]; None if it is not known."""
    board = find_board(gpu_name)
    return None if board is None else board.limit_w
