"""psycopg2: adapters and type casters are looked up by class; errors have a class for each SQLSTATE."""

import datetime
import decimal
import os
import uuid

import psycopg2
import psycopg2.errorcodes
import psycopg2.errors
import psycopg2.extensions
import psycopg2.extras

psycopg2.extras.register_uuid()

VALUES = {
    "numeric": decimal.Decimal("12345678901234567890.123"),
    "uuid": uuid.UUID("12345678-1234-5678-1234-567812345678"),
    "jsonb": psycopg2.extras.Json({"a": [1, 2.5, None, "\u00e9"]}),
    "numeric[]": [decimal.Decimal("1.5"), None, decimal.Decimal("-2")],
    "text[]": ["a", 'b"c', "\u20ac"],
    "date": datetime.date(2024, 2, 29),
    "time": datetime.time(23, 59, 59, 999),
    "timestamp": datetime.datetime(2024, 2, 29, 12, 30, 45, 678),
    "timestamptz": datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.timezone.utc),
    "interval": datetime.timedelta(days=3, seconds=7, microseconds=9),
    "bytea": b"\x00\xff'\\",
    "boolean": True,
    "bigint": 2 ** 40,
    "double precision": 0.1,
    "daterange": psycopg2.extras.DateRange(datetime.date(2024, 1, 1), datetime.date(2025, 1, 1)),
}


class Money:
    """A class of the application's own that PostgreSQL is to take."""

    def __init__(self, cents):
        self.cents = cents

    def __conform__(self, protocol):
        return self if protocol is psycopg2.extensions.ISQLQuote else None

    def getquoted(self):
        return b"%d.%02d::numeric" % divmod(self.cents, 100)


def connect():
    return psycopg2.connect(host=os.environ["DATABASE_HOST"], dbname="postgres", user="test",
                            application_name="test")


def round_trips(cursor):
    for sql_type, value in VALUES.items():
        cursor.execute(f"SELECT %s::{sql_type}", (value,))
        got = cursor.fetchone()[0]
        expected = value.adapted if sql_type == "jsonb" else value
        if isinstance(got, memoryview):
            got = bytes(got)
        yield [sql_type, type(got).__qualname__, repr(got), got == expected]
    cursor.execute("SELECT %s + 1", (Money(1250),))
    yield ["Money", str(cursor.fetchone()[0])]


def rows(connection, name):
    """Through cursors of psycopg2's factories; a named one has its rows on the server."""
    with connection.cursor(cursor_factory=psycopg2.extras.DictCursor) as cursor:
        cursor.execute("CREATE TEMPORARY TABLE goods (name text PRIMARY KEY, price numeric(10, 2))")
        psycopg2.extras.execute_values(
            cursor, "INSERT INTO goods VALUES %s",
            [(f"{name} {i}", decimal.Decimal(i) / 4) for i in range(300)])
        cursor.execute("SELECT sum(price) AS total FROM goods")
        yield str(cursor.fetchone()["total"])
    with connection.cursor("on_server", cursor_factory=psycopg2.extras.NamedTupleCursor) as cursor:
        cursor.itersize = 70
        cursor.execute("SELECT * FROM goods ORDER BY price DESC LIMIT 200")
        got = list(cursor)
        yield [len(got), got[0].name, str(got[-1].price)]


def caught(connection, statement):
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
    except psycopg2.errors.UniqueViolation as error:
        return ["unique", error.diag.constraint_name, isinstance(error, psycopg2.IntegrityError)]
    except psycopg2.errors.lookup(psycopg2.errorcodes.DIVISION_BY_ZERO) as error:
        return ["division", error.pgcode, isinstance(error, psycopg2.DataError)]
    except psycopg2.ProgrammingError as error:
        return ["programming", error.pgcode, type(error).__qualname__]
    return "nothing"


def no_such_server():
    try:
        psycopg2.connect(host="/nonexistent")
    except psycopg2.OperationalError as error:
        return ["operational", isinstance(error, psycopg2.Error), error.pgcode]
    return "nothing"


def own_types(connection):
    """Casters that the application makes, of a connection and of all of the interpreter's."""
    upper = psycopg2.extensions.new_type((25,), "UPPER", lambda value, _: value and value.upper())
    psycopg2.extensions.register_type(upper, connection)
    as_float = psycopg2.extensions.new_type(
        psycopg2.extensions.DECIMAL.values, "FLOAT", lambda value, _: value and float(value))
    with connection.cursor() as cursor:
        psycopg2.extensions.register_type(as_float, cursor)
        cursor.execute("SELECT 'abc'::text, 1.5::numeric")
        return cursor.fetchone()


def answer(name):
    connection = connect()
    try:
        with connection, connection.cursor() as cursor:
            values = list(round_trips(cursor))
            adapted = psycopg2.extensions.adapt(decimal.Decimal("1.5")).getquoted().decode()
        with connection:
            found = list(rows(connection, name))
        errors = [caught(connection, statement) for statement in (
            f"INSERT INTO goods VALUES ('{name} 1', 1)", "SELECT 1 / 0", "SELECT * FROM nowhere")]
        return {"values": values, "adapted": adapted, "rows": found, "errors": errors,
                "no server": no_such_server(), "own types": own_types(connection),
                "states": psycopg2.errors.lookup("23505").__name__}
    finally:
        connection.close()
