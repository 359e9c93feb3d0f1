"""A target of the kind that Singer and Airbyte have: a file with the records, and one with the state."""

import json
import os


class Target:
    def __init__(self):
        self.path = os.path.join(os.environ.get("SYNC_FOLDER", "."), "target.json")
        self.tables, self.state = {"contacts": {}, "deals": {}}, None
        if os.path.exists(self.path):
            with open(self.path) as file:
                self.tables, self.state = json.load(file)
        self.gone = []

    def take(self, stream, record):
        """Takes a record, or a change of the feed: only those that say `deleted` tell anything new."""
        if stream != "changes":
            self.tables[stream][record["id"]] = record["updatedAt"]
        elif record["action"] == "deleted":
            self.gone.append((record["entityType"] + "s", record["entityId"]))

    def save(self):
        """Applies the deletions last: an id is never used again."""
        for table, record in self.gone:
            self.tables[table].pop(record, None)
        with open(self.path, "w") as file:
            json.dump([self.tables, self.state], file)
        print(", ".join(f"{len(records)} {table}" for table, records in self.tables.items()))
