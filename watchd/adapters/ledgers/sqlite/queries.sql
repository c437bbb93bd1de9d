-- Every statement the ledger runs, each named and explained. `:now` is steady Unix time, `:me` the owner of a claim.
-- `INDEXED BY` stands where SQLite would choose an index in which every finished job stands: the ledger has millions.

-- macro: same_picture(one, other)
-- Two jobs of one picture: what is sent of them is equal, and either what is asked of the service or the folder is. The
-- one place that says so; a macro rather than a view, so that each statement keeps to the index that holds the first 64
-- bits of what a picture is known by.
substr(coalesce(one.picture, one.sha256), 1, 16) = substr(coalesce(other.picture, other.sha256), 1, 16) AND coalesce(one.picture, one.sha256) = coalesce(other.picture, other.sha256) AND one.id <> other.id AND (one.parameters = other.parameters OR one.folder = other.folder)

-- macro: is_held_up(candidate)
-- A job of the same picture is under way or in doubt, or waits before this one in a folder that may call. One that is
-- between two of its tiles is under way, and has the way itself, whatever is older.
EXISTS (
    SELECT 1 FROM job AS other
    WHERE same_picture(other, candidate)
      AND (other.state IN ('sending', 'armed', 'received', 'unknown')
           OR (other.state = 'queued' AND (other.owner IS NOT NULL
               OR (other.tiles > 0 AND (candidate.tiles = 0 OR other.id < candidate.id))
               OR (other.id < candidate.id AND candidate.tiles = 0
                   AND other.folder IN (SELECT value FROM json_each(:calling)))))))

-- name: claim
-- One queued job that is due, whose folder may call now, and that no other of the same picture holds up. One statement,
-- so that no two owners can hold the same picture. One that waits in a folder that may not call now holds up nobody.
UPDATE job SET owner = :me, claim = claim + 1, lease_until = :lease_until
WHERE id = (
    SELECT candidate.id FROM job AS candidate INDEXED BY job_in_queue
    WHERE candidate.state = 'queued' AND candidate.owner IS NULL AND candidate.not_before <= :now
      AND candidate.folder IN (SELECT value FROM json_each(:folders))
      AND candidate.folder IN (SELECT value FROM json_each(:calling))
      AND NOT is_held_up(candidate)
    ORDER BY candidate.priority DESC, candidate.id LIMIT 1)
RETURNING *;

-- name: claim_free
-- The same for what costs nothing, whatever the gate says and whether its folder may call: a picture already paid for,
-- or one that shares its end with the job it waited behind.
UPDATE job SET owner = :me, claim = claim + 1, lease_until = :lease_until
WHERE id = (
    SELECT candidate.id FROM job AS candidate INDEXED BY job_free
    WHERE candidate.state = 'queued' AND candidate.free = 1
      AND candidate.owner IS NULL AND candidate.not_before <= :now
      AND candidate.folder IN (SELECT value FROM json_each(:folders))
      AND NOT is_held_up(candidate)
      AND (EXISTS (
               SELECT 1 FROM job AS paid
               WHERE same_picture(paid, candidate) AND paid.state = 'done' AND paid.output_sha256 IS NOT NULL
                 AND paid.ended >= candidate.fresh_after)
           OR EXISTS (
               SELECT 1 FROM job AS first
               WHERE first.id = candidate.behind AND same_picture(first, candidate)
                 AND first.state = 'failed' AND first.failure <> 'gone'))
    ORDER BY candidate.priority DESC, candidate.id LIMIT 1)
RETURNING *;

-- name: claim_received
-- A paid answer that still has to be published: first of all, and whatever the gate says, since it costs nothing.
UPDATE job SET owner = :me, claim = claim + 1, lease_until = :lease_until
WHERE id = (
    SELECT id FROM job
    WHERE state = 'received' AND owner IS NULL AND not_before <= :now
      AND folder IN (SELECT value FROM json_each(:folders))
    ORDER BY id LIMIT 1)
RETURNING *;

-- name: claim_original
-- An original of which something is still to be done after its job has ended: it costs nothing, whatever the gate says.
UPDATE job SET owner = :me, claim = claim + 1, lease_until = :lease_until
WHERE id = (
    SELECT id FROM job INDEXED BY job_with_due_original
    WHERE due = 1 AND state IN ('done', 'failed') AND owner IS NULL AND not_before <= :now
      AND folder IN (SELECT value FROM json_each(:folders))
    ORDER BY id LIMIT 1)
