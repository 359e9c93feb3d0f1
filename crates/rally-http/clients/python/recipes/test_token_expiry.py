"""A token ends after an hour, and the app logs in again."""

from urllib.error import HTTPError

import pytest

import rally_crm
from app import App

LOGIN = {"email": "sales@x.example", "password": "correct horse battery"}


def log_in(app: App, tenant: str) -> None:
    token = app.call("POST", "/auth/login", {"tenant": tenant, **LOGIN})["token"]
    app.credential = {"Authorization": f"Bearer {token}"}


def test_the_app_logs_in_again_when_its_token_has_ended(rally_server: rally_crm.Server) -> None:
    with rally_server.tenant(clock="2025-06-01T12:00:00Z") as rally:
        rally.seed(users=[{**LOGIN, "name": "Sales", "scopes": "read"}])
        app = App(rally.url, {})
        log_in(app, rally.name)
        app.call("GET", "/contacts")

        ran = rally.clock.advance("1h")
        assert "tokenExpired" in [one.what for one in ran]
        with pytest.raises(HTTPError, match="401"):
            app.call("GET", "/contacts")

        log_in(app, rally.name)
        assert app.call("GET", "/contacts") == []
