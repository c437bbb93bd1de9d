-- What costs nothing is found at once, however long the queue behind a closed gate is; and so is what waits for its time.
-- `free`: another job of the same picture has ended, so this one may cost nothing; whether it does, the claim decides.

ALTER TABLE job ADD COLUMN free INTEGER NOT NULL DEFAULT 0;

UPDATE job SET free = 1 WHERE state = 'queued';

CREATE INDEX job_free ON job (priority DESC, id) WHERE state = 'queued' AND free = 1;

CREATE INDEX job_due ON job (not_before) WHERE not_before > 0 AND state IN ('queued', 'received');

CREATE TRIGGER job_ends AFTER UPDATE OF state ON job WHEN NEW.state IN ('done', 'failed')
BEGIN
    UPDATE job SET free = 1 WHERE sha256 = NEW.sha256 AND state = 'queued' AND free = 0;
END;

CREATE TRIGGER job_comes AFTER INSERT ON job WHEN NEW.state = 'queued'
BEGIN
    UPDATE job SET free = EXISTS (
        SELECT 1 FROM job AS other WHERE other.sha256 = NEW.sha256 AND other.state IN ('done', 'failed'))
    WHERE id = NEW.id;
END;

CREATE TRIGGER job_queues_again AFTER UPDATE OF state, parameters ON job WHEN NEW.state = 'queued'
BEGIN
    UPDATE job SET free = EXISTS (
        SELECT 1 FROM job AS other
        WHERE other.sha256 = NEW.sha256 AND other.id <> NEW.id AND other.state IN ('done', 'failed'))
    WHERE id = NEW.id;
END;
