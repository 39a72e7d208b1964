"""What axe-core finds: nothing serious or critical, whatever the width, scheme and language."""

from importlib import resources

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]
GRAVE = ("serious", "critical")


RUN = """
const done = arguments[arguments.length - 1];
axe.run(document).then(done, e => done({violations: [{id: String(e), impact: "critical", nodes: [{html: ""}]}]}));
"""


def find_faults(board) -> list[str]:
    axe = pytest.importorskip(
        "axe_core_python", reason="axe-core-python is missing: pip install -e '.[dev]'"
    )
    board.run((resources.files(axe) / "axe.min.js").read_text("utf-8"))
    found = board.browser.execute_async_script(RUN)
    grave = [v for v in found["violations"] if v["impact"] in GRAVE]
    return [
        f"{v['id']} ({v['impact']}): {n['html'][:160]}: {n.get('failureSummary', '')}"
        for v in grave
        for n in v["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_the_evidence_and_the_answer(board, width, scheme, tmp_path):
    from PIL import Image

    board.browser.set_script_timeout(120)
    board.size(width, 900)
    board.media(scheme)
    board.server.closed = True
    board.open(
        f"?attribute=collar&lang={'zh' if scheme == 'dark' else 'en'}"
    ).ready()  # some cards: axe is slow
    board.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    Image.new("RGB", (60, 80), "#8d2f36").save(tmp_path / "picture.png")
    board.find("#file").send_keys(str(tmp_path / "picture.png"))
    board.wait(lambda: board.all("#answer .garment"))
    assert find_faults(board) == []
    board.run("document.querySelector('#cards .card-open').click()")
    board.wait(lambda: len(board.all("#evidence .curve")) == 4)
    board.run("document.querySelectorAll('#evidence details').forEach(d => d.open = true)")
    assert find_faults(board) == []


def test_the_token_dialog(board):
    board.server.token = "ft_right"
    board.open()
    board.wait(lambda: board.find("#sign-in").get_attribute("open") is not None)
    assert find_faults(board) == []
