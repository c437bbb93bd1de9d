-- What a picture is known by where its payment is asked for: the SHA-256 of the bytes that leave, where they leave as they
-- are. NULL: that of the file's own bytes.
ALTER TABLE job ADD COLUMN picture TEXT;

-- What else than the picture a file holds, which its output will not have; NULL: nothing.
ALTER TABLE job ADD COLUMN besides TEXT;
UPDATE job SET besides = 'what an earlier version of watchd did not look for'
WHERE state IN ('queued', 'sending', 'armed', 'received');

-- How an output is written, as "jpeg 92"; NULL: as its name says, or an earlier version did not say. Whether the paid answer is kept beside it,
-- for another folder that wants more of it than this output can give.
ALTER TABLE job ADD COLUMN written TEXT;
ALTER TABLE job ADD COLUMN keeps INTEGER NOT NULL DEFAULT 0;
CREATE INDEX job_that_keeps ON job (finished_at) WHERE keeps = 1;

DROP INDEX job_by_picture;
CREATE INDEX job_by_picture ON job (substr(coalesce(picture, sha256), 1, 16), state);
CREATE INDEX job_by_bytes ON job (substr(sha256, 1, 8));

DROP TRIGGER job_ends;
DROP TRIGGER job_comes;
DROP TRIGGER job_queues_again;

CREATE TRIGGER job_ends AFTER UPDATE OF state ON job WHEN NEW.state IN ('done', 'failed')
BEGIN
    UPDATE job SET free = 1
    WHERE substr(coalesce(picture, sha256), 1, 16) = substr(coalesce(NEW.picture, NEW.sha256), 1, 16)
      AND coalesce(+picture, sha256) = coalesce(NEW.picture, NEW.sha256) AND state = 'queued' AND free = 0;
END;

CREATE TRIGGER job_comes AFTER INSERT ON job WHEN NEW.state = 'queued'
BEGIN
    UPDATE job SET free = EXISTS (
        SELECT 1 FROM job AS other
        WHERE substr(coalesce(other.picture, other.sha256), 1, 16) = substr(coalesce(NEW.picture, NEW.sha256), 1, 16)
          AND coalesce(+other.picture, other.sha256) = coalesce(NEW.picture, NEW.sha256)
          AND other.state IN ('done', 'failed'))
    WHERE id = NEW.id;
END;

CREATE TRIGGER job_queues_again AFTER UPDATE OF state, parameters ON job WHEN NEW.state = 'queued'
BEGIN
    UPDATE job SET free = EXISTS (
        SELECT 1 FROM job AS other
        WHERE substr(coalesce(other.picture, other.sha256), 1, 16) = substr(coalesce(NEW.picture, NEW.sha256), 1, 16)
          AND coalesce(+other.picture, other.sha256) = coalesce(NEW.picture, NEW.sha256)
          AND other.id <> NEW.id AND other.state IN ('done', 'failed'))
    WHERE id = NEW.id;
END;