RETURNING *;

-- name: end_original
-- What was to be done with an original has been done, or cannot be.
UPDATE job SET due = 0, moved = :moved, moving = NULL, not_before = 0, owner = NULL, lease_until = NULL
WHERE id = :id AND owner = :me AND claim = :claim;

-- name: moved_too
-- Whoever waits to read this very file finds it where it is now.
UPDATE job SET moved = :moved
WHERE folder = (SELECT folder FROM job WHERE id = :id) AND path = (SELECT path FROM job WHERE id = :id)
  AND sha256 = (SELECT sha256 FROM job WHERE id = :id) AND id <> :id AND moved IS NULL
  AND state IN ('queued', 'sending', 'armed', 'received', 'failed', 'unknown');

-- name: plan_move
-- Said before it is done: a kill in between finds it by this.
UPDATE job SET moving = :moving WHERE id = :id AND owner = :me AND claim = :claim AND due = 1;

-- name: note_written
UPDATE job SET note = :note, note_sha256 = :sha256 WHERE id = :id;

-- name: put_off_original
UPDATE job SET not_before = :not_before, owner = NULL, lease_until = NULL WHERE id = :id AND owner = :me AND claim = :claim AND due = 1;

-- name: brought_back
-- The original lies where it was again, for every job that knew where it had gone: all of them have its bytes.
UPDATE job SET moved = NULL
WHERE moved = :moved AND substr(sha256, 1, 8) = substr(:sha256, 1, 8) AND +sha256 = :sha256;

-- name: last_call
-- How the last call of a job ended.
SELECT http_status, outcome, error, cf_ray FROM attempt
WHERE job_id = :job_id AND outcome IS NOT NULL ORDER BY id DESC LIMIT 1;

-- name: next_due
-- When the next job that waits for its time may be claimed.
SELECT min(at) AS at FROM (
    SELECT min(not_before) AS at FROM job INDEXED BY job_due
    WHERE state IN ('queued', 'received') AND owner IS NULL AND not_before > 0 AND not_before > :since
    UNION ALL
    SELECT min(not_before) FROM job WHERE due = 1 AND owner IS NULL AND not_before > 0 AND not_before > :since);

-- name: paid_result
-- The finished job whose output can serve another of the same picture: the folder's own first, then the latest.
SELECT paid.* FROM job AS mine JOIN job AS paid ON same_picture(paid, mine)
WHERE mine.id = :id AND paid.state = 'done' AND paid.output_sha256 IS NOT NULL AND paid.ended >= mine.fresh_after
ORDER BY paid.folder = mine.folder DESC, paid.id DESC;

-- name: demand_new
-- None of the results that there are is as good as what the folder wants: the job goes back, for one of its own.
UPDATE job SET fresh_after = (SELECT max(id) FROM event), behind = NULL, owner = NULL, lease_until = NULL
WHERE id = :id AND owner = :me AND claim = :claim AND state = 'queued';

-- name: kept_answers
SELECT * FROM job INDEXED BY job_that_keeps WHERE keeps = 1 ORDER BY finished_at, id;

-- name: give_up_answer
UPDATE job SET keeps = 0 WHERE id = :id AND keeps = 1;

-- name: job
SELECT * FROM job WHERE id = :id;

-- name: own_output
-- Whether these bytes are an output of ours.
-- The plus keeps SQLite from putting :sha256 into the other term too, which would no longer be that of the index.
SELECT id FROM job INDEXED BY job_by_output
WHERE output_sha256 IS NOT NULL AND substr(output_sha256, 1, 8) = substr(:sha256, 1, 8) AND +output_sha256 = :sha256
ORDER BY id LIMIT 1;

-- name: same_file
-- Whether these bytes under this name in this folder have their job already. One that ended because the file had gone
-- does not stand in the way of the file's return.
SELECT id FROM job
WHERE folder = :folder AND path = :path AND sha256 = :sha256 AND NOT (state = 'failed' AND failure = 'gone')
ORDER BY id DESC LIMIT 1;

-- name: under_way
-- The first job of the same picture that has not ended.
SELECT min(other.id) AS id FROM job AS mine JOIN job AS other ON same_picture(other, mine)
WHERE mine.id = :id AND other.state IN ('queued', 'sending', 'armed', 'received', 'unknown');

