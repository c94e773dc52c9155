"""The threat model names tests that there are."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "infra" / "THREATS.md").read_text(encoding="utf-8")
CITED = sorted(set(re.findall(r"`(tests/[\w/]+(?:\.py)?(?:::\w+)*)/?`", TEXT)))
LINKS = re.findall(r"\]\(([^)#]+)", TEXT)


@pytest.mark.parametrize("cited", CITED)
def test_cited_tests_exist(cited: str) -> None:
    """File, class and function."""
    path, *names = cited.split("::")
    body = ast.parse((ROOT / path).read_text(encoding="utf-8")).body
    for name in names:
        body = next(node.body for node in body if getattr(node, "name", "") == name)
    tests = [node for node in ast.walk(ast.Module(body, [])) if _is_test(node)]
    assert tests


def _is_test(node: ast.AST) -> bool:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return isinstance(node, kinds) and node.name.startswith("test_")


def test_there_are_many() -> None:
    """Every row of threats but those that davy cannot stop names one."""
    rows = TEXT.partition("## Threats")[2].splitlines()[3:]
    bare = [row for row in rows if row.startswith("|") and not re.search(r"`tests/", row)]
    assert (len(CITED) > 12, len(bare)) == (True, 1)


@pytest.mark.parametrize("link", LINKS)
def test_links_lead_somewhere(link: str) -> None:
    """Relative to the file."""
    assert (ROOT / "infra" / link).exists()
