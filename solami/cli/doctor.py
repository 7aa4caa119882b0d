"""`solami doctor`: what is there, what is missing, what would be used."""

from pathlib import Path

import typer

__all__ = ["doctor"]


def doctor() -> None:
    """Check this machine: parts, ports, Redis, optional extras, upstreams. Prints one table; exits 1 on a fault."""
    from rich.markup import escape
    from rich.table import Table

    from solami.cli.console import console
    from solami.headset.checkup import Finding, checkup
    from solami.server.checkup import parts_in_use
    from solami.server.settings import ServerSettings
    from solami_protocol.errors import SettingsError
    from solami_protocol.settings import load_settings

    table = Table(title="solami doctor")
    for column in ("part", "state", "what to do"):
        table.add_column(column)
    findings = checkup()
    try:
        path = "configs/server.yaml" if Path("configs/server.yaml").is_file() else None
        findings += [Finding(*row) for row in parts_in_use(load_settings(ServerSettings, "server", path))]
    except SettingsError as exc:
        findings.append(Finding("configs/server.yaml", "fault", str(exc), "correct it"))
    colours = {"ok": "green", "absent": "yellow", "fault": "red"}
    for finding in findings:
        state = f"[{colours[finding.state]}]{finding.state}[/] {escape(finding.detail)}"
        table.add_row(finding.part, state, escape(finding.advice))
    console.print(table)
    if any(f.state == "fault" for f in findings):
        raise typer.Exit(1)
