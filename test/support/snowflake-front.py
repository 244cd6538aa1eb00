"""Snowflake's wire protocol, as far as its Node driver speaks it with us, in front of fakesnow: python snowflake-front.py PORT

fakesnow has an HTTP server of its own, for Python's driver: it answers in Arrow, which Node's driver does not read. This one runs
fakesnow's SQL and answers in JSON. Only texts and numbers are encoded: everything else is cast to text by the statements under test.
"""

import base64
import decimal
import gzip
import hashlib
import json
import logging
import re
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

import duckdb
import pyarrow as pa
from fakesnow import info_schema
from fakesnow.instance import FakeSnow
from snowflake.connector.errors import Error as SnowflakeError

INLINE_ROWS = 100  # what the first answer holds; the rest comes in chunks, as from Snowflake
CHUNK_ROWS = 1000
PASSWORDS = {"linked_events": "right", "reader": "right"}

# Corrections of fakesnow: views are missing in TABLES, and a quote in a column's name ends a statement of its own.
info_schema.SQL_CREATE_INFORMATION_SCHEMA_TABLES_VIEW.template += """
union all by name
select database_name as "TABLE_CATALOG", schema_name as "TABLE_SCHEMA", view_name as "TABLE_NAME", 'VIEW' as "TABLE_TYPE"
from duckdb_views where database_name = '${catalog}' and schema_name != '_fs_information_schema'
"""
info_schema.insert_text_lengths_sql = lambda *_: "SELECT 1"

fake = FakeSnow()
opening = threading.Lock()
sessions = {}  # token -> Session
running = {}  # requestId -> Session
cancelled = set()  # requestIds
chunks = {}  # name -> gzipped rows


faults = {"cut": False}  # cut: the next chunk ends early


class Session:
    def __init__(self, user, database, schema):
        self.user = user
        with opening:
            self.connection = fake.connect(database, schema)
        self.lock = threading.Lock()

    def interrupt(self):
        self.connection._duck_conn.interrupt()  # noqa: SLF001


class Refused(Exception):
    def __init__(self, code, state, message):
        super().__init__(message)
        self.code, self.state = code, state


def encode(column):
    kind = column.type
    values = column.to_pylist()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind):
        return "text", values
    if pa.types.is_boolean(kind):
        return "boolean", [None if v is None else "1" if v else "0" for v in values]
    if pa.types.is_integer(kind):
        return "fixed", [None if v is None else str(v) for v in values]
    if pa.types.is_decimal(kind):
        return "fixed", [None if v is None else format(decimal.Decimal(v), "f") for v in values]
    if pa.types.is_floating(kind):
        return "real", [None if v is None else repr(v) for v in values]
    raise Refused("391999", "0A000", f"a result column of type {kind}: the front encodes texts and numbers only")


def rows_of(table):
    if table is None or table.num_columns == 0:
        return [], []
    encoded = [encode(column) for column in table.columns]
    types = [
        {"name": name, "type": kind, "nullable": True, "length": 16777216, "precision": 38, "scale": 0}
        for name, (kind, _) in zip(table.column_names, encoded)
    ]
    return types, [list(row) for row in zip(*(values for _, values in encoded))]


# What fakesnow does not know, or answers from DuckDB.
REWRITTEN = [
    (re.compile(r"CURRENT_ROLE\(\)"), "'LINKED_EVENTS'"),
    (re.compile(r"CURRENT_WAREHOUSE\(\)"), "'COMPUTE'"),
    (re.compile(r'"(?:[^"]|"")*"\.INFORMATION_SCHEMA\.SCHEMATA'), "INFORMATION_SCHEMA.SCHEMATA"),
    (re.compile(r"TO_NUMBER\((.+?), 'XXXXXXXX'\)"), r"CAST('0x' || \1 AS BIGINT)"),
]
OWN = re.compile(r"\s*(?:ALTER SESSION SET|GRANT|REVOKE)\b", re.I)
PROBE = re.compile(r"\s*SELECT SYSTEM\$LAST_CHANGE_COMMIT_TIME\('(.+)'\)\s*$", re.I | re.S)
COUNTED = re.compile(r"\s*(?:INSERT|UPDATE|DELETE)\b(?!.*_segment_reverse_etl)", re.I | re.S)
counted = {"writes": 0}
WRITES = re.compile(r"\s*(?:CREATE|INSERT|UPDATE|DELETE|DROP)\b", re.I)


def run(session, sql):
    """The column types and the rows of one statement."""
    if session.user == "reader" and WRITES.match(sql):
        raise Refused("003001", "42501", "SQL access control error: Insufficient privileges to operate on schema")
    if OWN.match(sql):
        return rows_of(pa.table({"status": ["Statement executed successfully."]}))
    for pattern, instead in REWRITTEN:
        sql = pattern.sub(instead, sql)
    cursor = session.connection.cursor()
    probed = PROBE.match(sql)
    if probed:
        # With the number of writes the hash of the rows never comes again.
        cursor.execute(f"SELECT * FROM {unescaped(probed[1])}", server=True)
        content = sorted(map(repr, cursor._arrow_table.to_pylist()))  # noqa: SLF001
        number = int(hashlib.md5(repr((content, counted["writes"])).encode()).hexdigest()[:15], 16)
        return rows_of(pa.table({"token": [number]}))
    if COUNTED.match(sql):
        counted["writes"] += 1
    cursor.execute(sql, server=True)
    return rows_of(cursor._arrow_table)  # noqa: SLF001


