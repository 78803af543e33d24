"""Meaning over time: meanings, verdicts, classes, worlds, review, tracking."""
