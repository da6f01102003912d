"""Names of GPU metrics: which of them tell what."""

from __future__ import annotations

import re

# Parts of the GPU whose activity metrics tell, by the names that nsys gives them. What is known of
# parts elsewhere, such as their watts in `energy/prior.py`, has this order.
PARTS = (
    ("SMs", r"^SMs? Active"),
    ("tensor cores", r"^Tensor Active|^Tensor Core"),
    ("DRAM", r"^DRAM (Read|Write)"),
    ("NVLink", r"^NVLink (TX|RX) (Responses|Requests) User Data|^NVLink (TX|RX)"),
)
SM_CLOCK = r"^(GPC|SYS) Clock Frequency"  # `GPC` sorts before `SYS`: the SMs run with it

_USED = re.compile("|".join([SM_CLOCK, *(pattern for _, pattern in PARTS)]))


def is_used(name: str) -> bool:
    """Tell whether an analysis looks at a metric.

    Examples
    --------
    >>> is_used("DRAM Read Bandwidth [Throughput %]"), is_used("PCIe TX Throughput")
    (True, False)
    """
    return _USED.search(name) is not None
