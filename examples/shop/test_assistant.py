"""The same in Python, for what a check in YAML can't say."""


def test_it_knows_our_currency(llm):
    answer = llm.ask("Which currency has the code EUR? Answer with one word.", id="currency", max_tokens=8)
    assert "euro" in answer.text.lower()
