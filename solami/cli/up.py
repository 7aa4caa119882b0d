"""`solami up`: all processes on this machine, until Ctrl-C."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from solami.cli.lan import Lan
    from solami.headset.stack import Stack

__all__ = ["up"]


def up(
    port: Annotated[int, typer.Option(help="Port of the relay: where clients connect.")] = 8765,
    server_port: Annotated[int, typer.Option(help="Port of the model server.")] = 8766,
    face_port: Annotated[int, typer.Option(help="Port of the audio2face service.")] = 8767,
    configs: Annotated[Path, typer.Option(help="Folder with server.yaml, face.yaml, relay.yaml.")] = Path("configs"),
    lan: Annotated[bool, typer.Option("--lan", help="Also for headsets and phones in this network, by HTTPS.")] = False,
    lan_port: Annotated[int, typer.Option(help="Port of HTTPS with --lan.")] = 8443,
    logs: Annotated[Path | None, typer.Option(help="Folder for the processes' logs.")] = None,
    llm: Annotated[str, typer.Option(help="Answer with this chat endpoint; `found` takes one of this machine.")] = "",
    model: Annotated[str, typer.Option(help="Its model; the first that it lists if none is named.")] = "",
) -> None:
    """Start Redis, model server, audio2face service and relay, and keep them up. Ctrl-C stops all of them.

    \b
    solami up
    solami up --lan
    solami up --port 9000 --logs runs/logs
    solami up --llm found
    solami up --llm http://127.0.0.1:11434/v1 --model llama3.2
    """
    from solami.cli.console import fail_politely, run

    with fail_politely():
        from solami.cli.lan import open_lan

        if logs is not None:
            logs.mkdir(parents=True, exist_ok=True)
        network = open_lan(lan_port) if lan else None
        run(_up({"relay": port, "server": server_port, "face": face_port}, configs, logs, network, llm, model))


async def _up(ports: dict[str, int], configs: Path, logs: Path | None, lan: "Lan | None", llm: str, model: str) -> None:
    from solami.cli.console import console
    from solami.headset.stack import StackOptions, running_stack
    from solami_protocol.errors import SolamiError

    files = {name: configs / f"{name}.yaml" for name in ports if (configs / f"{name}.yaml").exists()}
    with console.status("the page and its avatars"):
        has_page = _page()
    brain_args = await _brain_args(llm, model)
    options = StackOptions(ports=ports, configs=files, log_dir=logs, args={"server": brain_args})
    with console.status("starting: model server, audio2face, redis, relay"):
        if lan is not None:
            options.args["relay"] = lan.relay_args()
        stack_context = running_stack(options)
        stack = await stack_context.__aenter__()
    try:
        _say(stack, has_page, bool(brain_args))
        async with asyncio.TaskGroup() as group:
            if lan is not None:
                group.create_task(lan.pair(stack.relay_url, stack.token), name="pairing codes")
            gone = await stack.wait_any_exit()
            raise SolamiError(f"{gone} has ended by itself:\n{''.join(stack.parts[gone].tail).strip()}")
    finally:
        with console.status("stopping"):
            await stack_context.__aexit__(None, None, None)
        console.print("stopped; nothing is left running")


async def _brain_args(llm: str, model: str) -> list[str]:
    """Return the model server's arguments for the chat endpoint that was asked for; say what else could be used."""
    from solami.agent.discovery import find_local_models, models_at
    from solami.cli.console import console
    from solami_protocol.errors import Unavailable

    if llm and llm != "found":
        model = model or next(iter((await models_at(llm)).models), "")
        return [f"brain.url={llm}", f"brain.model={model}"]
    found = await find_local_models()
    for endpoint in found:
        console.print(
            f"A language model runs at {endpoint.url}: {', '.join(endpoint.models[:4])}. "
            + ("" if llm else "It is not used; `solami up --llm found` does."),
            markup=False,
        )
    if not llm:
        return []
    if not found:
        raise Unavailable("--llm found: no chat endpoint on ports 11434, 1234 and 8080; start one, or name its address")
    return [f"brain.url={found[0].url}", f"brain.model={model or found[0].models[0]}"]


def _say(stack: "Stack", has_page: bool, has_llm: bool) -> None:
    from solami.cli.console import console

    for name, part in stack.parts.items():
        console.print(f"{name:<8} {part.url}  (pid {part.pid})", markup=False)
    if has_page:
        console.print(f"Open {stack.relay_url} in a browser to talk.", markup=False)
    console.print(
        "Embedded: pocketsphinx hears clear English (about one word in five wrong), espeak-ng speaks like a "
        "machine, " + ("the language model answers." if has_llm else "answers come from the character's card.")
    )
    console.print(
        "Plug in: a language model by `--llm` or `brain.url`, a better recogniser or voice by `speech` in "
        "configs/server.yaml. Ctrl-C stops everything."
    )


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
