"""The user's verbs: op, track, Storage and what happens at a call."""
