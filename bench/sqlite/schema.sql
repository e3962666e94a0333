-- The tables of ../postgres/schema.sql, as SQLite would have them: rows by their text key lie in the
-- key's own tree.

CREATE TABLE products (
    sku      TEXT PRIMARY KEY,
    name     TEXT NOT NULL,
    category TEXT NOT NULL,
    size     TEXT NOT NULL,
    barcode  TEXT NOT NULL UNIQUE,
    labels   TEXT NOT NULL,
    "limit"  INTEGER,
    on_hand  INTEGER NOT NULL,
    reserved INTEGER NOT NULL,
    promised INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX products_name ON products (name);
CREATE INDEX products_category_name ON products (category, name);

CREATE TABLE neighbors (
    id      TEXT PRIMARY KEY,
    name    TEXT NOT NULL,
    phone   TEXT NOT NULL,
    address TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE orders (
    number   INTEGER PRIMARY KEY,
    neighbor TEXT NOT NULL,
    status   TEXT NOT NULL,
    placed   INTEGER NOT NULL,
    picker   TEXT
) STRICT;
CREATE INDEX orders_neighbor ON orders (neighbor);
CREATE INDEX orders_status ON orders (status);

CREATE TABLE order_lines (
    "order"  INTEGER NOT NULL,
    sku      TEXT NOT NULL,
    neighbor TEXT NOT NULL,
    name     TEXT NOT NULL,
    size     TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    picked   TEXT,
    PRIMARY KEY ("order", sku)
) STRICT, WITHOUT ROWID;

CREATE TABLE commands (
    actor     TEXT NOT NULL,
    id        BLOB NOT NULL,
    arguments TEXT NOT NULL,
    outcome   TEXT NOT NULL,
    PRIMARY KEY (actor, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
    number  INTEGER PRIMARY KEY,
    balance INTEGER NOT NULL
) STRICT;

CREATE TABLE notes (
    position INTEGER PRIMARY KEY,
    actor    TEXT NOT NULL,
    id       BLOB NOT NULL,
    at       INTEGER NOT NULL,
    text     TEXT NOT NULL,
    UNIQUE (actor, id)
) STRICT;
