"""The structure of an answer, as models set it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.score import outline
from pytest_llmeval.score.outline import Part

PAGE = """\
# Design
Some words
over two lines.

## Components:
- **Queue**: holds jobs
  and keeps them.
    * nested
1. First
12) Second
**Data flow**

The data flows.

| part | use |
|------|-----|
| queue | jobs |

```python
# no heading
```
Risks:
None that matter. Note: this is text.
"""


def test_the_parts_of_a_page() -> None:
    assert outline.read(PAGE) == (
        Part("heading", "Design", 1),
        Part("text", "Some words\nover two lines."),
        Part("heading", "Components", 2),
        Part("bullet", "**Queue**: holds jobs\nand keeps them.", 0),
        Part("bullet", "nested", 4),
        Part("number", "First", 0),
        Part("number", "Second", 0),
        Part("heading", "Data flow", 7),
        Part("text", "The data flows."),
        Part("row", "queue   jobs"),
        Part("heading", "Risks", 7),
        Part("text", "None that matter. Note: this is text."),
    )


def test_a_section_ends_with_the_next_heading_of_its_level() -> None:
    found = {section.title: section.body for section in outline.sections(outline.read(PAGE))}
    assert found["Data flow"] == "The data flows.\n\nqueue   jobs"
    assert "First" in found["Components"]
    assert found["Risks"] == "None that matter. Note: this is text."
    assert found["Design"].startswith("Some words")


@pytest.mark.parametrize(
    "title", ["## 구성 요소", "**구성 요소**", "### **구성 요소:**", "__구성 요소__:", "1. **구성 요소**"]
)
def test_headings_as_models_set_them(title: str) -> None:
    (section,) = outline.sections(outline.read(f"{title}\n\n큐가 있습니다."))
    assert section.title.strip() == "구성 요소"
    assert section.body == "큐가 있습니다."


@given(st.text(alphabet=st.sampled_from("#*-|1.) \n`:aé가")))
def test_any_text_is_read(text: str) -> None:
    for part in outline.read(text):
        assert part.text is not None
    outline.sections(outline.read(text))


def test_a_page_that_is_fenced_as_a_whole_is_read() -> None:
    fenced = "```markdown\n## Risks\n\nNone.\n\n~~~python\n# code\n~~~\n```\n"
    assert outline.read(fenced) == (Part("heading", "Risks", 2), Part("text", "None."))