def unescaped(literal):
    return literal.replace("''", "'").replace("\\\\", "\\")


def translated(error):
    """fakesnow's errors have Snowflake's codes, some are DuckDB's own or its parser's; all become Snowflake's."""
    if isinstance(error, Refused):
        return error.code, error.state, str(error)
    if isinstance(error, SnowflakeError) and error.errno and error.errno > 0:
        return f"{error.errno:06d}", error.sqlstate or "", str(error.msg)
    if isinstance(error, duckdb.InterruptException):
        return "000604", "57014", "SQL execution canceled"
    return "001003", "42000", f"{type(error).__name__}: {error}"


def interrupt(request):
    """A statement that is only being prepared hears no interrupt, and begins after it: it is told until it has ended."""
    while (session := running.get(request)) is not None:
        session.interrupt()
        time.sleep(0.02)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path == "/statements":
            return self.answer(len(running))
        name = urlparse(self.path).path.rsplit("/", 1)[-1]
        content = chunks[name]
        if faults["cut"]:
            faults["cut"] = False
            content = gzip.compress(gzip.decompress(content).rsplit(b", [", 10)[0], 1)
        self.send(content, {"Content-Encoding": "gzip"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        url = urlparse(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        content = json.loads(body) if body else {}
        self.answer(self.route(url.path, asked, content))

    def route(self, path, asked, content):
        if path == "/session/v1/login-request":
            return self.login(asked, content["data"])
        if path == "/queries/v1/query-request":
            return self.query(asked, content)
        if path == "/queries/v1/abort-request":
            request = content.get("requestId")
            if request in running:
                cancelled.add(request)
                threading.Thread(target=interrupt, args=(request,), daemon=True).start()
            return {"data": None, "success": True}
        if path == "/faults":
            faults.update(content)
        if path == "/session" and asked.get("delete") == "true":
            sessions.pop(self.token(), None)
        return {"data": None, "success": True}

    def login(self, asked, data):
        user = data.get("LOGIN_NAME", "")
        if data.get("AUTHENTICATOR") == "SNOWFLAKE_JWT":
            # The signature is not checked: that the driver can read the key and sign with it is what is shown.
            claims = data["TOKEN"].split(".")[1]
            right = user.upper() in json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sub"]
        else:
            right = PASSWORDS.get(user) == data.get("PASSWORD")
        if not right:
            return failure("390100", "08001", "Incorrect username or password was specified.")
        token = uuid.uuid4().hex
        sessions[token] = Session(user, asked.get("databaseName"), asked.get("schemaName"))
        return {
            "data": {"token": token, "masterToken": token, "validityInSeconds": 3600, "parameters": [], "sessionInfo": {}},
            "success": True,
        }

    def query(self, asked, content):
        session = sessions.get(self.token())
        if session is None:
            return failure("390104", "08001", "User must login again to access the service.")
        request = asked.get("requestId")
        running[request] = session
        try:
            with session.lock:
                types, rows = run(session, content["sqlText"])
        except Exception as error:  # noqa: BLE001  an HTTP error would be tried again for minutes
            code, state, message = translated(error)
            if request in cancelled:
                code, state, message = "000604", "57014", "SQL execution canceled"
            return failure(code, state, message)
        finally:
            running.pop(request, None)
            cancelled.discard(request)
        data = {
            "rowtype": types,
            "rowset": rows[:INLINE_ROWS],
            "returned": len(rows),
            "total": len(rows),
            "parameters": [],
            "queryId": str(uuid.uuid4()),
            "queryResultFormat": "json",
            "statementTypeId": 4096,
            "version": 1,
        }
        if len(rows) > INLINE_ROWS:
            data["qrmk"] = ""
            data["chunks"] = [
                self.publish(rows[start : start + CHUNK_ROWS]) for start in range(INLINE_ROWS, len(rows), CHUNK_ROWS)
            ]
        return {"data": data, "success": True}

    def publish(self, rows):
        plain = json.dumps(rows)[1:-1].encode()
        name = uuid.uuid4().hex
        chunks[name] = gzip.compress(plain, 1)
        return {
            "url": f"http://{self.headers['Host']}/chunks/{name}",
            "rowCount": len(rows),
            "uncompressedSize": len(plain),
            "compressedSize": len(chunks[name]),
        }

    def token(self):
        found = re.search(r'Token="([^"]*)"', self.headers.get("Authorization", ""))
        return found[1] if found else ""

    def answer(self, content):
        self.send(json.dumps(content).encode(), {"Content-Type": "application/json"})

    def send(self, body, headers):
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def failure(code, state, message):
    return {"data": {"sqlState": state, "queryId": str(uuid.uuid4())}, "code": code, "message": message, "success": False}


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


if __name__ == "__main__":
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
