"""The program ``rally``, which this package brings along."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path


class MissingBinary(RuntimeError):
    """The program is not where an installed package has it."""


def find_binary() -> Path:
    """The path of the program: ``RALLY_BINARY``, or that of the installed package."""
    named = os.environ.get("RALLY_BINARY")
    if named:
        if Path(named).is_file():
            return Path(named)
        raise MissingBinary(f"RALLY_BINARY names {named!r}, which is no file")
    places = [folder / "rally" for folder in _folders()]
    for place in places:
        if place.is_file():
            return place
    looked = ", ".join(str(place) for place in places)
    raise MissingBinary(
        f"the program rally is in none of {looked}. Install the wheel of rally-crm for this platform, or name a program "
        "by the environment variable RALLY_BINARY."
    )


def _folders() -> Iterator[Path]:
    """The folders that installers put programs into: of the environment, of the user, and beside ``pip install --target``."""
    yield Path(sysconfig.get_path("scripts"))
    yield Path(sysconfig.get_path("scripts", scheme=sysconfig.get_preferred_scheme("user")))
    yield Path(sysconfig.get_path("scripts", vars={"base": sys.base_prefix}))
    yield Path(__file__).parent.parent / "bin"
