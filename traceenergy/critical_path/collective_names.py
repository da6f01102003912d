"""Names of kernels that several GPUs run together."""

from __future__ import annotations

import re

from traceenergy.records import dataclass

# What talks to other GPUs, by the name of the function without template arguments.
_TALKS = re.compile(
    r"""^nccl(?:Dev|Symk?)?(?:Kernel|Dev)?_?\w*
    | all_?reduce | all_?gather | reduce_?scatter | all_?to_?all | (?:^|_)a2a_?(?:disp|comb)
    | cross_device_reduce | multimem_all | lamport_style_\w*norm | rmsNormLamport
    | userbuffers_ | moeA2A(?:Dispatch|Combine) | moe_comm::
    | deep_ep::\w+::(?:notify_dispatch|cached_notify\w*|dispatch|combine)
    | hybrid_ep::(?:dispatch|combine)\w*
    """,
    re.VERBOSE | re.IGNORECASE,
)
_PREPARES = re.compile(r"get_dispatch_layout|prepare|clean_low_latency|count|cumsum", re.IGNORECASE)
_TWO_ENDS = re.compile(r"send_?recv|(?:^|_)(?:send|recv)(?:_|$)", re.IGNORECASE)
# One GPU is first or last to be done.
_ROOTED = re.compile(r"^nccl\w*(?:Broadcast|_Reduce_)")
# Ways of NCCL to do the same, numbers of bits.
_NOISE = re.compile(r"_(?:(?:RING|TREE|NVLS|COLLNET|PAT)[A-Z_]*_)?(?:LL128|LL|SIMPLE)(?=_|$)|\d+")


@dataclass(frozen=True)
class CollectiveName:
    """What the name of a collective's kernel tells.

    Attributes
    ----------
    family
        The same for all kernels that may stand in for each other on different GPUs.
    between_two
        Sends or receives.
    ends_together
        No GPU may be done long before the others.
    """

    family: str
    between_two: bool
    ends_together: bool


def read_collective_name(full: str) -> CollectiveName | None:
    """Read the name of a kernel.

    Parameters
    ----------
    full : str
        Demangled, with arguments or without.

    Returns
    -------
    CollectiveName or None
        None for kernels that talk to no other GPU.
    """
    plain = full.replace("(anonymous namespace)::", "").replace("<unnamed>::", "")
    function = re.split(r"[<(]", plain, maxsplit=1)[0].strip().rpartition(" ")[2]
    if not _TALKS.search(function) or _PREPARES.search(function):
        return None
    between_two = bool(_TWO_ENDS.search(function))
    family = _NOISE.sub("", function)
    return CollectiveName(family, between_two, not (between_two or _ROOTED.search(function)))
