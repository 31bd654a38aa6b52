def initials(name: str) -> str:
    """Return the first letter of every word of a name, in upper case and each followed by a dot.

    Words are separated by one or more spaces; there may be spaces at both ends too.
    'ada  lovelace' becomes 'A.L.', and an empty name stays empty.
    """
    return "".join(f"{word[0].upper()}." for word in name.split())
