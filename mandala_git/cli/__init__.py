"""`git mandala VERB`: one module a verb, add_parser() and run(args) -> exit code."""
