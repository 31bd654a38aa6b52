"""Every sentence that is marked in the source has its Korean one, with the same places.

Run as a script, ``python tests/test_translations.py``, it brings the catalogue up to date: what is new in the
source is added without a translation, what is gone is dropped.
"""

from __future__ import annotations

import ast
import string
from pathlib import Path
from typing import Any

import pytest

from pytest_llmeval import catalogue, language

PACKAGE = Path(language.__file__).parent
MARKS = {"_": 1, "N_": 1, "ngettext": 2}
"""Function -> how many of its arguments, from the first, are texts."""
HEADER = """\
# Korean for people who read reports; `python tests/test_translations.py` brings it up to date.
msgid ""
msgstr ""
"Language: ko\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"

"""


def marked() -> dict[Any, str]:
    """A text, or both forms of one, and where it is; also within an f-string, where babel finds none before
    Python 3.12. A name instead of a text is that of a constant, which ``N_`` marks.
    """
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MARKS:
                texts = node.args[: MARKS[node.func.id]]
                if all(isinstance(one, ast.Constant) for one in texts):
                    values = tuple(one.value for one in texts)
                    found[values if len(values) > 1 else values[0]] = f"{path.name}:{node.lineno}"
                else:
                    assert node.func.id == "_", f"{path}:{node.lineno} marks what is no text"
    return found


def written() -> Any:
    pofile = pytest.importorskip("babel.messages.pofile", reason="babel reads the catalogue")
    with catalogue.path("ko").open(encoding="utf-8") as file:
        return pofile.read_po(file, locale="ko", abort_invalid=True)


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_marked_sentence_is_translated() -> None:
    there, known = marked(), {message.id: message for message in written() if message.id}
    assert len(there) > 100
    missing = [f"{where}: {text}" for text, where in there.items() if text not in known]
    assert not missing, "run python tests/test_translations.py, then translate"
    assert not [text for text in known if text not in there], "nothing says these any more"
    for message in known.values():
        forms = message.string if isinstance(message.string, tuple) else (message.string,)
        assert all(form.strip() for form in forms), f"no translation of {message.id!r}"
        assert not message.fuzzy, message.id


def test_a_translation_fills_the_same_places() -> None:
    for message in written():
        originals = message.id if isinstance(message.id, tuple) else (message.id,)
        for form in message.string if isinstance(message.string, tuple) else (message.string,):
            if originals != ("",):
                assert places(form) == places(originals[-1]), message.id
                assert form[:1].isspace() == originals[-1][:1].isspace(), message.id
                assert form[-1:].isspace() == originals[-1][-1:].isspace(), message.id


def test_what_is_read_is_what_babel_reads() -> None:
    """Our own few lines that compile the catalogue, against the reference."""
    translations = catalogue.read("ko")
    for message in written():
        if isinstance(message.id, tuple):
            assert translations.ngettext(*message.id, 1) == message.string[0]
            assert translations.ngettext(*message.id, 7) == message.string[0]
        elif message.id:
            assert translations.gettext(message.id) == message.string


def test_the_catalogue_is_as_the_script_writes_it() -> None:
    assert catalogue.path("ko").read_text(encoding="utf-8") == updated(), (
        "run python tests/test_translations.py"
    )


def updated() -> str:
    """The catalogue with exactly what the source marks, sorted, so that two changes seldom meet."""
    import io

    from babel.messages import Catalog
    from babel.messages.pofile import write_po

    known = {message.id: message.string for message in written()}
    catalog = Catalog(locale="ko")
    for text in marked():
        catalog.add(text, known.get(text, ""))
    file = io.BytesIO()
    write_po(file, catalog, width=0, omit_header=True, sort_output=True, no_location=True)
    return HEADER + file.getvalue().decode().strip("\n") + "\n"


if __name__ == "__main__":
    catalogue.path("ko").write_text(updated(), encoding="utf-8")
