-- The scale that the service really applied, as the size of its answer proves it: what was asked for may be reduced.

ALTER TABLE attempt ADD COLUMN scale REAL;

DROP VIEW attempts;

CREATE VIEW attempts AS
SELECT
    id,
    job_id,
    strftime('%Y-%m-%dT%H:%M:%fZ', started_at, 'unixepoch') AS started_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', finished_at, 'unixepoch') AS finished_at,
    http_status,
    outcome,
    error,
    booked / 1e6 AS cost,
    sent_bytes,
    received_bytes,
    cf_ray,
    scale
FROM attempt;
