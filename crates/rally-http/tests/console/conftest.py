"""A fake, a browser, and tabs of the console for each test."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from support import Fake, Tab


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=["--no-sandbox"])


@pytest.fixture
def fake():
    with Fake() as started:
        yield started


@pytest.fixture
def tabs(browser, request):
    """Opens tabs, each in a browser of its own, and checks at the end that none of them has complained."""
    opened = []

    def open_tab(fake, **options):
        tab = Tab(browser, fake, **options)
        opened.append(tab)
        return tab

    yield open_tab
    for number, tab in enumerate(opened):
        folder = os.environ.get("SCREENSHOTS")
        if folder and request.session.testsfailed:
            tab.page.screenshot(path=Path(folder) / f"{request.node.name}-{number}.png")
        tab.close()


@pytest.fixture
def tab(fake, tabs):
    """A tab in which the admin of the fake is signed in."""
    return tabs(fake).sign_in()
