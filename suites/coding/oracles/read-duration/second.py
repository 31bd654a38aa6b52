SECONDS = {"h": 3600, "m": 60, "s": 1}


def read_duration(text: str) -> int:
    units = list(SECONDS)
    total, digits = 0, ""
    for character in text:
        if character in "0123456789":
            digits += character
        elif character in units and digits:
            total += int(digits) * SECONDS[character]
            units = units[units.index(character) + 1 :]
            digits = ""
        else:
            raise ValueError(text)
    if digits or len(units) == len(SECONDS):
        raise ValueError(text)
    return total
