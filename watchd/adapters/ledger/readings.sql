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
       CASE WHEN sighting.own THEN 'own' ELSE job.state END AS state
FROM sighting LEFT JOIN job ON job.id = sighting.job_id WHERE sighting.folder = :folder;

-- name: ended
-- Whether these bytes under this name have come to an end here; a copy of what is done costs nothing either.
SELECT id FROM job WHERE folder = :folder AND path = :path AND sha256 = :sha256
  AND state IN ('done', 'failed', 'unknown') AND coalesce(error, '') NOT LIKE 'gone: %' LIMIT 1;

-- name: paid
SELECT id FROM job WHERE sha256 = :sha256 AND (parameters = :parameters OR folder = :folder)
  AND state IN ('sending', 'armed', 'received', 'done', 'unknown') LIMIT 1;

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