-- name: put_behind
UPDATE job SET behind = :behind WHERE id = :id;

-- name: picture_of_bytes
-- What the first file of these very bytes is known by: all of them are one picture, whatever is sent of each.
SELECT picture FROM job INDEXED BY job_by_bytes
WHERE substr(sha256, 1, 8) = substr(:sha256, 1, 8) AND +sha256 = :sha256 ORDER BY id LIMIT 1;

-- name: unidentified
-- A file that an earlier version has finished without saying what was sent of it.
SELECT * FROM job WHERE id = (SELECT min(job_id) FROM unidentified WHERE folder = :folder);

-- name: identify
-- What was sent of it is what all files of these bytes are known by; where it is not told, they are known as they were.
UPDATE job SET picture = nullif(:picture, sha256)
WHERE substr(sha256, 1, 8) = substr(:sha256, 1, 8) AND +sha256 = :sha256 AND picture IS NULL;

-- name: drop_unidentified
DELETE FROM unidentified WHERE folder = :folder AND job_id = :id;

-- name: insert_job
INSERT INTO job (folder, path, path_text, sha256, picture, besides, size, mtime_ns, parameters, profile, price, width, height, priority,
                 state, error, failure, approved, due, created_at, finished_at)
VALUES (:folder, :path, CASE WHEN :path_text = CAST(:path AS TEXT) THEN '' ELSE :path_text END, :sha256, nullif(:picture, :sha256), :besides, :size, :mtime_ns, :parameters, :profile, :price, :width, :height,
        :priority, :state, :error, :failure, :approved, :due, :at, :finished_at)
RETURNING id;

-- name: sight
INSERT INTO sighting (folder, path, size, mtime_ns, ctime_ns, inode, job_id, reason, own, seen_at)
VALUES (:folder, :path, :size, :mtime_ns, :ctime_ns, :inode, :job_id, :reason, :own, :at)
ON CONFLICT (folder, path) DO UPDATE SET
    size = excluded.size, mtime_ns = excluded.mtime_ns, ctime_ns = excluded.ctime_ns, inode = excluded.inode,
    job_id = excluded.job_id, reason = excluded.reason, own = excluded.own, seen_at = excluded.seen_at;

-- name: forget_waiting
-- A file that went before it became a job. What became a job is never forgotten.
DELETE FROM sighting WHERE folder = :folder AND path = :path AND job_id IS NULL;

-- name: sightings
SELECT path, size, mtime_ns, ctime_ns, inode, job_id, reason, own FROM sighting
WHERE folder = :folder AND path > :after ORDER BY path LIMIT :most;

-- name: targets
SELECT root, mount FROM target;

-- name: note_target
INSERT INTO target (root, mount) VALUES (:root, :mount) ON CONFLICT (root) DO UPDATE SET mount = excluded.mount;

-- name: place
SELECT root, device, inode, mount FROM place WHERE folder = :folder;

-- name: note_place
INSERT INTO place (folder, root, device, inode, mount) VALUES (:folder, :root, :device, :inode, :mount)
ON CONFLICT (folder) DO UPDATE SET
    root = excluded.root, device = excluded.device, inode = excluded.inode, mount = excluded.mount;

-- name: has_work
SELECT EXISTS (
        SELECT 1 FROM job_total
        WHERE folder = :folder AND state IN ('queued', 'sending', 'armed', 'received') AND jobs > 0)
    OR EXISTS (
        SELECT 1 FROM sighting INDEXED BY sighting_waiting
        WHERE folder = :folder AND job_id IS NULL AND own = 0) AS yes;

-- name: begin_sending
-- Before connecting. Only the claim's owner may; a claim lost in between changes nothing.
UPDATE job SET state = 'sending', lease_until = :lease_until WHERE id = :id AND owner = :me AND claim = :claim AND state = 'queued';

-- name: wait_behind
-- From here on every queued job of this picture waits behind the one that is sent, older ones too, and ends with it.
UPDATE job SET behind = :id
WHERE state = 'queued' AND id IN (
    SELECT other.id FROM job AS mine JOIN job AS other ON same_picture(other, mine) WHERE mine.id = :id);

-- name: insert_attempt
INSERT INTO attempt (job_id, started_at, reserved, tile, width, height)
VALUES (:job_id, :at, :price, :tile, :width, :height)
RETURNING id;

