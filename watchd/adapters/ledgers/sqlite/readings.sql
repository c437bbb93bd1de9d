-- What is read for people, beside a daemon that writes: nothing here changes anything.

-- name: counts
SELECT CASE state WHEN 'armed' THEN 'sending' ELSE state END AS state, count(*) AS number FROM job GROUP BY 1;

-- name: waiting
SELECT count(*) AS number FROM sighting WHERE job_id IS NULL AND own = 0;

-- name: spent
-- Micro-dollars. What is armed and not yet answered is in doubt as well as what was lost.
SELECT
    coalesce(sum(booked) FILTER (WHERE day = :today), 0) AS today,
    coalesce(sum(booked) FILTER (WHERE substr(day, 1, 7) = :month), 0) AS month,
    coalesce(sum(booked), 0) AS total,
    coalesce(sum(booked) FILTER (WHERE outcome IN ('lost', 'bad_answer') OR finished_at IS NULL), 0) AS in_doubt
FROM attempt WHERE booked > 0;

-- name: newest
-- The latest moment that was written down, by the last rows of what only grows.
SELECT max(
    (SELECT max(created_at) FROM (SELECT created_at FROM job ORDER BY id DESC LIMIT 100)),
    coalesce((SELECT max(started_at) FROM (SELECT started_at FROM attempt ORDER BY id DESC LIMIT 100)), 0)) AS moment;

-- name: gates
SELECT reason, since, detail, retry_at, interval, mark FROM gate;

-- name: jobs
SELECT * FROM jobs
WHERE (:state IS NULL OR state = :state) AND (:folder IS NULL OR folder = :folder)
ORDER BY id DESC LIMIT :limit;

-- name: sighting
SELECT size, mtime_ns, ctime_ns, inode, job_id, reason, own, seen_at FROM sighting WHERE folder = :folder AND path = :path;

-- name: jobs_of_path
SELECT jobs.* FROM jobs JOIN job ON job.id = jobs.id WHERE job.folder = :folder AND job.path = :path ORDER BY jobs.id;

-- name: attempts_of
SELECT * FROM attempts WHERE job_id = :job_id ORDER BY id;

-- name: events_of
SELECT strftime('%Y-%m-%dT%H:%M:%fZ', at, 'unixepoch') AS at, step, detail FROM event WHERE job_id = :job_id ORDER BY id;

-- name: known
-- What each path of a folder was when it was last looked at, and how its job stands.
SELECT sighting.path, sighting.size, sighting.mtime_ns, sighting.ctime_ns, sighting.inode,
       sighting.own, job.state
FROM sighting LEFT JOIN job ON job.id = sighting.job_id WHERE sighting.folder = :folder;

-- name: ended
-- Whether these bytes under this name have come to an end here; a copy of what is done costs nothing either.
SELECT id FROM job WHERE folder = :folder AND path = :path AND sha256 = :sha256
  AND state IN ('done', 'failed', 'unknown') AND coalesce(failure, '') <> 'gone' LIMIT 1;

-- name: paid
SELECT job.id FROM job, (SELECT 0 AS id, :sha256 AS sha256, :parameters AS parameters, :folder AS folder) AS asked
WHERE same_picture(job, asked) AND job.state IN ('sending', 'armed', 'received', 'done', 'unknown') LIMIT 1;

-- name: finished
-- The last finished job of a path, or of every path of a folder: what `reprocess` would do again.
SELECT max(id) AS id, path, sha256 FROM job
WHERE folder = :folder AND (:path IS NULL OR path = :path) AND state = 'done' GROUP BY path ORDER BY 1;

-- name: moved
-- Where the original of a job has been moved.
SELECT moved FROM job WHERE id = :id;

-- name: job
SELECT * FROM job WHERE id = :id;

-- name: job_of_output
SELECT * FROM job WHERE output = :output ORDER BY id DESC LIMIT 1;

-- name: last_job
SELECT * FROM job WHERE folder = :folder AND path = :path ORDER BY id DESC LIMIT 1;

-- name: calls_by_outcome
SELECT outcome, count(*) AS number FROM attempt WHERE outcome IS NOT NULL GROUP BY outcome;

-- name: calls_by_status
SELECT http_status AS status, count(*) AS number FROM attempt WHERE http_status IS NOT NULL GROUP BY http_status;

-- name: seconds_of_calls
-- How many calls that brought a picture fell into each bucket: the number of bounds that are below their seconds.
SELECT (SELECT count(*) FROM json_each(:bounds) WHERE value < call.seconds) AS bucket, count(*) AS number,
       sum(call.seconds) AS total
FROM (SELECT max(0, finished_at - started_at) AS seconds FROM attempt WHERE outcome = 'ok') AS call GROUP BY bucket;

-- name: seconds_in_queue
-- The same of the time from a job's admission to its first call.
SELECT (SELECT count(*) FROM json_each(:bounds) WHERE value < waited.seconds) AS bucket, count(*) AS number,
       sum(waited.seconds) AS total
FROM (SELECT max(0, min(attempt.started_at) - job.created_at) AS seconds
      FROM attempt JOIN job ON job.id = attempt.job_id GROUP BY job.id) AS waited GROUP BY bucket;

-- name: oldest_waiting
-- When the oldest file was seen that is not done with: one that waits, or a job that has not ended.
SELECT min(at) AS at FROM (
    SELECT min(seen_at) AS at FROM sighting WHERE job_id IS NULL AND own = 0
    UNION ALL
    SELECT min(created_at) FROM job WHERE state IN ('queued', 'sending', 'armed', 'received'));

-- name: history_page
-- Jobs that are asked for, newest first.
SELECT * FROM jobs
WHERE (:before IS NULL OR id < :before) AND (:like IS NULL OR path LIKE :like ESCAPE '!')
  AND (:state IS NULL OR state = :state) AND (:folder IS NULL OR folder = :folder)
ORDER BY id DESC LIMIT :limit;

-- name: ended_badly
-- Jobs that wait for a decision, newest first. By the table's own states, for which there is an index.
SELECT jobs.* FROM job JOIN jobs ON jobs.id = job.id
WHERE job.state IN ('failed', 'unknown') ORDER BY job.id DESC LIMIT :limit;

-- name: job_told
SELECT * FROM jobs WHERE id = :id;

-- name: version
-- Another number whenever somebody else has committed.
PRAGMA data_version;
