"""Opens an archive as an analyst does: with DuckDB and the statements of docs/query.md, word for word.

Prints one JSON object with what was found. Needs duckdb; for s3:// also duckdb-extension-httpfs, which brings the
extension along, so that nothing is downloaded.

    python analyst.py --archive DIRECTORY|s3://BUCKET/PREFIX [--s3-endpoint URL --s3-key-id ID --s3-secret S
        --s3-region R] [--csv] [--odd] [--only classic|stored|files]
"""

import argparse
import contextlib
import datetime
import decimal
import importlib.util
import json
import pathlib
import re
import sys
import urllib.parse

import duckdb

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "query.md"
BLOCK = re.compile(r"^```sql duckdb(?P<kind>[a-z ]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
PLACE = "SET VARIABLE archive = 'archive';"
PLACE_OF = "SET VARIABLE archive ="
OTHER_APIS = {"classic": "records", "stored": "stored", "files": "rows_of_files"}


def main():
    arguments = read_arguments()
    connection = duckdb.connect()
    if arguments.archive.startswith("s3://"):
        prepare_s3(connection, arguments)
    examples = run_document(connection, arguments)
    found = {"duckdb": duckdb.__version__, "examples": examples}
    if arguments.only:
        found |= look_at_another_api(connection, arguments.only)
    else:
        found |= {"lines": count(connection, "lines")} if arguments.odd else look(connection)
    if arguments.csv and not arguments.only:
        found["csv"] = look_at_csv(connection)
    json.dump(found, sys.stdout, default=plain)
    print()


def read_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--archive", required=True)
    parser.add_argument("--csv", action="store_true", help="the archive has the CSV view")
    parser.add_argument("--only", choices=OTHER_APIS, help="the archive holds what another API brought, and nothing else")
    parser.add_argument("--odd", action="store_true", help="tell what DuckDB refuses, and go on")
    parser.add_argument("--s3-endpoint", default="https://s3.amazonaws.com")
    parser.add_argument("--s3-key-id", default="")
    parser.add_argument("--s3-secret", default="")
    parser.add_argument("--s3-region", default="us-east-1")
    return parser.parse_args()


def prepare_s3(connection, arguments):
    """What stands in the document as prose: the extension and a secret."""
    package = importlib.util.find_spec("duckdb_extension_httpfs")
    if package is None:
        sys.exit("install duckdb-extension-httpfs of DuckDB's own version")
    folder = pathlib.Path(package.origin).parent
    [extension] = folder.glob(f"extensions/v{duckdb.__version__}/httpfs.duckdb_extension")
    connection.execute(f"LOAD {quoted(str(extension))}")
    endpoint = urllib.parse.urlsplit(arguments.s3_endpoint)
    connection.execute(
        f"CREATE SECRET (TYPE s3, KEY_ID {quoted(arguments.s3_key_id)}, SECRET {quoted(arguments.s3_secret)}, "
        f"REGION {quoted(arguments.s3_region)}, ENDPOINT {quoted(endpoint.netloc)}, URL_STYLE 'path', "
        f"USE_SSL {'true' if endpoint.scheme == 'https' else 'false'})"
    )


def run_document(connection, arguments):
    """Runs every statement of the document. Returns how many rows each block's last statement gave."""
    text = DOCUMENT.read_text(encoding="utf-8")
    if text.count(PLACE) != 1:
        sys.exit(f"{DOCUMENT.name} lacks `{PLACE}`")
    text = text.replace(PLACE, f"SET VARIABLE archive = {quoted(arguments.archive.rstrip('/'))};")
    examples = []
    for block in BLOCK.finditer(text):
        kind = block["kind"].strip()
        if arguments.only and kind != arguments.only and "commits AS" not in block["text"] and PLACE_OF not in block["text"]:
            continue
        if kind in OTHER_APIS and kind != arguments.only or kind == "csv" and not arguments.csv:
            continue
        last = connection.extract_statements(block["text"])[-1]
        asks = last.type == duckdb.StatementType.SELECT
        example = {"begins": block["text"].splitlines()[0], "asks": asks}
        examples.append(example)
        try:
            example["rows"] = len(connection.execute(block["text"]).fetchall())
        except duckdb.InvalidInputException as error:
            if not arguments.odd:
                raise
            example["refused"] = str(error)
            # What a refusal within a transaction leaves open.
            with contextlib.suppress(duckdb.TransactionException):
                connection.execute("ROLLBACK")
    return examples


def look(connection):
    """What the document's tables and views hold, for a test to compare with what happened."""
    one = lambda sql: connection.execute(sql).fetchone()
    counts = lambda sql: dict(connection.execute(sql).fetchall())
    rows, ids, objects = one("SELECT count(*), count(DISTINCT id), count(DISTINCT filename) FROM events")
    return {
        "rows": rows,
        "ids": ids,
        "objects": objects,
        "written": int(one("SELECT sum(counts.written) FROM commits")[0]),
        "commits": count(connection, "commits"),
        "lines": count(connection, "lines"),
        "history": count(connection, "history"),
        "history_again": history_again(connection),
        "history_resumed": history_resumed(connection),
        "named_and_not": one(
            "SELECT count(*) FROM read_csv(getvariable('archive') || '/jsonl/api=unified/*/*/*.jsonl*', "
            "columns = {line: VARCHAR}, header = false, auto_detect = false, delim = chr(1), quote = '', escape = '')"
        )[0],
        "days": counts("SELECT day::VARCHAR, count(*) FROM events GROUP BY ALL"),
        "types": counts("SELECT eventType, count(*) FROM events GROUP BY ALL"),
        "actors": counts("SELECT actorName, count(*) FROM events GROUP BY ALL"),
        "failed": one("SELECT count(*) FROM events WHERE status = 1")[0],
        "first": one("SELECT min(createdOn) FROM events")[0],
        "last": one("SELECT max(createdOn) FROM events")[0],
        "undated": one("SELECT count(*) FROM events WHERE createdOn IS NULL")[0],
        "out_of_place": one("SELECT count(*) FROM events WHERE createdOn::DATE <> day")[0],
        "seconds": int(one("SELECT coalesce(sum((eventDetails->>'timeBudgetSeconds')::BIGINT), 0) FROM events")[0]),
        "addresses": one("SELECT count(clientInfo->>'ipAddress') FROM events")[0],
        "scanned": scanned(connection),
    }


def count(connection, table):
    return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def only_what_is_new(connection):
    """The document's statements that add what commits have brought since."""
    blocks = [block["text"] for block in BLOCK.finditer(DOCUMENT.read_text(encoding="utf-8"))]
    [text] = [text for text in blocks if "INSERT INTO history" in text]
    connection.execute(text)
    return count(connection, "history")


def history_again(connection):
    """Rows of the table after a second run: nothing is new."""
    return only_what_is_new(connection)


def history_resumed(connection):
    """Rows of the table after the newest commit was forgotten and a third run: it alone is new."""
    connection.execute("DELETE FROM history WHERE commit = (SELECT max(commit) FROM history)")
    before = count(connection, "history")
    connection.execute("DELETE FROM loaded WHERE number = (SELECT max(number) FROM loaded)")
    after = only_what_is_new(connection)
    return {"before": before, "after": after}


def scanned(connection):
    """How many files a query for one day opens, of how many."""
    [day] = connection.execute("SELECT min(day)::VARCHAR FROM events").fetchone()
    plan = connection.execute(f"EXPLAIN ANALYZE SELECT count(id) FROM events WHERE day = DATE '{day}'").fetchone()[1]
    found = re.search(r"Scanning Files: (\d+)/(\d+)", plan)
    return [int(number) for number in found.groups()] if found else None


def look_at_csv(connection):
    rows, ids, failed, addresses, last = connection.execute(
        "SELECT count(*), count(DISTINCT id), count(*) FILTER (status = 1), count(ipAddress), max(createdOn) FROM cells"
    ).fetchone()
    return {"rows": rows, "ids": ids, "failed": failed, "addresses": addresses, "last": last}


def look_at_another_api(connection, kind):
    """What the view of that API's records holds."""
    table = OTHER_APIS[kind]
    time = {"classic": "createdOn", "stored": "createdOn", "files": "CreatedOn"}[kind]
    rows, first, last = connection.execute(f'SELECT count(*), min({time})::VARCHAR, max({time})::VARCHAR FROM {table}').fetchone()
    written = connection.execute("SELECT sum(counts.written) FROM commits").fetchone()[0]
    return {"rows": rows, "first": first, "last": last, "written": int(written)}


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def plain(value):
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return int(value)
    raise TypeError(f"{type(value)} is no JSON")


if __name__ == "__main__":
    main()
