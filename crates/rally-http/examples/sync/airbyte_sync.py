"""Runs the declarative source of `airbyte_sync.yaml` on airbyte-cdk into a small target.

PAGING=offset shows that counting pages is safe, too.
"""

import json
import os

import yaml
from airbyte_cdk.models import AirbyteStateMessageSerializer
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource
from airbyte_cdk.test.catalog_builder import CatalogBuilder, ConfiguredAirbyteStreamBuilder
from airbyte_cdk.test.entrypoint_wrapper import read
from airbyte_cdk.models import SyncMode
from messages import Target


def main():
    target = Target()
    with open(os.path.join(os.path.dirname(__file__), "airbyte_sync.yaml")) as file:
        manifest = file.read()
    if os.environ.get("PAGING") == "offset":
        manifest = manifest.replace("definitions/by_link", "definitions/by_offset")
    manifest = yaml.safe_load(manifest)
    config = {"url": os.environ["RALLY_URL"], "api_key": os.environ["RALLY_KEY"]}
    catalog = CatalogBuilder()
    for name in ("contacts", "deals", "changes"):
        mode = SyncMode.full_refresh if name == "changes" else SyncMode.incremental
        catalog = catalog.with_stream(ConfiguredAirbyteStreamBuilder().with_name(name).with_sync_mode(mode))
    catalog = catalog.build()
    state = [AirbyteStateMessageSerializer.load(state) for state in target.state or []]
    source = ConcurrentDeclarativeSource(catalog=catalog, config=config, state=state, source_config=manifest)
    output = read(source, config, catalog, state)
    if output.errors:
        raise SystemExit(f"the read failed: {output.errors}")
    for message in output.records:
        target.take(message.record.stream, message.record.data)
    states = {}
    for message in output.state_messages:
        states[message.state.stream.stream_descriptor.name] = message.state
    target.state = json.loads(json.dumps([AirbyteStateMessageSerializer.dump(state) for state in states.values()]))
    target.save()


if __name__ == "__main__":
    main()
