"""dlt: its REST source, its file system destination, JSONL, as its documentation has it. Nothing is taken apart."""

import os

import dlt
from dlt.destinations import filesystem
from dlt.sources.rest_api import rest_api_source

place = os.environ["AUDIT_PLACE"]
source = rest_api_source(
    {
        "client": {
            "base_url": os.environ["AUDIT_URL"],
            "auth": {"type": "bearer", "token": os.environ["AUDIT_TOKEN"]},
            "paginator": {"type": "json_link", "next_url_path": "previous"},
        },
        "resources": [
            {
                "name": "audit_events",
                "max_table_nesting": 0,
                "endpoint": {
                    "path": os.environ["AUDIT_PATH"].lstrip("/"),
                    "params": {"maxCount": 200},
                    "data_selector": "auditEvents",
                },
            }
        ],
    }
)
pipeline = dlt.pipeline(
    "uipath",
    pipelines_dir=f"{place}/state",
    destination=filesystem(bucket_url=f"file://{place}/out"),
    dataset_name="audit",
)
print(pipeline.run(source, loader_file_format="jsonl", write_disposition="append"))
