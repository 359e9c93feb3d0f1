"""A Singer tap of contacts, deals and the feed on singer-sdk, and its run into a small target.

The state that the tap writes says how far it has read. PAGING=offset shows that counting pages is safe, too.
"""

import contextlib
import io
import json
import os
from urllib.parse import parse_qsl

from messages import Target
from singer_sdk import RESTStream, Tap
from singer_sdk import typing as th
from singer_sdk.pagination import HeaderLinkPaginator, OffsetPaginator

START = "1970-01-01T00:00:00Z"
COUNTS = os.environ.get("PAGING") == "offset"


class Offsets(OffsetPaginator):
    def has_more(self, response):
        return bool(response.json())


class RallyStream(RESTStream):
    records_jsonpath = "$[*]"
    primary_keys = ("id",)
    since = "updatedSince"
    counts = COUNTS

    @property
    def url_base(self):
        return self.config["url"] + "/api/v1"

    @property
    def http_headers(self):
        return {"X-Api-Key": self.config["api_key"]}

    def get_new_paginator(self):
        return Offsets(0, 100) if self.counts else HeaderLinkPaginator()

    def get_url_params(self, context, next_page_token):
        if next_page_token and not self.counts:
            return dict(parse_qsl(next_page_token.query))
        start = self.get_starting_replication_key_value(context) or START
        params = {"limit": 100, self.since: start}
        if next_page_token:
            params["offset"] = next_page_token
        return params


class Listed(RallyStream):
    replication_key = "updatedAt"
    schema = th.PropertiesList(
        th.Property("id", th.StringType), th.Property("updatedAt", th.DateTimeType)
    ).to_dict()


class Contacts(Listed):
    name, path = "contacts", "/contacts"


class Deals(Listed):
    name, path = "deals", "/deals"


class Changes(RallyStream):
    name, path = "changes", "/sync/changes"
    replication_key, since, counts = "changedAt", "since", False
    schema = th.PropertiesList(
        th.Property("id", th.IntegerType),
        th.Property("entityType", th.StringType),
        th.Property("entityId", th.StringType),
        th.Property("action", th.StringType),
        th.Property("changedAt", th.DateTimeType),
    ).to_dict()


class RallyTap(Tap):
    name = "tap-rally"
    config_jsonschema = th.PropertiesList(
        th.Property("url", th.StringType, required=True),
        th.Property("api_key", th.StringType, required=True, secret=True),
    ).to_dict()

    def discover_streams(self):
        return [Contacts(self), Deals(self), Changes(self)]


def main():
    target = Target()
    config = {"url": os.environ["RALLY_URL"], "api_key": os.environ["RALLY_KEY"]}
    told = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    with contextlib.redirect_stdout(told):
        RallyTap(config=config, state=target.state or {}).sync_all()
    told.seek(0)
    for message in map(json.loads, told):
        if message["type"] == "RECORD":
            target.take(message["stream"], message["record"])
        elif message["type"] == "STATE":
            target.state = message["value"]
    target.save()


if __name__ == "__main__":
    main()
