"""Text to meaning: definitions, normal form, changes, index; knows no git and no storage."""
