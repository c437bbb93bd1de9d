-- What becomes of an original after its job has ended: `due` while its folder has something done with it, `moved` where
-- it has gone since (NULL: it lies where it was, or is deleted).

ALTER TABLE job ADD COLUMN due INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN moved BLOB;

CREATE INDEX job_with_due_original ON job (id) WHERE due = 1;
