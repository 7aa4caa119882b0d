"""The `solami` command: one file a command or group, each importing what it needs only when it is called."""

import typer

from solami.cli import avatar, character, data, evaluate, tokenizer
from solami.cli.bench import app as bench
from solami.cli.doctor import doctor
from solami.cli.talk import talk
from solami.cli.up import up

__all__ = ["app", "main"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    help="Talk to 3D characters: speech, body, hands and face on one clock.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(up)
app.command()(talk)
app.command()(doctor)
app.add_typer(bench, name="bench", help="Measure: every bench writes JSON and prints a table.")
app.add_typer(character.app, name="character", help="Character cards: list, check, make, import, export.")
app.add_typer(data.app, name="data", help="Motion data: unpack, read, prepare.")
app.add_typer(tokenizer.app, name="tokenizer", help="Motion tokenizers: train, eval, encode, decode, compare.")
app.add_typer(evaluate.app, name="eval", help="Judge: characters, perception, hearing.")
app.add_typer(avatar.app, name="avatar", help="The avatar: build, contact sheet.")


def main() -> None:
    """Run the command line."""
    app()
