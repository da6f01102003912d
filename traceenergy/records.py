"""Frozen dataclasses that load fast: their methods are shared, not compiled for each class.

The standard module compiles six methods for each class, which takes 0.6 ms, and looks at its
fields, which takes a tenth of that. A run loads 250 classes and makes few of most: that was a tenth
of all the time of a short run.
"""

from __future__ import annotations

import dataclasses
from dataclasses import MISSING, Field, FrozenInstanceError, fields
from reprlib import recursive_repr
from threading import RLock
from typing import TYPE_CHECKING, Any, NoReturn

__all__ = ["dataclass"]

_FIELDS = "__dataclass_fields__"  # where the standard module keeps them
_ONE_AT_A_TIME = RLock()  # a second look at a class would not find its defaults again

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import dataclass
else:

    def dataclass(*, frozen: bool) -> Callable[[type], type]:
        """Make a class a frozen dataclass, as that of the standard module does.

        Parameters
        ----------
        frozen : bool
            True: the others are left to the standard module.

        Returns
        -------
        callable
            From the class to itself. Of the options of a field, it knows those for defaults.
        """
        return _frozen if frozen else dataclasses.dataclass


def _frozen(cls: type) -> type:
    # What a class defines by itself stays.
    for name, method in (_SHARED | {"__init__": _init_of(cls)}).items():
        if name not in vars(cls):
            setattr(cls, name, method)
    setattr(cls, _FIELDS, _Fields(cls))
    return cls


class _Fields:
    """Fields of a class, found by the standard module when they are first asked for.

    Most classes of a run are loaded and never made.
    """

    def __init__(self, owner: type) -> None:
        self._owner = owner

    def __get__(self, record: object, asked: type) -> dict[str, Field[Any]]:
        owner = self._owner
        with _ONE_AT_A_TIME:
            if vars(owner)[_FIELDS] is self:
                # Without a text, one is written from the signature, which takes long.
                owner.__doc__ = owner.__doc__ or owner.__name__
                dataclasses.dataclass(init=False, repr=False, eq=False)(owner)
        found: dict[str, Field[Any]] = vars(owner)[_FIELDS]
        return found


class _Making:
    """How a class is made: its names in order, what stands where nothing is given."""

    def __init__(self, cls: type) -> None:
        known = fields(cls)
        self.names = tuple(field.name for field in known)
        self.all = set(self.names)
        self.defaults = {f.name: f.default for f in known if f.default is not MISSING}
        self.makers = {f.name: f.default_factory for f in known if f.default_factory is not MISSING}
        self.is_checked = hasattr(cls, "__post_init__")


def _init_of(cls: type) -> Callable[..., None]:
    making: _Making | None = None

    def init(self: Any, /, *args: Any, **named: Any) -> None:  # noqa: ANN401 - any class
        nonlocal making
        made = making = making or _Making(cls)
        values = {**made.defaults, **dict(zip(made.names, args, strict=False)), **named}
        for name, make in made.makers.items():
            if name not in values:
                values[name] = make()
        twice = args and named and not named.keys().isdisjoint(made.names[: len(args)])
        if len(args) > len(made.names) or values.keys() != made.all or twice:
            _complain(cls, args, named)
        self.__dict__.update(values)
        if made.is_checked:
            self.__post_init__()

    return init


def _complain(cls: type, args: tuple[object, ...], named: dict[str, object]) -> NoReturn:
    names = [field.name for field in fields(cls)]
    message = (
        f"{cls.__qualname__}({', '.join(names)}) was given {len(args)} arguments by place and "
        f"{', '.join(named) or 'none'} by name"
    )
    raise TypeError(message)


def _values(record: Any) -> tuple[object, ...]:  # noqa: ANN401 - any class
    return tuple(getattr(record, field.name) for field in fields(record))


@recursive_repr()
def _repr(self: Any) -> str:  # noqa: ANN401 - any class
    told = (f"{field.name}={getattr(self, field.name)!r}" for field in fields(self))
    return f"{type(self).__qualname__}({', '.join(told)})"


def _eq(self: object, other: object) -> bool:
    return _values(self) == _values(other) if type(other) is type(self) else NotImplemented


def _hash(self: object) -> int:
    return hash(_values(self))


def _refuse(self: object, name: str, *_: object) -> NoReturn:
    message = f"{name} of a {type(self).__qualname__} cannot be changed"
    raise FrozenInstanceError(message)


_SHARED: dict[str, Callable[..., object]] = {
    "__repr__": _repr,
    "__eq__": _eq,
    "__hash__": _hash,
    "__setattr__": _refuse,
    "__delattr__": _refuse,
}
