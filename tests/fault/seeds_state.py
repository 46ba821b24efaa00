"""Seeded bugs of the latch, its records and its resets."""

from tests.fault.seed import CORE, FAMILY, TESTS, Seed

LATCH = [
    Seed(
        f"{CORE}/latch.py",
        "    action = max(standing.action, activation.action)",
        "    action = activation.action",
        "a weaker trigger lowers a stop",
        f"{TESTS}/core/test_latch.py::test_action_only_rises",
    ),
    Seed(
        f"{CORE}/latch.py",
        "stops=tuple(s for s in state.stops if not s.covers(scope)))",
        "stops=())",
        "a reset of one scope releases all",
        f"{TESTS}/core/test_latch.py::test_release_takes_what_the_scope_covers",
    ),
    Seed(
        f"{CORE}/latch.py",
        "    return GLOBAL if full and state.stop_for(scope) is None else scope",
        "    return scope",
        "more stops than a message carries",
        f"{TESTS}/core/test_latch.py::test_more_scopes_than_a_message_carries_stop_everything",
    ),
    Seed(
        f"{CORE}/latch.py",
        "        action = max(stop.action, other.action)",
        "        action = newer.action",
        "of two records the newer one's weaker action is believed",
        f"{TESTS}/core/test_latch.py::test_union_keeps_every_scope_with_its_strongest_action",
    ),
]
JOURNAL = [
    Seed(
        f"{CORE}/journal.py",
        "        return min(w.durable_revision for w in self.writers)",
        "        return max(w.durable_revision for w in self.writers)",
        "a release begins though one record is behind",
        f"{TESTS}/core/test_journal.py::test_one_record_makes_a_stop_durable",
    ),
    Seed(
        f"{CORE}/journal.py",
        "                await asyncio.sleep(delay.total_seconds())",
        "                return",
        "a stop whose write failed is not written again",
        f"{TESTS}/core/test_journal.py::test_stop_is_written_again_until_it_is_there",
    ),
    Seed(
        f"{CORE}/journal.py",
        "            if not still_wanted():",
        "            if False:",
        "a release is written over a trigger that came before it",
        f"{TESTS}/core/test_journal.py::test_release_that_is_not_wanted_any_more_is_not_written",
    ),
    Seed(
        f"{CORE}/journal.py",
        "        if self._wanted is record:",
        "        if True:",
        "a state that came during a write is forgotten",
        f"{TESTS}/core/test_journal.py::test_waiting_states_are_one_write",
    ),
    Seed(
        f"{CORE}/journal.py",
        "            head = await self._run(lambda: self._store.commit(record, drafts))",
        "            self.durable_revision = record.revision\n"
        "            head = await self._run(lambda: self._store.commit(record, drafts))",
        "durable is said before the write",
        f"{TESTS}/core/test_journal.py::test_state_that_comes_during_a_write_is_written_after_it",
    ),
]
STARTING = [
    Seed(
        f"{CORE}/opening.py",
        "        if not found or found[0].hash.hex() != record.event_hash:",
        "        if not found:",
        "a log that was rewritten is believed",
        f"{TESTS}/core/test_opening.py::test_log_that_was_rewritten_starts_stopped",
    ),
    Seed(
        f"{CORE}/opening.py",
        "        controller.activate(Activation(scope=GLOBAL, action=Action.BLOCK, cause=cause))",
        "        del cause",
        "a start that cannot write its floor trades",
        f"{TESTS}/core/test_opening.py::test_floor_that_cannot_be_written_blocks",
    ),
    Seed(
        f"{CORE}/restore.py",
        "    floor = known + FLOOR_GAP + spread",
        "    floor = known",
        "a start repeats revisions that gates have seen",
        f"{TESTS}/core/test_restore.py::test_floor_is_above_everything_known",
    ),
    Seed(
        f"{CORE}/restore.py",
        "    stops = union([r.stops for r in records])",
        "    stops = records[0].stops if records else ()",
        "only one record's stops are restored",
        f"{TESTS}/core/test_restore.py::test_lack_of_proof_blocks",
    ),
    Seed(
        f"{CORE}/restore.py",
        "    if any(r != records[0] for r in records[1:]):",
        "    if False:",
        "records that contradict each other are believed",
        f"{TESTS}/core/test_restore.py::test_lack_of_proof_blocks",
    ),
    Seed(
        f"{CORE}/restore.py",
        "    if not problem:",
        "    if records:",
        "a damaged record is believed beside an intact one",
        f"{TESTS}/core/test_restore.py::test_lack_of_proof_blocks",
    ),
    Seed(
        f"{CORE}/restore.py",
        "    stops = union([r.stops for r in records])",
        "    stops = ()",
        "a restart forgets every stop",
        f"{FAMILY}kills",
    ),
]
RESET = [
    Seed(
        f"{CORE}/reset.py",
        "        if not unchanged():",
        "        if False:",
        "a reset in flight takes a newer trigger with it",
        f"{FAMILY}races",
    ),
    Seed(
        f"{CORE}/reset.py",
        '            await self._stop_again(change, f"could not be written: {error}")',
        "            pass",
        "a reset that failed may be true after a restart",
        f"{FAMILY}syscalls",
    ),
    Seed(
        f"{CORE}/release.py",
        "        if s.revision > request.revision",
        "        if s.revision > state.revision",
        "a reset covers what nobody has looked at",
        f"{TESTS}/core/test_reset.py::test_mismatch_is_refused",
    ),
    Seed(
        f"{CORE}/release.py",
        "    if state.revision > agreed_revision:",
        "    if False:",
        "a reset overtakes its stop on the way to a disk",
        f"{TESTS}/core/test_reset_races.py::test_stop_that_one_disk_lacks_is_not_released",
    ),
    Seed(
        f"{CORE}/reset.py",
        "        self._controller.number_all()",
        "        pass",
        "a trigger that was counted without a number passes for seen",
        f"{TESTS}/core/test_controller_witness.py::test_trigger_flood_without_a_disk_covers_every_trigger",
    ),
    Seed(
        f"{CORE}/reset.py",
        "        key = (change.verb, request.request_id, request.scope, request.revision)",
        "        key = (change.verb, request.request_id, request.scope, 0)",
        "an id that is used again passes for a release of what stands now",
        f"{TESTS}/core/test_reset_ids.py::test_repeated_id_for_what_stands_now_is_a_new_request",
    ),
    Seed(
        f"{CORE}/reset.py",
        "            _refuse([r for r in in_the_way if not (r.overridable and r.reason in request.overrides)])",
        "            _refuse([r for r in in_the_way if r.reason not in request.overrides])",
        "what is final can be overridden",
        f"{TESTS}/core/test_reset_obstacles.py::test_some_things_cannot_be_overridden",
    ),
]
