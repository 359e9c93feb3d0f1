"""Bodies of types that schemathesis does not know."""

import json
from typing import Any

import schemathesis


@schemathesis.serializer("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
def workbook(_: schemathesis.SerializationContext, value: Any) -> bytes:
    """Any bytes: none are a workbook, so each is to be refused in words."""
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.deserializer("application/x-ndjson")
def last_line(_: schemathesis.DeserializationContext, response: schemathesis.Response) -> Any:
    """The last line, as the schema is that of any line."""
    return json.loads(response.content.splitlines()[-1])
