"""`solami doctor`: what is there, what is missing, what would be used."""

import typer

__all__ = ["doctor"]


def doctor() -> None:
    """Check this machine: parts, ports, Redis, optional extras, upstreams. Prints one table; exits 1 on a fault."""
    from rich.table import Table

    from solami.cli.console import console
    from solami.headset.checkup import checkup

    table = Table(title="solami doctor")
    for column in ("part", "state", "what to do"):
        table.add_column(column)
    findings = checkup()
    colours = {"ok": "green", "absent": "yellow", "fault": "red"}
    for finding in findings:
        table.add_row(finding.part, f"[{colours[finding.state]}]{finding.state}[/] {finding.detail}", finding.advice)
    console.print(table)
    if any(f.state == "fault" for f in findings):
        raise typer.Exit(1)
