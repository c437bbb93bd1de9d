-- A ledger has a life of five million files: what is asked often is kept as running totals and not counted, nothing that
-- is asked often scans, and what a finished file leaves behind has little room. No row of `job` or `attempt` is ever
-- deleted, so no total has to hear of that.

-- Left at a clean end, and taken away at the next opening: `mtime_ns` is what the file's own time was set to then, so that
-- whatever was written since by anybody shows.
CREATE TABLE clean_end (mtime_ns INTEGER NOT NULL) STRICT;

-- Room. A text column is '' (of an output NULL) where the bytes beside it are that very text.

DROP VIEW jobs;
DROP VIEW balance_failures;
DROP VIEW spending;

UPDATE job SET path_text = '' WHERE path_text = CAST(path AS TEXT);
UPDATE job SET output_text = NULL WHERE output_text = CAST(output AS TEXT);

CREATE VIEW jobs AS
SELECT
    id,
    folder,
    CASE path_text WHEN '' THEN CAST(path AS TEXT) ELSE path_text END AS path,
    sha256,
    profile,
    CASE state WHEN 'armed' THEN 'sending' ELSE state END AS state,
    attempts,
    booked / 1e6 AS cost,
    coalesce(output_text, CAST(output AS TEXT)) AS output,
    reused_from,
    error,
    strftime('%Y-%m-%dT%H:%M:%fZ', created_at, 'unixepoch') AS created_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', finished_at, 'unixepoch') AS finished_at
FROM job;

CREATE VIEW balance_failures AS
SELECT
    balance_failure.id,
    strftime('%Y-%m-%dT%H:%M:%fZ', balance_failure.at, 'unixepoch') AS at,
    balance_failure.job_id,
    job.folder,
    CASE job.path_text WHEN '' THEN CAST(job.path AS TEXT) ELSE job.path_text END AS path,
    balance_failure.message,
    balance_failure.balance_usd,
    balance_failure.balance_diem
FROM balance_failure JOIN job ON job.id = balance_failure.job_id;

-- The first 64 bits of a digest find it as well as all 256 do; that it is the very one, the statement says beside.
DROP INDEX job_by_picture;
DROP INDEX job_by_output;
CREATE INDEX job_by_picture ON job (substr(sha256, 1, 16), state);
CREATE INDEX job_by_output ON job (substr(output_sha256, 1, 16)) WHERE output_sha256 IS NOT NULL;

DROP TRIGGER job_ends;
DROP TRIGGER job_comes;
DROP TRIGGER job_queues_again;

CREATE TRIGGER job_ends AFTER UPDATE OF state ON job WHEN NEW.state IN ('done', 'failed')
BEGIN
    UPDATE job SET free = 1
    WHERE substr(sha256, 1, 16) = substr(NEW.sha256, 1, 16) AND +sha256 = NEW.sha256 AND state = 'queued' AND free = 0;
END;

CREATE TRIGGER job_comes AFTER INSERT ON job WHEN NEW.state = 'queued'
BEGIN
    UPDATE job SET free = EXISTS (
        SELECT 1 FROM job AS other
        WHERE substr(other.sha256, 1, 16) = substr(NEW.sha256, 1, 16) AND +other.sha256 = NEW.sha256
          AND other.state IN ('done', 'failed'))
    WHERE id = NEW.id;
END;

CREATE TRIGGER job_queues_again AFTER UPDATE OF state, parameters ON job WHEN NEW.state = 'queued'
BEGIN
    UPDATE job SET free = EXISTS (
        SELECT 1 FROM job AS other
        WHERE substr(other.sha256, 1, 16) = substr(NEW.sha256, 1, 16) AND +other.sha256 = NEW.sha256
          AND other.id <> NEW.id AND other.state IN ('done', 'failed'))
    WHERE id = NEW.id;
END;

