"""Loads contacts, companies, deals and activities into DuckDB with dlt, and takes out what was deleted.

    pip install 'dlt[duckdb]'
    RALLY_URL=http://127.0.0.1:8080 RALLY_KEY=rk_live_… python dlt_sync.py

Run it again and again: dlt keeps in its state how far it has read. The database and the state are in the folder SYNC_FOLDER,
or the current one. PAGING=offset shows that counting pages is safe, too.
"""

import os

import dlt
from dlt.sources.rest_api import rest_api_source

START = "1970-01-01T00:00:00Z"
OFFSETS = {"type": "offset", "limit": 100, "total_path": None}
LINKS = {"type": "header_link"}
# The tables, each with the name that the feed has for its records.
TABLES = {"contacts": "contact", "companies": "company", "deals": "deal", "activities": "activity"}
FOLDER = os.environ.get("SYNC_FOLDER", ".")
DATABASE = os.path.join(FOLDER, "rally.duckdb")


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
            "params": {"since": "{incremental.start_value}"},
            "incremental": {"cursor_path": "changedAt", "initial_value": START},
            "paginator": LINKS,
        },
    }
    source = rest_api_source({
        "client": {
            "base_url": os.environ["RALLY_URL"] + "/api/v1/",
            "auth": {"type": "api_key", "name": "X-Api-Key", "api_key": os.environ["RALLY_KEY"], "location": "header"},
        },
        "resources": [*(listed(table, paginator) for table in TABLES), changes],
    })
    pipeline = dlt.pipeline(
        "rally",
        pipelines_dir=os.path.join(FOLDER, "state"),
        destination=dlt.destinations.duckdb(DATABASE),
        dataset_name="crm",
    )
    pipeline.run(source)
    # There is no table of what nothing was ever loaded of.
    there = pipeline.default_schema.data_table_names(seen_data_only=True)
    with pipeline.sql_client() as sql:
        for table, entity in TABLES.items():
            if table in there and "changes" in there:
                gone = f"SELECT entity_id FROM changes WHERE action = 'deleted' AND entity_type = '{entity}'"
                sql.execute_sql(f"DELETE FROM {table} WHERE id IN ({gone})")


def loaded():
    """The records that are loaded, by table and id, with the instants of their last changes."""
    import duckdb

    database = duckdb.connect(DATABASE)
    database.execute("SET TimeZone = 'UTC'")
    there = {name for name, in database.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'crm'").fetchall()}
    form = "strftime(updated_at, '%Y-%m-%dT%H:%M:%S.%fZ')"
    return {
        table: dict(database.execute(f"SELECT id, {form} FROM crm.{table}").fetchall()) if table in there else {}
        for table in TABLES
    }


if __name__ == "__main__":
    main()
    print(", ".join(f"{len(records)} {table}" for table, records in loaded().items()))
