"""Makes `docs/incident.png` anew: `python -m tests.take_picture`. Needs Chromium."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from tests.app.web.chromium import launched
from tests.running_demo import running_demo

_PICTURE = Path(__file__).parents[1] / "docs" / "incident.png"


def main() -> None:
    """Run the demo, open its incident as an approver, and keep what the first screen shows."""
    with tempfile.TemporaryDirectory() as folder, running_demo(Path(folder)) as demo, launched() as browser:
        demo.proposal("kms-permission-removed")
        page = browser.new_page(base_url=demo.base_url, viewport={"width": 1300, "height": 900})
        page.goto(demo.one_time_link)
        page.get_by_role("button", name="Continue").click()
        page.get_by_role("link", name=re.compile("payments")).click()
        page.locator("#fault[data-drawn]").wait_for()
        page.wait_for_timeout(2000)  # one refresh, after which nothing moves
        page.screenshot(path=str(_PICTURE))
    print(f"{_PICTURE}: {_PICTURE.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