-- The path of a name is that of its job (`job.name`); and by its job a name is looked for until that is done.
DROP INDEX output_name_by_job;
ALTER TABLE output_name DROP COLUMN path;
ALTER TABLE output_name ADD COLUMN may_change INTEGER NOT NULL DEFAULT 1;
UPDATE output_name SET may_change = 0
WHERE EXISTS (SELECT 1 FROM job WHERE job.id = output_name.job_id AND job.state = 'done');
CREATE INDEX output_name_by_job ON output_name (job_id) WHERE may_change = 1;

CREATE TRIGGER job_keeps_its_name AFTER UPDATE OF state ON job WHEN NEW.state = 'done'
BEGIN
    UPDATE output_name SET may_change = 0 WHERE job_id = NEW.id AND may_change = 1;
END;

-- Whether the steps of a job that was done long ago have become one.
ALTER TABLE job ADD COLUMN folded INTEGER NOT NULL DEFAULT 0;

-- What is looked for often, and no more of each than that.
DROP INDEX job_by_end;
DROP INDEX job_by_state;
DROP INDEX attempt_by_day;
DROP INDEX sighting_waiting;
CREATE INDEX job_by_end ON job (state, finished_at) WHERE folded = 0;
CREATE INDEX job_by_state ON job (state);
CREATE INDEX job_in_queue ON job (priority DESC, id) WHERE state = 'queued';
CREATE INDEX job_under_way ON job (created_at) WHERE state IN ('queued', 'sending', 'armed', 'received');
CREATE INDEX sighting_waiting ON sighting (folder, seen_at) WHERE job_id IS NULL AND own = 0;

-- Jobs by folder and state.
CREATE TABLE job_total (
    folder TEXT    NOT NULL,
    state  TEXT    NOT NULL,
    jobs   INTEGER NOT NULL,
    PRIMARY KEY (folder, state)
) STRICT, WITHOUT ROWID;

INSERT INTO job_total SELECT folder, state, count(*) FROM job GROUP BY folder, state;

CREATE TRIGGER job_is_counted AFTER INSERT ON job
BEGIN
    INSERT INTO job_total (folder, state, jobs) VALUES (NEW.folder, NEW.state, 1)
    ON CONFLICT (folder, state) DO UPDATE SET jobs = jobs + 1;
END;

CREATE TRIGGER job_is_counted_elsewhere AFTER UPDATE OF folder, state ON job
WHEN OLD.folder <> NEW.folder OR OLD.state <> NEW.state
BEGIN
    UPDATE job_total SET jobs = jobs - 1 WHERE folder = OLD.folder AND state = OLD.state;
    INSERT INTO job_total (folder, state, jobs) VALUES (NEW.folder, NEW.state, 1)
    ON CONFLICT (folder, state) DO UPDATE SET jobs = jobs + 1;
END;

-- Booked calls and their micro-dollars by the day they were armed on ('': none is known), and by folder and profile as
-- their jobs have them now. In doubt: the answer was lost, or is awaited.
CREATE TABLE spending_total (
    day      TEXT    NOT NULL,
    folder   TEXT    NOT NULL,
    profile  TEXT    NOT NULL,
    calls    INTEGER NOT NULL,
    booked   INTEGER NOT NULL,
    in_doubt INTEGER NOT NULL,
    PRIMARY KEY (day, folder, profile)
) STRICT, WITHOUT ROWID;

CREATE VIEW spending AS
SELECT nullif(day, '') AS day, folder, profile, calls, booked / 1e6 AS cost FROM spending_total WHERE calls > 0;

-- What a booked call comes to in `spending_total`, row by row: the triggers and the first count say it in the same words.
CREATE VIEW spending_of_call AS
SELECT
    attempt.id,
    attempt.job_id,
    coalesce(attempt.day, '') AS day,
    job.folder,
    job.profile,
    attempt.booked,
    CASE WHEN attempt.outcome IN ('lost', 'bad_answer') OR attempt.finished_at IS NULL
        THEN attempt.booked ELSE 0 END AS in_doubt
FROM attempt JOIN job ON job.id = attempt.job_id
WHERE attempt.booked > 0;

