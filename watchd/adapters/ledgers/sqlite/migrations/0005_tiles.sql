-- A picture that is cut into tiles is paid for tile by tile. What has come lies in the spool until all have, and no
-- tile is paid for again, whatever happens to the others: `tile.safe` tells which, `job.tiles` how many they are.

CREATE TABLE tile (
    job_id     INTEGER NOT NULL REFERENCES job (id),
    number     INTEGER NOT NULL,
    -- Where it lies in the upright original, in pixels; another cut of the picture is another tile.
    left       INTEGER NOT NULL,
    top        INTEGER NOT NULL,
    width      INTEGER NOT NULL,
    height     INTEGER NOT NULL,
    -- The last call for it.
    attempt_id INTEGER NOT NULL REFERENCES attempt (id),
    safe       INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (job_id, number)
) STRICT, WITHOUT ROWID;

ALTER TABLE job ADD COLUMN tiles INTEGER NOT NULL DEFAULT 0;

-- Which tile a call was for (NULL: the whole picture), and the size in pixels of the answer that it should bring.
ALTER TABLE attempt ADD COLUMN tile INTEGER;
ALTER TABLE attempt ADD COLUMN width INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempt ADD COLUMN height INTEGER NOT NULL DEFAULT 0;

UPDATE attempt SET
    width = (SELECT job.width FROM job WHERE job.id = attempt.job_id),
    height = (SELECT job.height FROM job WHERE job.id = attempt.job_id)
WHERE finished_at IS NULL;

CREATE INDEX job_in_tiles ON job (id) WHERE tiles > 0;
