"""A good model file, and how tests spoil it."""

from __future__ import annotations

from pathlib import Path

import pytest

from doseline.errors import ModelError
from doseline.model.read import read_model

GOOD = Path(__file__).with_name("example.toml").read_text(encoding="utf-8")


def changed(*edits: tuple[str, str]) -> str:
    """The good file with pieces of its text replaced."""
    text = GOOD
    for old, new in edits:
        assert text.count(old) == 1, f"{text.count(old)} x {old}"
        text = text.replace(old, new)
    return text


def complaint(text: str) -> str:
    """What is said about a file with mistakes."""
    with pytest.raises(ModelError) as caught:
        read_model(text, place="m.toml")
    assert len(caught.value.problems) >= 1
    return str(caught.value)
