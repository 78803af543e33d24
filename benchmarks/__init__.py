"""How fast this package is, beside floors and peers measured in the same run."""