INSERT INTO spending_total
SELECT day, folder, profile, count(*), sum(booked), sum(in_doubt) FROM spending_of_call GROUP BY day, folder, profile;

CREATE TRIGGER attempt_is_booked AFTER INSERT ON attempt WHEN NEW.booked > 0
BEGIN
    INSERT INTO spending_total (day, folder, profile, calls, booked, in_doubt)
    SELECT day, folder, profile, 1, booked, in_doubt FROM spending_of_call WHERE id = NEW.id
    ON CONFLICT (day, folder, profile) DO UPDATE SET
        calls = calls + 1, booked = booked + excluded.booked, in_doubt = in_doubt + excluded.in_doubt;
END;

CREATE TRIGGER attempt_is_booked_otherwise AFTER UPDATE OF day, booked, outcome, finished_at ON attempt
WHEN OLD.booked > 0 OR NEW.booked > 0
BEGIN
    UPDATE spending_total SET
        calls = calls - 1, booked = booked - OLD.booked,
        in_doubt = in_doubt - CASE WHEN OLD.outcome IN ('lost', 'bad_answer') OR OLD.finished_at IS NULL
            THEN OLD.booked ELSE 0 END
    WHERE OLD.booked > 0 AND day = coalesce(OLD.day, '')
      AND (folder, profile) = (SELECT job.folder, job.profile FROM job WHERE job.id = OLD.job_id);
    INSERT INTO spending_total (day, folder, profile, calls, booked, in_doubt)
    SELECT day, folder, profile, 1, booked, in_doubt FROM spending_of_call WHERE id = NEW.id
    ON CONFLICT (day, folder, profile) DO UPDATE SET
        calls = calls + 1, booked = booked + excluded.booked, in_doubt = in_doubt + excluded.in_doubt;
END;

-- The money of a job goes where its job goes.
CREATE TRIGGER job_spends_elsewhere AFTER UPDATE OF folder, profile ON job
WHEN OLD.folder <> NEW.folder OR OLD.profile <> NEW.profile
BEGIN
    INSERT INTO spending_total (day, folder, profile, calls, booked, in_doubt)
    SELECT day, OLD.folder, OLD.profile, -count(*), -sum(booked), -sum(in_doubt)
    FROM spending_of_call WHERE job_id = NEW.id GROUP BY day
    ON CONFLICT (day, folder, profile) DO UPDATE SET
        calls = calls + excluded.calls, booked = booked + excluded.booked, in_doubt = in_doubt + excluded.in_doubt;
    INSERT INTO spending_total (day, folder, profile, calls, booked, in_doubt)
    SELECT day, folder, profile, count(*), sum(booked), sum(in_doubt)
    FROM spending_of_call WHERE job_id = NEW.id GROUP BY day, folder, profile
    ON CONFLICT (day, folder, profile) DO UPDATE SET
        calls = calls + excluded.calls, booked = booked + excluded.booked, in_doubt = in_doubt + excluded.in_doubt;
END;

-- Calls by how they ended ('': they have not) and by the status of their answer (0: there was none).
CREATE TABLE call_total (
    outcome TEXT    NOT NULL,
    status  INTEGER NOT NULL,
    calls   INTEGER NOT NULL,
    PRIMARY KEY (outcome, status)
) STRICT, WITHOUT ROWID;

INSERT INTO call_total
SELECT coalesce(outcome, ''), coalesce(http_status, 0), count(*) FROM attempt GROUP BY 1, 2;

CREATE TRIGGER attempt_is_counted AFTER INSERT ON attempt
BEGIN
    INSERT INTO call_total (outcome, status, calls) VALUES (coalesce(NEW.outcome, ''), coalesce(NEW.http_status, 0), 1)
    ON CONFLICT (outcome, status) DO UPDATE SET calls = calls + 1;
END;

