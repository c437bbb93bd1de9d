-- What is read for people, beside a daemon that writes: nothing here changes anything.

-- name: counts
SELECT CASE state WHEN 'armed' THEN 'sending' ELSE state END AS state, sum(jobs) AS number FROM job_total GROUP BY 1;

-- name: waiting
SELECT count(*) AS number FROM sighting WHERE job_id IS NULL AND own = 0;

-- name: spent
-- Micro-dollars, by the totals of each day. What is armed and not yet answered is in doubt as well as what was lost.
SELECT
    coalesce(sum(booked) FILTER (WHERE day = :today), 0) AS today,
    coalesce(sum(booked) FILTER (WHERE substr(day, 1, 7) = :month), 0) AS month,
    coalesce(sum(booked), 0) AS total,
    coalesce(sum(in_doubt), 0) AS in_doubt
FROM spending_total;

-- name: newest
-- The latest moment that was written down, by the last rows of what only grows.
SELECT max(
    (SELECT max(created_at) FROM (SELECT created_at FROM job ORDER BY id DESC LIMIT 100)),
    coalesce((SELECT max(started_at) FROM (SELECT started_at FROM attempt ORDER BY id DESC LIMIT 100)), 0)) AS moment;

-- name: gates
SELECT reason, since, detail, retry_at, interval, mark FROM gate;

-- name: jobs
SELECT * FROM jobs WHERE :folder IS NULL OR folder = :folder ORDER BY id DESC LIMIT :limit;

-- name: jobs_of_state
-- By the table's own states, for which there is an index; :state as people know it.
SELECT jobs.* FROM job JOIN jobs ON jobs.id = job.id
WHERE job.state = :state AND (:folder IS NULL OR job.folder = :folder)
ORDER BY job.id DESC LIMIT :limit;

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
-- Whether a call for this picture was made, or is under way: known by its first file's bytes, or by what is sent of it.
SELECT job.id FROM job, (
    SELECT 0 AS id, :sha256 AS sha256, :parameters AS parameters, :folder AS folder, coalesce((
        SELECT coalesce(picture, sha256) FROM job INDEXED BY job_by_bytes
        WHERE substr(sha256, 1, 8) = substr(:sha256, 1, 8) AND +sha256 = :sha256 ORDER BY id LIMIT 1), :picture) AS picture
) AS asked
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
SELECT outcome, sum(calls) AS number FROM call_total WHERE outcome <> '' GROUP BY outcome HAVING sum(calls) > 0;

-- name: calls_by_status
SELECT status, sum(calls) AS number FROM call_total WHERE status <> 0 GROUP BY status HAVING sum(calls) > 0;

-- name: durations
-- How many calls that brought a picture (:of = 'call'), or jobs in the queue before their first call ('queue'), fell into
-- each bucket: the number of bounds that are below the one that is kept. Seconds in all.
SELECT (SELECT count(*) FROM json_each(:bounds) WHERE value < up_to) AS bucket, sum(number) AS number,
       sum(millis) / 1e3 AS total
FROM duration_total WHERE of = :of GROUP BY bucket;

-- name: oldest_waiting
-- When the oldest file was seen that is not done with: one that waits, or a job that has not ended.
SELECT min(at) AS at FROM (
    SELECT min(seen_at) AS at FROM sighting WHERE job_id IS NULL AND own = 0
    UNION ALL
    SELECT min(created_at) FROM job INDEXED BY job_under_way WHERE state IN ('queued', 'sending', 'armed', 'received'));

-- name: history_page
-- Jobs that are asked for, newest first, among those from :since on.
SELECT * FROM jobs
WHERE id < :before AND id >= :since AND (:like IS NULL OR path LIKE :like ESCAPE '!')
  AND (:folder IS NULL OR folder = :folder)
ORDER BY id DESC LIMIT :limit;