-- name: held
-- Micro-dollars that count against a budget of the day or month: booked in it, or reserved by a call that has begun.
-- :folder NULL counts them all. By the totals of its days, and by the index of open calls: this is asked before each.
SELECT (
    SELECT coalesce(sum(booked), 0) FROM spending_total
    WHERE day >= :period AND day < :period || '~' AND (:folder IS NULL OR folder = :folder)
) + (
    SELECT coalesce(sum(attempt.reserved), 0) FROM attempt JOIN job ON job.id = attempt.job_id
    WHERE attempt.finished_at IS NULL AND (:folder IS NULL OR job.folder = :folder)
) AS held;

-- name: arm_job
-- Before the last bytes leave: from here on the call may be charged, so it is booked at its price. The lease begins anew,
-- as the time for the answer does: an upload may have taken longer than all of it.
UPDATE job SET state = 'armed', booked = booked + :price, lease_until = :lease_until WHERE id = :id AND owner = :me AND claim = :claim AND state = 'sending';

-- name: arm_attempt
UPDATE attempt SET armed_at = :at, day = :day, booked = :price, reserved = 0 WHERE id = :attempt_id;

-- name: receive
UPDATE job SET state = 'received', attempts = attempts + 1, result = :result
WHERE id = :id AND owner = :me AND claim = :claim AND state = 'armed';

-- name: begin_tile
INSERT INTO tile (job_id, number, left, top, width, height, attempt_id)
VALUES (:job_id, :number, :left, :top, :width, :height, :attempt_id)
ON CONFLICT (job_id, number) DO UPDATE SET
    left = excluded.left, top = excluded.top, width = excluded.width, height = excluded.height,
    attempt_id = excluded.attempt_id;

-- name: keep_tile
UPDATE tile SET safe = 1 WHERE job_id = :job_id AND attempt_id = :attempt_id;

-- name: receive_tile
-- One tile is safe. The job goes back for the next, no longer answering for what went wrong before, and what is left of
-- it costs less; or it has come whole.
UPDATE job SET
    state = CASE WHEN :whole THEN 'received' ELSE 'queued' END,
    owner = CASE WHEN :whole THEN owner END, lease_until = CASE WHEN :whole THEN lease_until END,
    attempts = attempts + 1, forgiven = attempts + 1, tiles = tiles + 1, result = NULL,
    price = price - (SELECT booked FROM attempt WHERE id = :attempt_id)
WHERE id = :id AND owner = :me AND claim = :claim AND state = 'armed';

-- name: complete_tiles
UPDATE job SET state = 'received', result = NULL WHERE id = :id AND owner = :me AND claim = :claim AND state = 'queued' AND tiles > 0;

-- name: tiles
-- The tiles of a job that are safe.
SELECT number, left, top, width, height FROM tile WHERE job_id = :job_id AND safe = 1 ORDER BY number;

-- name: lose_tile
-- A tile that was safe is nowhere: it is to be paid again, and the others are not.
UPDATE job SET
    state = CASE state WHEN 'received' THEN 'queued' ELSE state END, tiles = tiles - 1, price = price + (
        SELECT attempt.booked FROM tile JOIN attempt ON attempt.id = tile.attempt_id
        WHERE tile.job_id = job.id AND tile.number = :number)
WHERE id = :id AND owner = :me AND claim = :claim AND state IN ('queued', 'received')
  AND EXISTS (SELECT 1 FROM tile WHERE job_id = job.id AND number = :number AND safe = 1);

-- name: drop_tile
DELETE FROM tile WHERE job_id = :job_id AND number = :number;

-- name: kept_tiles
-- The job that ended longest ago first.
SELECT job_id, number FROM kept_tile ORDER BY finished_at, job_id, number;

-- name: give_up_tiles
UPDATE job SET tiles = 0, price = price + (
    SELECT coalesce(sum(attempt.booked), 0) FROM tile JOIN attempt ON attempt.id = tile.attempt_id
    WHERE tile.job_id = job.id AND tile.safe = 1)
WHERE id = :job_id AND owner IS NULL AND id IN (SELECT job_id FROM kept_tile);

-- name: drop_tiles
DELETE FROM tile WHERE job_id = :job_id;

-- name: end_attempt
UPDATE attempt SET finished_at = :at, http_status = :status, outcome = :outcome, error = :error,
    booked = CASE WHEN :unbook THEN 0 ELSE booked END, reserved = 0,
    sent_bytes = :sent_bytes, received_bytes = :received_bytes, cf_ray = :cf_ray
