"""Power of parts in the form of LLMServingSim, JSON.

The form is that of its cluster configurations (casys-kaist/LLMServingSim, MIT), whose `power`
blocks state watts; the meaning of each value is that of its power model.
"""

from __future__ import annotations

from traceenergy.components.fields import Fields
from traceenergy.components.model import CpuPower, DramPower, GpuPower, LinkPower, NodePower
from traceenergy.components.toml_form import MOST_COUNT, MOST_PJ, MOST_S

# Load of the CPUs that LLMServingSim takes for the time in which a GPU computes.
BUSY_UTIL = 0.7
_STANDBY_REMARK = (
    "standby_duration is taken as seconds, as LLMServingSim computes with it, although its manual "
    "calls it nanoseconds: a GPU stays in standby for {standby_s} s"
)


def parse_simulator(
    content: object,
) -> tuple[tuple[GpuPower, ...], tuple[NodePower, ...], tuple[str, ...], list[str]]:
    """Read a cluster configuration, one node of it, or the `power` block alone.

    Parameters
    ----------
    content : object
        Parsed JSON.

    Returns
    -------
    gpus : tuple of GpuPower
    nodes : tuple of NodePower
    remarks : tuple of str
        How values were understood that can be understood otherwise.
    problems : list of str
        What is wrong; the others mean nothing if there is any.
    """
    problems: list[str] = []
    top = Fields(content, "", problems)
    if "nodes" in top.table:
        nodes = top.many("nodes")
    elif "power" in top.table:
        nodes = [top]
    else:
        nodes = [Fields({"power": top.table}, "", problems)]
    gpus: list[GpuPower] = []
    found = []
    for node in nodes:
        power = node.inner("power")
        if power is None:
            problems.append(f"{node.where}.power: expected a table, got nothing")
            continue
        gpus += [gpu for gpu in _gpus(power) if gpu not in gpus]
        found.append(_node(power, node))
    if not nodes:
        problems.append("nodes: expected at least one, got none")
    for part in ("dram", "link"):
        told = {p.pj_per_bit for node in found if (p := getattr(node, part)) is not None}
        if len(told) > 1:
            problems.append(
                f"power.{part}.energy_per_bit: expected the same on all nodes, as a trace does not "
                f"tell which node moves what, got {sorted(told)}"
            )
    seconds = dict.fromkeys(f"{gpu.standby_s:g}" for gpu in gpus)
    remarks = (_STANDBY_REMARK.format(standby_s=", ".join(seconds)),) if seconds else ()
    return tuple(gpus), tuple(found), remarks, problems


def _gpus(power: Fields) -> list[GpuPower]:
    kinds = power.inner("npu")
    if kinds is None:
        power.problems.append(f"{power.where}.npu: expected a table, got nothing")
        return []
    found = []
    for name in kinds.table:
        fields = kinds.inner(name)
        if fields is None:
            continue
        idle_w = fields.number("idle_power")
        found.append(
            GpuPower(
                idle_w,
                fields.number("standby_power", least=idle_w),
                fields.number("active_power", least=idle_w),
                fields.number("standby_duration", MOST_S),
                name=name,
            )
        )
    return found


def _node(power: Fields, node: Fields) -> NodePower:
    parts = {
        name: power.inner(name) or Fields({}, f"{power.where}.{name}", power.problems)
        for name in ("cpu", "dram", "link", "nic", "storage")
    }
    return NodePower(
        base_w=power.number("base_node_power"),
        cpu=_cpu(parts["cpu"]),
        dram=_dram(parts["dram"], node),
        link=LinkPower(
            _counted_w(parts["link"], "num_links"), parts["link"].number("energy_per_bit", MOST_PJ)
        ),
        nic_w=_counted_w(parts["nic"], "num_nics"),
        storage_w=_counted_w(parts["storage"], "num_devices"),
    )


def _cpu(fields: Fields) -> CpuPower:
    idle_w = fields.number("idle_power")
    util = fields.number("util", 1.0)
    active_w = fields.number("active_power", least=idle_w)
    return CpuPower(idle_w, active_w, util, max(util, BUSY_UTIL))


def _dram(fields: Fields, node: Fields) -> DramPower:
    memory = node.inner("cpu_mem")
    holder = fields if memory is None or "mem_size" in fields.table else memory
    size, of_one = holder.number("mem_size"), fields.number("dimm_size", least=1e-3)
    n_dimms = size // of_one
    return DramPower(
        n_dimms * fields.number("idle_power"), fields.number("energy_per_bit", MOST_PJ)
    )


def _counted_w(fields: Fields, count: str) -> float:
    return fields.number(count, MOST_COUNT) * fields.number("idle_power")