-- name: history_page_of_state
-- The same of one state, by the table's own states, for which there is an index.
SELECT jobs.* FROM job JOIN jobs ON jobs.id = job.id
WHERE job.state = :state AND job.id < :before AND job.id >= :since
  AND (:like IS NULL OR jobs.path LIKE :like ESCAPE '!') AND (:folder IS NULL OR job.folder = :folder)
ORDER BY job.id DESC LIMIT :limit;

-- name: newest_job
SELECT coalesce(max(id), 0) AS id FROM job;

-- name: ended_badly
-- Jobs that wait for a decision, newest first. Two questions, each of which the index of states answers in order.
SELECT * FROM jobs
WHERE id IN (
    SELECT id FROM (SELECT id FROM job WHERE state = 'failed' ORDER BY id DESC LIMIT :limit)
    UNION ALL
    SELECT id FROM (SELECT id FROM job WHERE state = 'unknown' ORDER BY id DESC LIMIT :limit))
ORDER BY id DESC LIMIT :limit;

-- name: job_told
SELECT * FROM jobs WHERE id = :id;

-- name: version
-- Another number whenever somebody else has committed.
PRAGMA data_version;

-- name: totals_that_differ
-- Running totals that are not what counting gives, each by its table. It reads all there is: asked by `ledger check` alone.
SELECT 'job_total' AS total FROM (
    SELECT folder, state, jobs FROM job_total WHERE jobs <> 0
    EXCEPT SELECT folder, state, count(*) FROM job GROUP BY folder, state)
UNION
SELECT 'job_total' FROM (
    SELECT folder, state, count(*) FROM job GROUP BY folder, state
    EXCEPT SELECT folder, state, jobs FROM job_total)
UNION
SELECT 'spending_total' FROM (
    SELECT day, folder, profile, calls, booked, in_doubt FROM spending_total
    WHERE calls <> 0 OR booked <> 0 OR in_doubt <> 0
    EXCEPT
    SELECT day, folder, profile, count(*), sum(booked), sum(in_doubt) FROM spending_of_call
    GROUP BY day, folder, profile)
UNION
SELECT 'spending_total' FROM (
    SELECT day, folder, profile, count(*), sum(booked), sum(in_doubt) FROM spending_of_call
    GROUP BY day, folder, profile
    EXCEPT
    SELECT day, folder, profile, calls, booked, in_doubt FROM spending_total)
UNION
SELECT 'call_total' FROM (
    SELECT outcome, status, calls FROM call_total WHERE calls <> 0
    EXCEPT SELECT coalesce(outcome, ''), coalesce(http_status, 0), count(*) FROM attempt GROUP BY 1, 2)
UNION
SELECT 'call_total' FROM (
    SELECT coalesce(outcome, ''), coalesce(http_status, 0), count(*) FROM attempt GROUP BY 1, 2
    EXCEPT SELECT outcome, status, calls FROM call_total)
UNION
SELECT 'duration_total' FROM (
    SELECT of, up_to, number, millis FROM duration_total WHERE number <> 0
    EXCEPT
    SELECT told.of,
           (SELECT min(bound.up_to) FROM duration_total AS bound
            WHERE bound.of = told.of AND bound.up_to >= told.seconds) AS up_to,
           count(*), sum(CAST(round(told.seconds * 1000) AS INTEGER))
    FROM duration_of_call AS told GROUP BY told.of, up_to)
UNION
SELECT 'duration_total' FROM (
    SELECT told.of,
           (SELECT min(bound.up_to) FROM duration_total AS bound
            WHERE bound.of = told.of AND bound.up_to >= told.seconds) AS up_to,
           count(*), sum(CAST(round(told.seconds * 1000) AS INTEGER))
    FROM duration_of_call AS told GROUP BY told.of, up_to
    EXCEPT
    SELECT of, up_to, number, millis FROM duration_total);

-- name: kept_tiles
SELECT job_id, number FROM kept_tile;