WHERE id = :attempt_id;

-- name: note_scale
UPDATE attempt SET scale = :scale WHERE id = :attempt_id;

-- name: conclude
-- A call that brought no picture: the job back in the queue, failed, or unknown.
UPDATE job SET
    state = :state, owner = NULL, lease_until = NULL, not_before = :not_before, error = :error, failure = :failure,
    attempts = attempts + :counts, resends = resends + :resend, upload_cuts = upload_cuts + :upload_cut,
    booked = booked - :unbooked, finished_at = CASE WHEN :state IN ('failed', 'unknown') THEN :at END,
    due = :due AND :state = 'failed'
WHERE id = :id AND owner = :me AND claim = :claim;

-- name: booked_of_attempt
SELECT booked FROM attempt WHERE id = :attempt_id;

-- name: release
-- Claimed, and nothing was done with it: back in the queue as it was.
UPDATE job SET owner = NULL, lease_until = NULL, not_before = :not_before,
    state = CASE state WHEN 'sending' THEN 'queued' ELSE state END
WHERE id = :id AND owner = :me AND claim = :claim AND state IN ('queued', 'sending', 'received');

-- name: requalify
-- The folder's profile changed while the job waited: it follows the profile as it is now.
UPDATE job SET owner = NULL, lease_until = NULL, parameters = :parameters, profile = :profile, price = :price,
    width = :width, height = :height, behind = NULL, tiles = 0
WHERE id = :id AND owner = :me AND claim = :claim AND state = 'queued';

-- name: finish
UPDATE job SET state = 'done', owner = NULL, lease_until = NULL, error = NULL, failure = NULL, result = NULL, finished_at = :at,
    ended = (SELECT max(id) FROM event),
    output = :output, output_text = nullif(:output_text, CAST(:output AS TEXT)), output_sha256 = :output_sha256, reused_from = :reused_from,
    written = :written, keeps = :keeps, due = :due, not_before = 0
WHERE id = :id AND owner = :me AND claim = :claim;

-- name: fail
UPDATE job SET state = 'failed', owner = NULL, lease_until = NULL, error = :error, failure = :failure, finished_at = :at,
    due = :due, not_before = 0
WHERE id = :id AND owner = :me AND claim = :claim;

-- name: abandon
-- A fault of our own met this job. What may be charged stays in doubt, what is paid stays to be published.
UPDATE job SET
    state = CASE state WHEN 'armed' THEN 'unknown' WHEN 'received' THEN 'received' ELSE 'failed' END,
    not_before = CASE state WHEN 'received' THEN :later ELSE not_before END,
    finished_at = CASE state WHEN 'received' THEN NULL ELSE :at END,
    attempts = attempts + (state = 'armed'), owner = NULL, lease_until = NULL, error = :error,
    failure = CASE state WHEN 'received' THEN NULL ELSE :failure END
WHERE id = :id AND owner = :me AND claim = :claim AND state IN ('queued', 'sending', 'armed', 'received');

-- name: name_holder
-- Who has this output name, and whether that job has come to an end.
SELECT output_name.job_id, job.name AS path, job.state IN ('done', 'failed') AS ended
FROM output_name JOIN job ON job.id = output_name.job_id
WHERE output_name.key = :key;

-- name: take_name
-- Whoever comes second loses: the name is taken only where nobody has it, where the job has it already, where it is to
-- be shared, or where the one who has it is who was looked at, and has ended still.
INSERT INTO output_name (key, job_id) VALUES (:key, :job_id)
ON CONFLICT (key) DO UPDATE SET job_id = excluded.job_id, may_change = 1
WHERE :share OR output_name.job_id = excluded.job_id
   OR (output_name.job_id = :instead_of
       AND EXISTS (SELECT 1 FROM job WHERE id = output_name.job_id AND state IN ('done', 'failed')));

-- name: keep_name
-- The name stays with the job even where `overwrite` lets another one have it too.
UPDATE job SET name = :path WHERE id = :job_id;

-- name: name_of
SELECT name FROM job WHERE id = :job_id AND name IS NOT NULL;

-- name: drop_names
DELETE FROM output_name WHERE job_id = :job_id AND may_change = 1 AND key <> :keep;

-- name: insert_balance_failure
INSERT INTO balance_failure (at, job_id, message, balance_usd, balance_diem)
VALUES (:at, :job_id, :message, :balance_usd, :balance_diem);

