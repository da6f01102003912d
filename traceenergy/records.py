"""Frozen dataclasses that load fast: their methods are shared, not compiled for each class.

The standard module compiles six methods for each class, which takes 0.6 ms. A run loads 250 classes
and makes few of most: that was a tenth of all the time of a short run.
"""

from __future__ import annotations

import dataclasses
from dataclasses import MISSING, FrozenInstanceError, fields
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, NoReturn

__all__ = ["dataclass"]

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
    # Without a text, the standard module writes one from the signature, which takes longer than
    # all else here.
    cls.__doc__ = cls.__doc__ or cls.__name__
    cls = dataclasses.dataclass(init=False, repr=False, eq=False)(cls)
    # What a class defines by itself stays.
    for name, method in (_SHARED | {"__init__": _init_of(cls)}).items():
        if name not in vars(cls):
            setattr(cls, name, method)
    return cls


def _init_of(cls: type) -> Callable[..., None]:
    names = tuple(field.name for field in fields(cls))
    known = set(names)
    defaults = {f.name: f.default for f in fields(cls) if f.default is not MISSING}
    makers = {f.name: f.default_factory for f in fields(cls) if f.default_factory is not MISSING}
    checked = hasattr(cls, "__post_init__")

    def init(self: Any, /, *args: Any, **named: Any) -> None:  # noqa: ANN401 - any class
        values = {**defaults, **dict(zip(names, args, strict=False)), **named}
        for name, make in makers.items():
            if name not in values:
                values[name] = make()
        twice = args and named and not named.keys().isdisjoint(names[: len(args)])
        if len(args) > len(names) or values.keys() != known or twice:
            _complain(cls, args, named)
        self.__dict__.update(values)
        if checked:
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