CREATE TRIGGER attempt_is_counted_otherwise AFTER UPDATE OF outcome, http_status ON attempt
BEGIN
    UPDATE call_total SET calls = calls - 1
    WHERE outcome = coalesce(OLD.outcome, '') AND status = coalesce(OLD.http_status, 0);
    INSERT INTO call_total (outcome, status, calls) VALUES (coalesce(NEW.outcome, ''), coalesce(NEW.http_status, 0), 1)
    ON CONFLICT (outcome, status) DO UPDATE SET calls = calls + 1;
END;

-- How long calls took that brought a picture (`of` = 'call'), and how long jobs waited for their first call ('queue'):
-- how many of them up to each bound in seconds and above the one before, and their milliseconds in all. The bounds are
-- those of `/metrics`; the last is beyond all, and what a clock set to another year makes of a time counts as that.
CREATE TABLE duration_total (
    of     TEXT    NOT NULL,
    up_to  REAL    NOT NULL,
    number INTEGER NOT NULL DEFAULT 0,
    millis INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (of, up_to)
) STRICT, WITHOUT ROWID;

INSERT INTO duration_total (of, up_to) VALUES
    ('call', 1), ('call', 2.5), ('call', 5), ('call', 10), ('call', 15), ('call', 20), ('call', 30), ('call', 60),
    ('call', 120), ('call', 300), ('call', 1e9),
    ('queue', 1), ('queue', 10), ('queue', 60), ('queue', 300), ('queue', 1800), ('queue', 3600), ('queue', 14400),
    ('queue', 86400), ('queue', 1e9);

-- Each of those durations by the call that it is told by: the first call of a job for the time in the queue.
CREATE VIEW duration_of_call AS
SELECT id, 'call' AS of, min(1e9, max(0.0, finished_at - started_at)) AS seconds FROM attempt WHERE outcome = 'ok'
UNION ALL
SELECT attempt.id, 'queue', min(1e9, max(0.0, attempt.started_at - job.created_at))
FROM attempt JOIN job ON job.id = attempt.job_id
WHERE NOT EXISTS (SELECT 1 FROM attempt AS earlier WHERE earlier.job_id = attempt.job_id AND earlier.id < attempt.id);

UPDATE duration_total SET number = counted.number, millis = counted.millis
FROM (
    SELECT of, (SELECT min(up_to) FROM duration_total AS bound WHERE bound.of = told.of AND up_to >= seconds) AS up_to,
           count(*) AS number, sum(CAST(round(seconds * 1000) AS INTEGER)) AS millis
    FROM duration_of_call AS told GROUP BY 1, 2) AS counted
WHERE duration_total.of = counted.of AND duration_total.up_to = counted.up_to;

CREATE TRIGGER attempt_waited AFTER INSERT ON attempt
BEGIN
    UPDATE duration_total SET number = number + 1, millis = millis + CAST(round(told.seconds * 1000) AS INTEGER)
    FROM (SELECT of, seconds FROM duration_of_call WHERE id = NEW.id) AS told
    WHERE duration_total.of = told.of
      AND up_to = (SELECT min(up_to) FROM duration_total AS bound WHERE bound.of = told.of AND up_to >= told.seconds);
END;

CREATE TRIGGER attempt_took AFTER UPDATE OF outcome ON attempt WHEN NEW.outcome = 'ok' AND OLD.outcome IS NULL
BEGIN
    UPDATE duration_total SET number = number + 1, millis = millis + CAST(round(told.seconds * 1000) AS INTEGER)
    FROM (SELECT seconds FROM duration_of_call WHERE id = NEW.id AND of = 'call') AS told
    WHERE of = 'call'
      AND up_to = (SELECT min(up_to) FROM duration_total WHERE of = 'call' AND up_to >= told.seconds);
END;

-- Tiles that are paid for and kept, of pictures that ended without the others, until they are tried again.
CREATE VIEW kept_tile AS
SELECT tile.job_id, tile.number, job.finished_at
FROM job JOIN tile ON tile.job_id = job.id AND tile.safe = 1
WHERE job.tiles > 0 AND (job.state = 'unknown' OR (job.state = 'failed' AND job.failure <> 'gone'));
