"""`solami talk`: one turn from recordings, or a text, as a simulated headset."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["talk"]


def talk(
    audio: Annotated[Path | None, typer.Option(help="Recording of the user: wav, flac or ogg, any rate.")] = None,
    motion: Annotated[Path | None, typer.Option(help="Movement of the user: SMPL-X npz or BVH.")] = None,
    text: Annotated[str, typer.Option(help="Type this instead of speaking.")] = "",
    character: Annotated[str, typer.Option(help="Who to talk to (see `solami character list`).")] = "copper",
    out: Annotated[Path, typer.Option(help="Folder for turn.html, turn.json, turn.wav, turn.npz.")] = Path("demo"),
    relay: Annotated[str, typer.Option(help="A running relay, ws://host:port; else own processes are started.")] = "",
) -> None:
    """Play one turn to a character and see, hear and measure the answer.

    Without files an utterance is synthesised and a wave is authored.

    \b
    solami talk --audio me.wav --out demo
    solami talk --audio me.wav --motion me.bvh --relay ws://127.0.0.1:8765
    solami talk --text "what do you grow here"
    """
    from solami.cli.console import console, fail_politely, run
    from solami.headset.inputs import read_input

    with fail_politely():
        given = None if text else read_input(audio, motion)
        for note in given.notes if given else ():
            console.print(f"note: {note}", style="dim", markup=False)
        run(_talk(given, text, character, out, relay))


async def _talk(given, text: str, character: str, out: Path, relay: str) -> None:  # type: ignore[no-untyped-def]
    from solami.cli.console import console
    from solami.cli.tables import turn_table
    from solami.headset.avatar import Look, build_glb
    from solami.headset.session import headset_session
    from solami.headset.stack import relay_url
    from solami.headset.talk import one_turn, write_artefacts
    from solami.headset.voices import character_voice, fetch_card
    from solami.speech import open_synthesiser

    with console.status("starting the processes" if not relay else "connecting") as status:
        async with relay_url(relay) as url:
            card = await fetch_card(url, character)
            async with headset_session(url, character) as session:
                status.update("being greeted")
                # two seconds of work for the page, while nothing is measured
                body = asyncio.create_task(asyncio.to_thread(build_glb, Look.of_card(card["appearance"])))
                await session.greeting()
                speech = open_synthesiser("espeak")
                result = await one_turn(session, given, text, speech, character_voice(card), status.update)
            status.update("writing the page")
            write_artefacts(out, session, result, card["name"], await body)
    console.print(turn_table(result.numbers))
    console.print(f"written: {out / 'turn.html'} (open it in a browser), turn.json, turn.wav, turn.npz", markup=False)
