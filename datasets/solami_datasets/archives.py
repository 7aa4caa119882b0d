"""Unpacking archives of recordings, with a limit on what they may unpack to."""

import lzma
import tarfile
import zipfile
from pathlib import Path

from solami_protocol.errors import InputError

__all__ = ["ARCHIVES", "unpack_archive"]

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
_LIMIT_BYTES = 64 << 30  # the largest public sets of body motion unpack to some 45 GB


def unpack_archive(source: Path, into: Path, limit_bytes: int = _LIMIT_BYTES) -> None:
    """Unpack a tar or zip archive into a folder, which is made; members may not lie outside of it.

    Raises InputError when it is no whole archive, or would unpack to more than `limit_bytes`.
    """
    try:
        into.mkdir(parents=True, exist_ok=True)
        if zipfile.is_zipfile(source):
            with zipfile.ZipFile(source) as archive:
                _check(source, sum(m.file_size for m in archive.infolist()), limit_bytes)
                archive.extractall(into)
            return
        with tarfile.open(source) as tar:
            members = tar.getmembers()
            _check(source, sum(m.size for m in members), limit_bytes)
            if hasattr(tarfile, "data_filter"):
                tar.extractall(into, members, filter="data")
            else:  # Python before 3.11.4
                _need_plain(members, into)
                tar.extractall(into, members)
    except (OSError, tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, EOFError) as exc:
        raise InputError(f"{source}: neither a folder nor a whole archive ({exc}); expected .tar.* or .zip") from exc


def _need_plain(members: list[tarfile.TarInfo], into: Path) -> None:
    """Raise TarError unless all members are files and folders that lie inside of the folder."""
    for member in members:
        if not (into / member.name).resolve().is_relative_to(into.resolve()):
            raise tarfile.TarError(f"{member.name} would lie outside of the folder")
        if not (member.isfile() or member.isdir()):
            raise tarfile.TarError(f"{member.name} is a link or device; unpacked from Python 3.11.4 on only")


def _check(source: Path, size: int, limit_bytes: int) -> None:
    if size > limit_bytes:
        raise InputError(f"{source}: unpacks to {size >> 20} MB; at most {limit_bytes >> 20} MB are unpacked")
