"""The processes of this machine, as /proc tells of them: what one that was started has started in turn."""

from pathlib import Path


def children(pid: int) -> list[int]:
    """In the order in which they were started."""
    return [one for one, parent in sorted(_parents().items()) if parent == pid]


def below(pid: int) -> list[int]:
    return [one for child in children(pid) for one in (child, *below(child))]


def is_alive(pid: int) -> bool:
    """Not for one that is dead and that nobody has asked about yet."""
    return pid in _parents()


def signals(pid: int, mask: str) -> set[int]:
    """The signals in that mask of the process: SigBlk, SigIgn or SigCgt. None for one that is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return set()
    (bits,) = [int(line.split()[1], 16) for line in lines if line.startswith(f"{mask}:")]
    return {number for number in range(1, 65) if bits >> (number - 1) & 1}


def _parents() -> dict[int, int]:
    found: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:  # gone meanwhile
            continue
        if state not in "ZX":
            found[int(stat.parent.name)] = int(parent)
    return found
