"""What the documents name is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(ROOT.glob("docs/*.md")) + sorted(ROOT.glob("docs/decisions/*.md"))


def rows_of_controls() -> list[str]:
    text = (ROOT / "docs/SECURITY.md").read_text()
    controls = text.split("## Controls")[1].split("## The first administrators")[0]
    rows = [line for line in controls.splitlines() if line.startswith("| ")]
    return [row for row in rows if not row.startswith("| Attack |")]


@pytest.mark.parametrize("row", rows_of_controls())
def test_a_control_names_code_and_a_test_that_exist(row: str) -> None:
    _, where, attacked_by = row.strip("| ").split(" | ")[-3:]
    for path in re.findall(r"`([^`]+)`", where):
        assert (ROOT / path).is_file(), path
    file, *tests = re.findall(r"`([^`]+)`", attacked_by)
    text = (ROOT / file).read_text()
    for test in tests:
        assert re.search(rf"(fn|def) {test}\(", text), f"{file}: {test}"


@pytest.mark.parametrize(
    "document", [ROOT / "README.md", *DOCUMENTS], ids=lambda path: path.name
)
def test_a_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), target
