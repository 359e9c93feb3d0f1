-- Tables of version 1 as a program of that version has made and written them: two tenants, of which one has written 300 times.
CREATE TABLE rally_schema (one boolean PRIMARY KEY CHECK (one), version integer NOT NULL);
INSERT INTO rally_schema (one, version) VALUES (true, 1);
CREATE TABLE rally_heads (tenant uuid PRIMARY KEY, version bigint NOT NULL) WITH (fillfactor = 50);
CREATE TABLE rally_rows (
    tenant uuid NOT NULL,
    space smallint NOT NULL,
    key bytea NOT NULL,
    value bytea NOT NULL,
    PRIMARY KEY (tenant, space, key)
) WITH (fillfactor = 90);
CREATE TABLE rally_commits (
    tenant uuid NOT NULL,
    slot smallint NOT NULL,
    version bigint NOT NULL,
    token uuid NOT NULL,
    PRIMARY KEY (tenant, slot)
) WITH (fillfactor = 50);
INSERT INTO rally_heads VALUES
    ('00000000-0000-0000-0000-000000000001', 300),
    ('00000000-0000-0000-0000-000000000002', 1);
INSERT INTO rally_rows VALUES
    ('00000000-0000-0000-0000-000000000001', 7, '\x61', '\x31'),
    ('00000000-0000-0000-0000-000000000001', 7, '\x6100ff', '\x00ff'),
    ('00000000-0000-0000-0000-000000000001', 7, '\x62', '\x'),
    ('00000000-0000-0000-0000-000000000001', 255, '\x', '\x39'),
    ('00000000-0000-0000-0000-000000000002', 7, '\x61', '\x32');
INSERT INTO rally_commits SELECT '00000000-0000-0000-0000-000000000001', version % 256, version, gen_random_uuid()
    FROM generate_series(45, 300) AS version;
INSERT INTO rally_commits VALUES ('00000000-0000-0000-0000-000000000002', 1, 1, gen_random_uuid());
