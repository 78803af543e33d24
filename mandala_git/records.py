"""`NamedTuple`: tuples with named fields, whose classes are made quickly.

What `typing.NamedTuple` makes of the same source has more to it (annotations that are looked at,
code that is compiled), at 0.1 ms a class. A process that asks for some recorded results imports
forty of them, and little of what else it does takes as long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
else:
    from collections import _tuplegetter

    class _Fields(type):
        """Takes fields and defaults from the annotations of a class."""

        def __new__(mcls, name, bases, namespace):
            fields = tuple(namespace.get("__annotations__", ()))
            count = len(fields)
            defaults = tuple(namespace[field] for field in fields if field in namespace)

            def __new__(cls, *args, **kwargs):
                if len(args) != count or kwargs:
                    missing = count - len(args)
                    if kwargs or not 0 < missing <= len(defaults):
                        args = _complete(name, fields, defaults, args, kwargs)
                    else:
                        args += defaults[-missing:]
                return tuple.__new__(cls, args)

            for number, field in enumerate(fields):
                namespace[field] = _tuplegetter(number, None)
            if fields:
                namespace["__new__"] = __new__
                namespace["__match_args__"] = namespace["_fields"] = fields
            namespace.setdefault("__slots__", ())
            return type.__new__(mcls, name, bases, namespace)

    def _complete(name, fields, defaults, args, kwargs):
        """Return the values of all fields, from those given by place and by name."""
        given = dict(zip(fields, args, strict=False))
        usual = zip(reversed(fields), reversed(defaults), strict=False)
        values = {**dict(usual), **given, **kwargs}
        if len(args) > len(fields) or given.keys() & kwargs or values.keys() != set(fields):
            raise TypeError(f"{name} has the fields {', '.join(fields)}")
        return tuple([values[field] for field in fields])

    class NamedTuple(tuple, metaclass=_Fields):
        """The part of `typing.NamedTuple` that is used here, with its meaning."""

        _fields = ()

        @classmethod
        def _make(cls, values):
            return cls(*values)

        def _replace(self, **changes):
            return type(self)(**{**dict(zip(self._fields, self, strict=True)), **changes})

        def __getnewargs__(self):
            return tuple(self)

        def __repr__(self):
            pairs = zip(self._fields, self, strict=True)
            return (
                f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in pairs)})"
            )
