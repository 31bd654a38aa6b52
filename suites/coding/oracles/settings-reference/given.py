import json
from pathlib import Path


class SettingsError(Exception):
    pass


def load_settings(path, defaults, *, strict=True):
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"there are no settings at {file}")
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise SettingsError(f"{file}:{error.lineno}: {error.msg}") from error
    unknown = sorted(found.keys() - defaults.keys())
    if unknown and strict:
        raise SettingsError(f"unknown settings: {', '.join(unknown)}")
    return {**defaults, **found}


def override(settings, assignments, separator="="):
    result = dict(settings)
    for assignment in assignments:
        name, found, text = assignment.partition(separator)
        if not found:
            raise ValueError(f"{assignment!r} holds no {separator!r}")
        if name not in settings:
            raise KeyError(name)
        result[name] = type(settings[name])(text)
    return result


def changes(old, new):
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield name, old.get(name), new.get(name)


def _quoted(name):
    return json.dumps(name)
