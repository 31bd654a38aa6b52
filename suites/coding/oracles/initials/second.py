def initials(name: str) -> str:
    result = ""
    before = " "
    for character in name:
        if character != " " and before == " ":
            result += character.upper() + "."
        before = character
    return result
