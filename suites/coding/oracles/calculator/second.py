import re

TOKEN = re.compile(r"\s*(\d+|[-+*()])")
BINDING = {"+": 1, "-": 1, "*": 2, "neg": 3}


def calculate(text):
    numbers, waiting = [], []
    operand_next = True
    for token in tokens(text.strip()):
        if token.isdigit() or token == "(":
            if not operand_next:
                raise ValueError(f"unexpected {token}")
            if token == "(":
                waiting.append(token)
            else:
                numbers.append(int(token))
                operand_next = False
        elif operand_next:
            if token != "-":
                raise ValueError(f"unexpected {token}")
            waiting.append("neg")
        elif token == ")":
            reduce(numbers, waiting, 0)
            if not waiting:
                raise ValueError("unexpected )")
            waiting.pop()
        else:
            reduce(numbers, waiting, BINDING[token])
            waiting.append(token)
            operand_next = True
    if operand_next:
        raise ValueError("unexpected end")
    reduce(numbers, waiting, 0)
    if waiting:
        raise ValueError("a bracket is not closed")
    return numbers[0]


def tokens(text):
    at = 0
    while at < len(text):
        found = TOKEN.match(text, at)
        if found is None:
            raise ValueError(f"unexpected {text[at]}")
        yield found[1]
        at = found.end()


def reduce(numbers, waiting, least):
    while waiting and waiting[-1] != "(" and BINDING[waiting[-1]] >= least:
        operator = waiting.pop()
        right = numbers.pop()
        if operator == "neg":
            numbers.append(-right)
            continue
        left = numbers.pop()
        numbers.append({"+": left + right, "-": left - right, "*": left * right}[operator])
