"""`solami up`: all processes on this machine, until Ctrl-C."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["up"]


def up(
    port: Annotated[int, typer.Option(help="Port of the relay: where clients connect.")] = 8765,
    server_port: Annotated[int, typer.Option(help="Port of the model server.")] = 8766,
    face_port: Annotated[int, typer.Option(help="Port of the audio2face service.")] = 8767,
    configs: Annotated[Path, typer.Option(help="Folder with server.yaml, face.yaml, relay.yaml.")] = Path("configs"),
    logs: Annotated[Path | None, typer.Option(help="Folder for the processes' logs.")] = None,
) -> None:
    """Start Redis, model server, audio2face service and relay, and keep them up. Ctrl-C stops all of them.

    \b
    solami up
    solami up --port 9000 --logs runs/logs
    """
    from solami.cli.console import fail_politely, run

    with fail_politely():
        if logs is not None:
            logs.mkdir(parents=True, exist_ok=True)
        run(_up({"relay": port, "server": server_port, "face": face_port}, configs, logs))


async def _up(ports: dict[str, int], configs: Path, logs: Path | None) -> None:
    from solami.cli.console import console
    from solami.headset.stack import StackOptions, running_stack
    from solami_protocol.errors import SolamiError

    files = {name: configs / f"{name}.yaml" for name in ports if (configs / f"{name}.yaml").exists()}
    with console.status("the page and its avatars"):
        has_page = _page()
    with console.status("starting: model server, audio2face, redis, relay"):
        stack_context = running_stack(StackOptions(ports=ports, configs=files, log_dir=logs))
        stack = await stack_context.__aenter__()
    try:
        for name, part in stack.parts.items():
            console.print(f"{name:<8} {part.url}  (pid {part.pid})", markup=False)
        if has_page:
            console.print(f"Open {stack.parts['relay'].url} in a browser to talk.", markup=False)
        console.print(
            "Embedded: pocketsphinx hears clear English (about one word in five wrong), espeak-ng speaks like a "
            "machine, answers are chosen from the character's card."
        )
        console.print(
            "Plug in: a language model by configs/server.yaml `brain.url`, a better recogniser or voice by `speech`. "
            "Ctrl-C stops everything."
        )
        gone = await stack.wait_any_exit()
        raise SolamiError(f"{gone} has ended by itself:\n{''.join(stack.parts[gone].tail).strip()}")
    finally:
        with console.status("stopping"):
            await stack_context.__aexit__(None, None, None)
        console.print("stopped; nothing is left running")


def _page() -> bool:
    """Build the page that the relay serves; say why when there is none."""
    from solami.cli.console import console
    from solami.headset.live_page import ensure_live_page
    from solami_protocol.errors import MissingExtra

    try:
        ensure_live_page()
    except MissingExtra as exc:
        console.print(str(exc), markup=False)
        return False
    return True