-- name: is_claimed_by
-- Whether a claim still holds.
SELECT EXISTS (SELECT 1 FROM job WHERE id = :id AND owner = :me AND claim = :claim) AS yes;

-- name: insert_event
INSERT INTO event (at, job_id, step, detail) VALUES (:at, :job_id, :step, :detail);

-- name: gates
SELECT reason, since, detail, retry_at, interval, mark FROM gate;

-- name: close_gate
INSERT INTO gate (reason, since, detail, retry_at, interval, mark)
VALUES (:reason, :since, :detail, :retry_at, :interval, :mark)
ON CONFLICT (reason) DO UPDATE SET
    since = excluded.since, detail = excluded.detail, retry_at = excluded.retry_at, interval = excluded.interval,
    mark = excluded.mark;

-- name: open_gate
DELETE FROM gate WHERE reason = :reason;

-- name: keys_that_worked
SELECT fingerprint FROM key_that_worked;

-- name: note_key_that_worked
INSERT INTO key_that_worked (fingerprint) VALUES (:fingerprint) ON CONFLICT DO NOTHING;

-- name: interrupted
-- Jobs that an owner who lives no longer had armed: their answers are lost.
SELECT * FROM job WHERE state = 'armed' AND owner <> :me AND (:alone OR lease_until < :now);

-- name: open_attempt
SELECT id, tile, width, height FROM attempt WHERE job_id = :job_id AND finished_at IS NULL ORDER BY id DESC LIMIT 1;

-- name: adopt
UPDATE job SET owner = :me, claim = claim + 1, lease_until = :lease_until WHERE id = :id RETURNING *;

-- name: free_claims
-- Claims of an owner who lives no longer, before anything could cost: back in the queue, as they were. A lease that has
-- run out frees nothing beyond that: the answer, or the original, may be in the hands of whoever is merely slow.
UPDATE job SET owner = NULL, lease_until = NULL, state = CASE state WHEN 'sending' THEN 'queued' ELSE state END
WHERE owner IS NOT NULL AND owner <> :me
  AND (:alone AND (state IN ('queued', 'sending', 'received') OR due = 1)
       OR (state IN ('queued', 'sending') AND lease_until < :now));

-- name: hurry_originals
-- What could not be done with an original before is tried at every start, and when the owner says `resume`.
UPDATE job SET not_before = 0 WHERE due = 1;

-- name: drop_open_attempts
-- Attempts that never armed before their owner went: they cost and count nothing.
UPDATE attempt SET finished_at = :at, outcome = 'network', reserved = 0,
    error = 'watchd stopped before the request was complete'
WHERE finished_at IS NULL AND armed_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM job WHERE job.id = attempt.job_id AND job.owner IS NOT NULL);

-- name: recent_calls
-- Which of the last calls began in the last minute, so that a restart does not make a burst of them. More than there can
-- be in a minute are looked at: by their numbers, as a clock may be set.
SELECT started_at FROM attempt
WHERE id > (SELECT max(id) FROM attempt) - 5000 AND started_at > :since ORDER BY started_at;

-- name: spool_names
-- Spool files that are still needed: paid tiles of a job that ended without the others, too, until it is tried again; and
-- paid answers that are kept for another folder.
SELECT id FROM job WHERE state IN ('queued', 'sending', 'armed', 'received')
UNION
SELECT job_id FROM kept_tile
UNION
SELECT id FROM job INDEXED BY job_that_keeps WHERE keeps = 1;

-- name: bound_delays
-- After a clock that went backwards no deadline may lie further ahead than the longest wait there is.
UPDATE job INDEXED BY job_due SET not_before = :latest
WHERE not_before > :latest AND not_before > 0 AND state IN ('queued', 'received');

-- name: bound_delays_of_originals
UPDATE job SET not_before = :latest WHERE not_before > :latest AND due = 1;

