"""The fake under test, and a tab of a browser that shows its console."""

import json
import os
import re
import subprocess
import time
import urllib.error
import urllib.request

from playwright.sync_api import expect

expect.set_options(timeout=10_000)

PASSWORD = "correct horse battery"


def eventually(holds, seconds=30):
    """Waits until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never held"
        time.sleep(0.05)


class Fake:
    """A fake that ends with the test."""

    def __init__(self, *options, port=0):
        command = [os.environ["RALLY"], "fake", "--json", "--exit-with-stdin", "--log", "error", "--tenant", "acme"]
        command += ["--listen", f"127.0.0.1:{port}", *(options or ("--rate-limit", "0"))]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        ready = json.loads(self.process.stdout.readline())
        self.url, self.key = ready["url"], ready["tenants"][0]["apiKey"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(30)
        self.process.stdout.close()

    def call(self, method, path, body=None, key=None, headers=None):
        """The JSON that the API answers; a failure is raised with its problem."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/{path}", data=data, method=method)
        request.add_header("X-Api-Key", key or self.key)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request) as answer:
                text = answer.read().decode()
                return json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.read().decode()}") from None

    def get(self, path, **more):
        return self.call("GET", f"api/v1/{path}", **more)

    def post(self, path, body, **more):
        return self.call("POST", f"api/v1/{path}", body, **more)

    def patch(self, path, body, **more):
        return self.call("PATCH", f"api/v1/{path}", body, **more)

    def key_for(self, scopes):
        return self.post("api-keys", {"name": f"a {scopes} key", "scopes": scopes})["key"]

    def user(self, email, scopes="admin"):
        return self.post("users", {"email": email, "name": email.split("@")[0].title(), "scopes": scopes, "password": PASSWORD})

    def contact(self, email="ada@x.example", **more):
        return self.post("contacts", {"firstName": "Ada", "lastName": "Lovelace", "email": email, **more})

    def pipeline(self):
        return self.get("pipelines")[0]

    def stage(self, name):
        return next(stage for stage in self.pipeline()["stages"] if stage["name"] == name)

    def deal(self, name, stage="Lead", **more):
        return self.post("deals", {"name": name, "pipelineId": self.pipeline()["id"], "stageId": self.stage(stage)["id"], **more})

    def deals(self, number, stage="Lead"):
        """Many deals of a stage."""
        pipeline, stage = self.pipeline()["id"], self.stage(stage)["id"]
        bodies = [{"name": f"Deal {at:05}", "pipelineId": pipeline, "stageId": stage, "value": 10} for at in range(number)]
        for first in range(0, number, 100):
            self.post("deals/bulk", bodies[first : first + 100])


class Server(Fake):
    """A server with the records of one tenant in a folder, which outlive it."""

    def __init__(self, folder, port=0, key=None):
        self.store = f"redb:{folder}/rally.redb"
        command = [os.environ["RALLY"], "serve", "--console", "--json", "--log", "error", "--tenant", "acme", "--rate-limit", "0"]
        command += ["--store", self.store, "--listen", f"127.0.0.1:{port}"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        ready = json.loads(self.process.stdout.readline())
        self.url, self.key = ready["url"], key or ready["tenants"][0]["apiKey"]

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)
        self.process.stdout.close()


class Tab:
    """A page of a browser of its own. What it has complained of is in `complaints`, and where it has asked in `asked`."""

    def __init__(self, browser, fake, base=None, **options):
        self.fake, self.base = fake, base or fake.url
        self.context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)
        self.page = self.context.new_page()
        self.complaints, self.asked = [], []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self.note)
        self.page.on("request", lambda request: self.asked.append(request.url))

    def note(self, message):
        # A browser says so of each answer that is a failure, which tests make on purpose.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            self.complaints.append(message.text)

    def close(self):
        elsewhere = [url for url in self.asked if not url.startswith((self.base, "blob:"))]
        cookies = self.context.cookies()
        self.context.close()
        assert not self.complaints, self.complaints
        assert not elsewhere, elsewhere
        assert not cookies, cookies

    def __getattr__(self, name):
        return getattr(self.page, name)

    def sign_in(self, key=None, keep=False):
        self.page.goto(f"{self.base}/console")
        self.page.get_by_label("API key").first.check()
        self.page.locator("input[name=key]").fill(key or self.fake.key)
        if keep:
            self.page.get_by_label("Keep me signed in").check()
        self.button("Sign in").click()
        expect(self.page.get_by_role("heading", level=1)).to_have_text("Overview")
        return self

    def show(self, path):
        """Goes to a page of the console, and waits until it is there."""
        self.page.evaluate("path => { location.hash = `#/${path}`; }", path)
        expect(self.page.locator("main")).not_to_have_attribute("aria-busy", "true")
        expect(self.page.locator("main h1")).to_be_visible()
        return self

    def button(self, name, exact=True):
        return self.page.get_by_role("button", name=name, exact=exact)

    def link(self, name):
        return self.page.get_by_role("link", name=name, exact=True)

    def field(self, member):
        """The control of a member, in the dialog if one is open."""
        within = self.page.locator("dialog[open]") if self.page.locator("dialog[open]").count() else self.page
        return within.locator(f"[name='{member}']")

    def fault_of(self, member):
        return self.page.locator(f"[data-member='{member}'] .fault")

    def dialog(self):
        return self.page.get_by_role("dialog")

    def row(self, text):
        return self.page.locator("tbody tr:not(.below)", has_text=text)

    def below(self):
        """What a row shows below itself."""
        return self.page.locator("tr.below:visible")

    def says(self, text):
        """Waits for a notice."""
        expect(self.page.locator(".notice", has_text=text if isinstance(text, re.Pattern) else re.compile(re.escape(text)))).to_be_visible()

    def column(self, stage):
        return self.page.locator(".column", has=self.page.get_by_role("heading", name=re.compile(f"^{stage}")))

    def card(self, name):
        return self.page.locator(".card", has=self.page.get_by_role("link", name=name, exact=True))
