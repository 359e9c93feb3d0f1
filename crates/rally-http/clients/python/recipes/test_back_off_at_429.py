"""The app is over the rate limit, and waits for the next minute, which the test does not."""

import rally_crm
from app import App, with_key


def test_the_app_waits_as_long_as_it_is_told(rally_server: rally_crm.Server) -> None:
    with rally_server.tenant(clock="2025-06-01T12:00:20Z", rate_limit=3) as rally:
        app = App(rally.url, with_key(rally.api_key), sleep=rally.clock.advance)
        for _ in range(4):
            app.call("GET", "/contacts")
        assert [request.status for request in rally.requests.all()] == [200, 200, 200, 429, 200]
        assert rally.clock.now.isoformat() == "2025-06-01T12:01:00+00:00"
