"""Loads contacts and deals into DuckDB with dlt, and takes out what was deleted.

Run it again and again: dlt keeps in its state how far it has read. PAGING=offset shows that counting pages is safe, too.
"""

import os

import dlt
from dlt.sources.rest_api import rest_api_source

START = "1970-01-01T00:00:00Z"
OFFSETS = {"type": "offset", "limit": 100, "total_path": None}
LINKS = {"type": "header_link"}


def listed(path, paginator):
    """A list that is read from the last change on that the run before saw."""
    return {
        "name": path,
        "primary_key": "id",
        "write_disposition": "merge",
        # A record that changes during a run is read more than once, and the last change counts.
        "columns": {"updatedAt": {"dedup_sort": "desc"}},
        "endpoint": {
            "path": path,
            "params": {"limit": 100, "updatedSince": "{incremental.start_value}"},
            "incremental": {"cursor_path": "updatedAt", "initial_value": START},
            "paginator": paginator,
        },
    }


def main():
    paginator = OFFSETS if os.environ.get("PAGING") == "offset" else LINKS
    changes = {
        "name": "changes",
        "primary_key": "id",
        "write_disposition": "append",
        "endpoint": {
            "path": "sync/changes",
            "params": {"entities": "contacts,deals", "since": "{incremental.start_value}"},
            "incremental": {"cursor_path": "changedAt", "initial_value": START},
            "paginator": LINKS,
        },
    }
    source = rest_api_source({
        "client": {
            "base_url": os.environ["RALLY_URL"] + "/api/v1/",
            "auth": {"type": "api_key", "name": "X-Api-Key", "api_key": os.environ["RALLY_KEY"], "location": "header"},
        },
        "resources": [listed("contacts", paginator), listed("deals", paginator), changes],
    })
    pipeline = dlt.pipeline(
        "rally",
        pipelines_dir=os.path.join(os.environ["SYNC_FOLDER"], "state"),
        destination=dlt.destinations.duckdb(os.path.join(os.environ["SYNC_FOLDER"], "rally.duckdb")),
        dataset_name="crm",
    )
    pipeline.run(source)
    with pipeline.sql_client() as sql:
        for table, entity in (("contacts", "contact"), ("deals", "deal")):
            gone = f"SELECT entity_id FROM changes WHERE action = 'deleted' AND entity_type = '{entity}'"
            sql.execute_sql(f"DELETE FROM {table} WHERE id IN ({gone})")


def loaded():
    """The records that are loaded, by table and id, with the instants of their last changes."""
    import duckdb

    database = duckdb.connect(os.path.join(os.environ["SYNC_FOLDER"], "rally.duckdb"))
    database.execute("SET TimeZone = 'UTC'")
    form = "strftime(updated_at, '%Y-%m-%dT%H:%M:%S.%fZ')"
    return {
        table: dict(database.execute(f"SELECT id, {form} FROM crm.{table}").fetchall())
        for table in ("contacts", "deals")
    }


if __name__ == "__main__":
    import json

    main()
    print(json.dumps(loaded()))
