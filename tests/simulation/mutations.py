"""Faults that engineers make in such code, put into copies of the real source."""

from tests.simulation.core import Mutation

MUTATIONS = (
    Mutation(
        "no_fence_check",
        "jobs",
        (("    if job is None or not is_held(job, claim):\n", "    if job is None:\n"),),
    ),
    Mutation(
        "attempt_raised_after_the_work",
        "jobs",
        (
            ("attempt=Job.attempt + 1,", ""),
            ("    job.step_version = step.version\n", "    job.step_version = step.version\n    job.attempt += 1\n"),
        ),
    ),
    Mutation(
        "ring_before_commit",
        "processing",
        (
            (
                "        outbox.ring(ctx, ready)\n\n    def _fail",
                "            outbox.ring(ctx, ready)\n\n    def _fail",
            ),
        ),
    ),
    Mutation(
        "reference_before_blob",
        "processing",
        (
            ("            self.ctx.store.keep(staged_name(self.claim, number), placed.sha256)\n", ""),
            (
                "        self._commit(step, given, output, self._put(output.products, beat))\n",
                "        staged = self._put(output.products, beat)\n"
                "        self._commit(step, given, output, staged)\n"
                "        for number, placed in enumerate(staged):\n"
                "            self.ctx.store.keep(staged_name(self.claim, number), placed.sha256)\n",
            ),
        ),
    ),
    Mutation(
        "waiting_never_released",
        "jobs",
        (("    return release_waiting(session, ctx, job.file_id, pipeline)\n", "    return []\n"),),
    ),
    Mutation(
        "lease_not_extended",
        "jobs",
        (('{"lease_until": _lease_end(ctx)}', '{"attempt": Job.attempt}'),),
    ),
    Mutation(
        "interruptions_not_counted",
        "jobs",
        (("    job.interruptions += 1\n", ""),),
    ),
    Mutation(
        "expired_leases_left",
        "upkeep",
        (('        "interrupted": lambda: interrupt_expired(ctx, pipeline=pipeline),\n', ""),),
    ),
    Mutation(
        "settled_before_indexed",
        "indexing",
        (
            (
                "    rejected = unmapped + ctx.index.write([one for one in changes if one.id not in strange])\n"
                "    _settle(ctx, rows, changes, rejected,",
                "    _settle(ctx, rows, changes, [],",
            ),
            (
                "    return len(rows)\n\n\ndef learn",
                "    ctx.index.write(changes)\n    return len(rows)\n\n\ndef learn",
            ),
        ),
    ),
    Mutation(
        "older_results_kept",
        "products",
        (("    session.execute(delete(Passage).where(Passage.file_id == file.id, Passage.step == job.step))\n", ""),),
    ),
    Mutation(
        "followers_of_a_failure_forgotten",
        "jobs",
        (
            (
                "    release_waiting(session, ctx, job.file_id, pipeline)\n    return True\n\n\ndef release(",
                "    return True\n\n\ndef release(",
            ),
        ),
    ),
)