-- name: busy
-- Whether somebody works on a job (of another folder than :silent), or one can go on by itself, now or later: published in :folders, called in :calling;
-- one behind an unknown job, or behind an answer whose folder is away, cannot. One statement, as a claim made between
-- two would be seen by neither.
SELECT EXISTS (
        SELECT 1 FROM job WHERE owner IS NOT NULL AND folder NOT IN (SELECT value FROM json_each(:silent)))
    OR EXISTS (
        SELECT 1 FROM job INDEXED BY job_with_due_original
        WHERE due = 1 AND not_before = 0 AND folder IN (SELECT value FROM json_each(:folders)))
    OR EXISTS (
        SELECT 1 FROM job AS candidate
        WHERE candidate.owner IS NULL
          AND ((candidate.state = 'queued' AND candidate.folder IN (SELECT value FROM json_each(:calling)))
               OR (candidate.state = 'received' AND candidate.folder IN (SELECT value FROM json_each(:folders))))
          AND NOT EXISTS (
              SELECT 1 FROM job AS other
              WHERE same_picture(other, candidate)
                AND (other.state = 'unknown' OR (other.state = 'received' AND other.owner IS NULL
                     AND other.folder NOT IN (SELECT value FROM json_each(:folders)))))) AS yes;

-- name: claimed
SELECT EXISTS (
    SELECT 1 FROM job WHERE owner IS NOT NULL AND folder NOT IN (SELECT value FROM json_each(:silent))) AS yes;

-- name: progress
-- How far a run has come since it began.
SELECT
    count(*) FILTER (WHERE state = 'done') AS done,
    count(*) FILTER (WHERE state = 'failed') AS failed,
    count(*) FILTER (WHERE state = 'unknown') AS unknown,
    count(*) FILTER (WHERE state NOT IN ('done', 'failed', 'unknown')) AS left_over,
    coalesce(sum(size) FILTER (WHERE state = 'done'), 0) AS bytes_done,
    coalesce(sum(size) FILTER (WHERE state NOT IN ('done', 'failed', 'unknown')), 0) AS bytes_left
FROM job
WHERE (state IN ('done', 'failed') AND finished_at >= :since AND folded = 0)
   OR state IN ('queued', 'sending', 'armed', 'received', 'unknown');

-- name: booked_since
SELECT coalesce(sum(booked), 0) AS booked FROM attempt WHERE id > :attempt;

-- name: last_attempt
SELECT coalesce(max(id), 0) AS id FROM attempt;

-- name: backlog
-- Calls that are queued and not let go yet, and what they would cost. What another job pays for costs nothing.
SELECT count(*) AS files, coalesce(sum(price), 0) AS cost FROM job AS candidate
WHERE state = 'queued' AND approved = 0
  AND NOT EXISTS (
      SELECT 1 FROM job AS other
      WHERE same_picture(other, candidate)
        AND ((other.state = 'done' AND other.output_sha256 IS NOT NULL AND other.ended >= candidate.fresh_after)
             OR (other.id < candidate.id AND other.state IN ('queued', 'sending', 'armed', 'received', 'unknown'))));

-- name: approve
UPDATE job SET approved = 1 WHERE state = 'queued' AND approved = 0;

-- name: clear_delays
-- The owner says `resume`: nothing waits for its time any more; nor (`hurry_originals`) does an original.
UPDATE job INDEXED BY job_due SET not_before = 0 WHERE not_before > 0 AND state IN ('queued', 'received');

-- name: chosen
-- Jobs that a command means by their ids.
SELECT * FROM job
WHERE id IN (SELECT value FROM json_each(:ids))
  AND (:state IS NULL OR state = :state) AND (:folder IS NULL OR folder = :folder)
ORDER BY id;

-- name: chosen_by_state
-- All jobs of a state, or those of one folder.
SELECT * FROM job WHERE state = :state AND (:folder IS NULL OR folder = :folder) ORDER BY id;

-- name: chosen_by_folder
-- All jobs, or all of one folder.
SELECT * FROM job WHERE :folder IS NULL OR folder = :folder ORDER BY id;

-- name: retry
-- Back in the queue. Attempts stay told and count no longer; where a paid result is gone, only a new one serves.
UPDATE job SET state = 'queued', owner = NULL, not_before = 0, error = NULL, failure = NULL, finished_at = NULL, behind = NULL,
    forgiven = attempts, upload_cuts = 0, approved = 1, due = 0,
    fresh_after = CASE WHEN failure = 'result_gone' THEN (SELECT max(id) FROM event) ELSE fresh_after END
WHERE id = :id AND state IN ('failed', 'unknown');

-- name: dismiss
UPDATE job SET state = 'failed', error = :error, failure = 'dismissed', finished_at = :at
WHERE id = :id AND state = 'unknown';

