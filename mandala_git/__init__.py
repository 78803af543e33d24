"""Memoized Python functions whose results follow the meaning of the code in your git repository."""

__version__ = "0.1.0"
