"""git mandala graph: the recorded calls as a graph of variables and ops."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mandala_git.cli.desk import Desk
from mandala_git.cli.verbs import describe
from mandala_git.errors import UsageError
from mandala_git.versions.belonging import Belonging
from mandala_git.views.console import Output

if TYPE_CHECKING:
    from mandala_git.cli.verbs import Subparsers
    from mandala_git.frames.state import State
    from mandala_git.frames.web import Web


def add_parser(subparsers: Subparsers) -> None:
    """Add the arguments of `git mandala graph`."""
    parser = describe(
        subparsers,
        "graph",
        text="""
            Print the recorded calls that belong to the work tree as it is now, or to a commit, as
            a graph: a line an op, with the variables that lead into its calls and out of them.
            With names of ops, all that their calls came from. Nothing is computed or loaded.

            -o writes a picture in the format of the file's suffix: svg, html or dot; png and pdf
            where graphviz is installed.
        """,
        example="""
            git mandala graph
            git mandala graph get_acc --rev HEAD~1
            git mandala graph get_acc -o history.svg --verbose
        """,
    )
    parser.add_argument("--rev", metavar="REV", help="the code of this commit")
    parser.add_argument("-o", metavar="FILE", dest="file", help="draw it into this file")
    parser.add_argument(
        "--verbose", action="store_true", help="count values, those that pass along each edge too"
    )
    parser.add_argument(
        "--left-to-right", action="store_true", help="draw it to the right, not downwards"
    )
    parser.add_argument("ops", metavar="OP", nargs="*", help="names or keys of ops; all by default")


def run(args: argparse.Namespace) -> int:
    """Print or draw the graph."""
    out = Output()
    with Desk() as desk:
        results = desk.require_results()
        worlds = desk.at(args.rev) if args.rev else desk.work

        from mandala_git.frames.web import web_in

        web = web_in(results, Belonging.to(worlds, results))
        state = frame_of(web, [desk.key(name) for name in args.ops])
        if args.file:
            from mandala_git.frames.picture import picture
            from mandala_git.views.pictures import Drawing

            how = "LR" if args.left_to_right else "TB"
            Drawing(picture(state, verbose=args.verbose), how).save(Path(args.file))
            out.say(f"mandala: {len(state.nodes)} nodes are drawn in {args.file}")
        else:
            from mandala_git.frames.order import sorted_nodes
            from mandala_git.frames.words import graph_lines, node_text

            lines = graph_lines(state)
            if args.verbose:
                order = sorted_nodes(state.nodes, state.edges)
                lines += ["", *(node_text(state, node) for node in order)]
            out.text("".join(f"{line}\n" for line in lines))
        if not state.nodes:
            out.say(
                f"no recorded call belongs to {args.rev or 'the work tree'}",
                "  git mandala status   says why",
            )
        out.say(*(f"mandala: {note}" for note in desk.notes))
    return 0


def frame_of(web: Web, names: list[str]) -> State:
    """Return all calls, or those of some ops with what they came from.

    Raises:
        UsageError: no calls of such an op belong.
    """
    from mandala_git.frames.growing import Growth, grown, whole
    from mandala_git.frames.state import State

    if not names:
        return whole(web)
    growth = Growth(State(web), skip_existing=False, reuse_existing=True)
    there = {op: calls for op in web.ops if len(calls := web.calls_of(op))}
    for name in names:
        found = [op for op in there if name in (op, op.rpartition("::")[2], op.rpartition(".")[2])]
        if not found:
            known = ", ".join(sorted(op.rpartition("::")[2] for op in there))
            raise UsageError(
                f"no calls of an op {name!r} belong there",
                hint=f"There are calls of: {known}." if known else "git mandala status   says why.",
            )
        for op in found:
            growth.take(growth.node(op), there[op])
    return grown(
        growth.state(), ("back",), None, recursive=True, skip_existing=False, reuse_existing=True
    )
