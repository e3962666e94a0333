-- The food bank's tables that "place order" touches, with the same keys and indexes, and its decision
-- as one stored function: one round trip, one transaction, one commit. Then the accounts and the notes.
--
-- Where a choice was free it favours PostgreSQL: one line per order without arrays, order numbers from
-- a sequence (which leaves gaps; ours has none), pages with room for updates in place, and no order
-- between transactions beyond what their locks make.

CREATE TABLE products (
    sku      text PRIMARY KEY,
    name     text NOT NULL,
    category text NOT NULL,
    size     text NOT NULL,
    barcode  text NOT NULL UNIQUE,
    labels   text[] NOT NULL,
    "limit"  integer,
    on_hand  integer NOT NULL,
    reserved integer NOT NULL,
    promised integer NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX products_name ON products (name);
CREATE INDEX products_category_name ON products (category, name);

CREATE TABLE neighbors (
    id      text PRIMARY KEY,
    name    text NOT NULL,
    phone   text NOT NULL,
    address text NOT NULL
);

CREATE TABLE orders (
    number   bigint PRIMARY KEY,
    neighbor text NOT NULL,
    status   text NOT NULL,
    placed   timestamptz NOT NULL,
    picker   text
);
CREATE INDEX orders_neighbor ON orders (neighbor);
CREATE INDEX orders_status ON orders (status);
CREATE SEQUENCE order_number;

CREATE TABLE order_lines (
    "order"  bigint NOT NULL,
    sku      text NOT NULL,
    neighbor text NOT NULL,
    name     text NOT NULL,
    size     text NOT NULL,
    quantity integer NOT NULL,
    picked   jsonb,
    PRIMARY KEY ("order", sku)
);

-- What a chronicle's record and duplicate window are to us: what came of each command, by its id.
CREATE TABLE commands (
    actor     text NOT NULL,
    id        uuid NOT NULL,
    arguments jsonb NOT NULL,
    outcome   jsonb NOT NULL,
    PRIMARY KEY (actor, id)
);

CREATE FUNCTION place_order(
    p_actor text, p_id uuid, p_sku text, p_quantity integer
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_arguments jsonb := jsonb_build_object('sku', p_sku, 'quantity', p_quantity);
    v_seen      commands%ROWTYPE;
    v_name      text;
    v_size      text;
    v_left      integer;
    v_number    bigint;
    v_outcome   jsonb;
BEGIN
    -- Duplicate? Two at once meet at the primary key below, and the later fails and is sent again.
    SELECT * INTO v_seen FROM commands WHERE actor = p_actor AND id = p_id;
    IF FOUND THEN
        IF v_seen.arguments <> v_arguments THEN
            RAISE EXCEPTION 'conflict';
        END IF;
        RETURN v_seen.outcome;
    END IF;

    -- Authorize.
    PERFORM 1 FROM neighbors WHERE id = p_actor;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'denied';
    END IF;

    -- Decide, and change the product in the same statement: its row is locked from here to the commit.
    UPDATE products SET promised = promised + p_quantity
        WHERE sku = p_sku AND on_hand - reserved - promised >= p_quantity
        RETURNING name, size INTO v_name, v_size;
    IF FOUND THEN
        v_number := nextval('order_number');
        INSERT INTO order_lines VALUES (v_number, p_sku, p_actor, v_name, v_size, p_quantity, NULL);
        INSERT INTO orders VALUES (v_number, p_actor, 'Placed', now(), NULL);
        v_outcome := jsonb_build_object('order', v_number);
    ELSE
        SELECT on_hand - reserved - promised INTO v_left FROM products WHERE sku = p_sku;
        v_outcome := CASE WHEN FOUND
            THEN jsonb_build_object('code', 'NotEnough', 'sku', p_sku, 'left', v_left)
            ELSE jsonb_build_object('code', 'UnknownProduct', 'sku', p_sku) END;
    END IF;
    INSERT INTO commands VALUES (p_actor, p_id, v_arguments, v_outcome);
    RETURN v_outcome;
END $$;

CREATE TABLE accounts (
    number  integer PRIMARY KEY,
    balance integer NOT NULL
) WITH (fillfactor = 50);

CREATE FUNCTION transfer(
    p_actor text, p_id uuid, p_from integer, p_to integer, p_amount integer
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_arguments jsonb := jsonb_build_object('from', p_from, 'to', p_to, 'amount', p_amount);
    v_seen      commands%ROWTYPE;
    v_balance   integer;
    v_outcome   jsonb := 'null';
BEGIN
    SELECT * INTO v_seen FROM commands WHERE actor = p_actor AND id = p_id;
    IF FOUND THEN
        IF v_seen.arguments <> v_arguments THEN
            RAISE EXCEPTION 'conflict';
        END IF;
        RETURN v_seen.outcome;
    END IF;

    -- Both rows in the order of their numbers, so that no two transfers wait for each other.
    PERFORM 1 FROM accounts WHERE number IN (p_from, p_to) ORDER BY number FOR NO KEY UPDATE;
    UPDATE accounts SET balance = balance - p_amount WHERE number = p_from AND balance >= p_amount;
    IF FOUND THEN
        UPDATE accounts SET balance = balance + p_amount WHERE number = p_to;
    ELSE
        SELECT balance INTO v_balance FROM accounts WHERE number = p_from;
        v_outcome := jsonb_build_object('code', 'Short', 'balance', v_balance);
    END IF;
    INSERT INTO commands VALUES (p_actor, p_id, v_arguments, v_outcome);
    RETURN v_outcome;
END $$;

-- A log: read by position, written once per id.
CREATE TABLE notes (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    actor    text NOT NULL,
    id       uuid NOT NULL,
    at       timestamptz NOT NULL DEFAULT now(),
    text     text NOT NULL,
    UNIQUE (actor, id)
);
