"""What is known of a GPU board by its name."""

from __future__ import annotations

import re

# Board power limits as published in NVIDIA's data sheets [W]:
# H100 SXM 700, PCIe 350, NVL 400; H200 SXM 700, NVL 600; B200 1000; A100 SXM 400, PCIe 300 (80 GB)
# and 250 (40 GB); V100 SXM2 300, PCIe 250; L40S 350; L4 72; T4 70; A10 150; A30 165; A40 300.
_LIMIT_W = (
    (r"H100.*PCIe", 350.0),
    (r"H100 NVL", 400.0),
    (r"H100|H800", 700.0),
    (r"H200 NVL", 600.0),
    (r"H200", 700.0),
    (r"H20\b", 500.0),
    (r"B200", 1000.0),
    (r"B300", 1400.0),
    (r"A100.*40GB.*PCIe|A100-PCIE-40GB", 250.0),
    (r"A100.*PCI[eE]|A100-PCIE", 300.0),
    (r"A100|A800", 400.0),
    (r"V100.*PCI[eE]|V100-PCIE", 250.0),
    (r"V100", 300.0),
    (r"L40S", 350.0),
    (r"L40", 300.0),
    (r"L4\b", 72.0),
    (r"\bT4\b", 70.0),
    (r"A10\b", 150.0),
    (r"A30\b", 165.0),
    (r"A40\b", 300.0),
    (r"RTX 3060", 170.0),
    (r"RTX 3090", 350.0),
    (r"RTX 4090", 450.0),
    (r"TITAN RTX", 280.0),
    (r"Quadro RTX 6000", 295.0),
)


def board_limit_w(gpu_name: str | None) -> float | None:
    """Look up the default power limit of a board [W]; None if it is not known."""
    if gpu_name is None:
        return None
    for pattern, limit_w in _LIMIT_W:
        if re.search(pattern, gpu_name):
            return limit_w
    return None