-- name: reprocess
-- A finished file once more: a job of its own, which no result from before serves. Copies are served by the first of
-- them. What it asks for is settled when it is claimed.
INSERT INTO job (folder, path, path_text, sha256, picture, besides, size, mtime_ns, parameters, profile, price, width,
                 height, priority, state, fresh_after, approved, moved, created_at)
SELECT folder, path, path_text, sha256, picture, besides, size, mtime_ns, parameters, profile, price, width, height, priority,
       'queued', (SELECT max(id) FROM event), 1, moved, :at
FROM job WHERE id = :id AND state = 'done'
RETURNING id;

-- name: leave_original
-- A finished file is wanted once more: what was to be done with its original is for the new job to say.
UPDATE job SET due = 0 WHERE id = :id AND due = 1 AND owner IS NULL;

-- name: under_way_again
-- Whether a file that is to be processed again is already on its way.
SELECT EXISTS (
    SELECT 1 FROM job AS other
    JOIN job AS mine ON other.folder = mine.folder AND other.path = mine.path AND other.sha256 = mine.sha256
    WHERE mine.id = :id AND other.state IN ('queued', 'sending', 'armed', 'received', 'unknown')) AS yes;

-- name: end_open_attempts
-- A job leaves its owner with a call begun and not ended: in doubt if it was armed, else nothing was sent.
UPDATE attempt SET finished_at = :at, reserved = 0, error = :error,
    outcome = CASE WHEN armed_at IS NULL THEN 'network' ELSE 'lost' END
WHERE job_id = :job_id AND finished_at IS NULL;

-- name: lose_answer
UPDATE job SET state = 'unknown', owner = NULL, lease_until = NULL, error = :error, failure = :failure,
    finished_at = :at, result = NULL, tiles = 0
WHERE id = :id AND owner = :me AND claim = :claim AND state = 'received';

-- name: forget_sighting
-- The file of this job had gone: if it comes back, unchanged or not, it is looked at anew.
DELETE FROM sighting WHERE folder = :folder AND path = :path AND job_id = :job_id;

-- name: to_fold
-- Jobs that were done long ago and whose steps are still told one by one, the oldest first.
SELECT id FROM job INDEXED BY job_by_end
WHERE folded = 0 AND state = 'done' AND finished_at < :before AND due = 0 AND owner IS NULL
ORDER BY finished_at LIMIT :most;

-- name: fold_into_last
-- The last step of each stays, under its number, and stands for all of them: `ended` and `fresh_after` name numbers of
-- steps, and the highest there is must never be given again.
UPDATE event SET
    step = 'done', at = (SELECT finished_at FROM job WHERE job.id = event.job_id),
    detail = (SELECT count(*) FROM event AS told WHERE told.job_id = event.job_id) || ' steps, told as one'
WHERE id IN (SELECT max(id) FROM event WHERE job_id IN (SELECT value FROM json_each(:ids)) GROUP BY job_id);

-- name: drop_folded
DELETE FROM event
WHERE job_id IN (SELECT value FROM json_each(:ids))
  AND id < (SELECT max(later.id) FROM event AS later WHERE later.job_id = event.job_id);

-- name: mark_folded
UPDATE job SET folded = 1 WHERE id IN (SELECT value FROM json_each(:ids));

-- name: is_worked_on
-- By this owner: another that holds a claim is no more, as this one holds the lock.
SELECT EXISTS (SELECT 1 FROM job WHERE owner = :me AND folder = :folder) AS yes;

-- name: rename_jobs
-- Their money goes with them, by the triggers of the totals.
UPDATE job SET folder = :new WHERE folder = :old;

-- name: rename_sightings
-- What the new folder has seen under the same path by itself is later, and stays.
UPDATE OR IGNORE sighting SET folder = :new WHERE folder = :old;

-- name: drop_sightings
DELETE FROM sighting WHERE folder = :old;

-- name: rename_unidentified
UPDATE OR IGNORE unidentified SET folder = :new WHERE folder = :old;

-- name: rename_place
UPDATE OR IGNORE place SET folder = :new WHERE folder = :old;

-- name: drop_place
DELETE FROM place WHERE folder = :old;

-- name: open_by_folder
-- Jobs that have not ended, by folder.
SELECT folder, sum(jobs) AS jobs FROM job_total
WHERE state IN ('queued', 'sending', 'armed', 'received') GROUP BY folder HAVING sum(jobs) > 0;
