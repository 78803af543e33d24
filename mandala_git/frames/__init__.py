"""Frames: the web of recorded calls as a graph of variables and functions, and as tables."""
