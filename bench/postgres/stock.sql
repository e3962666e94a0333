-- A food bank with an empty order book, as every measurement starts: `:products` products of ten
-- categories, `:neighbors` neighbors, plenty of everything but of P-00000, which is sold out. And
-- `:accounts` accounts that nobody has used, and no notes.
TRUNCATE orders, order_lines, commands, products, neighbors, accounts, notes;
INSERT INTO products
    SELECT 'P-' || lpad(n::text, 5, '0'), 'Product ' || n, 'Category ' || n % 10, '1 kg',
           lpad(n::text, 13, '0'), '{}', NULL, CASE WHEN n = 0 THEN 0 ELSE 1000000000 END, 0, 0
    FROM generate_series(0, :products) n;
INSERT INTO neighbors
    SELECT 'neighbor-' || n, 'Neighbor ' || n, '000', 'Some Street ' || n
    FROM generate_series(1, :neighbors) n;
INSERT INTO accounts SELECT n, :balance FROM generate_series(1, :accounts) n;
VACUUM ANALYZE products, neighbors, orders, order_lines, commands, accounts, notes;
CHECKPOINT;
