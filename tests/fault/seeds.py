"""The seeded bugs: one line each, what it breaks, and the quickest check that catches it."""

from dataclasses import dataclass

FAMILY = "make fault: "
"""What a check begins with that is a family of this suite."""
CORE, CLIENT, TESTS = "ess_server/core", "ess_client", "tests"


@dataclass(frozen=True)
class Seed:
    """One bug: in ``file`` the one place that reads ``old`` reads ``new``. ``check`` must go red."""

    file: str
    old: str
    new: str
    breaks: str
    check: str


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
BROADCAST = [
    Seed(
        f"{CORE}/broadcast.py",
        "        message = self._render()",
        "        message = self._phases[0].message or self._render()",
        "a stop is told with the bytes of the last heartbeat",
        f"{TESTS}/core/test_broadcast.py::test_one_that_never_reads_delays_nobody",
    ),
    Seed(
        f"{CORE}/broadcast.py",
        "            if self._phase.ended or self._seen != self._phase.version:",
        "            if self._phase.ended:",
        "what came while a message was on its way is not sent",
        f"{TESTS}/core/test_broadcast.py::test_one_that_never_reads_delays_nobody",
    ),
    Seed(
        f"{CORE}/broadcast.py",
        "        message = self._render()",
        "        message = [self._render() for _ in range(1 + sum(len(p.members) for p in self._phases))][0]",
        "a message is made anew for every subscriber, even if it never reads",
        f"{FAMILY}hostile",
    ),
    Seed(
        f"{CORE}/controller.py",
        "BROADCAST_AT_LATEST = timedelta(milliseconds=25)",
        "BROADCAST_AT_LATEST = timedelta(minutes=25)",
        "a disk that hangs holds back the stop",
        f"{TESTS}/core/test_controller.py::test_late_durability_is_told",
    ),
    Seed(
        f"{CORE}/controller.py",
        "        self._revisions.step_over(highest_revision)",
        "        pass",
        "a lost stop comes back below what the gate has seen",
        f"{TESTS}/core/test_controller_witness.py::test_gate_that_is_ahead_hears_of_the_stop",
    ),
]
LEASE = [
    Seed(
        f"{CLIENT}/_stream.py",
        "        self.deadline = proven_at + (1 - DRIFT) * lease_of(proof)",
        "        self.deadline = now + (1 - DRIFT) * lease_of(proof)",
        "the lease is counted from the arrival of a message",
        f"{FAMILY}network",
    ),
    Seed(
        f"{CLIENT}/_stream.py",
        "            self._anchor = Anchor(self._opened_at, proof.sent_uptime)",
        "            self._anchor = Anchor(now, proof.sent_uptime)",
        "a first message that waited looks fresh",
        f"{TESTS}/client/test_gate.py::test_open_until_is_the_deadline_and_minus_infinity_under_a_stop",
    ),
    Seed(
        f"{CLIENT}/_stream.py",
        "    return min(proof.lease, MAX_LEASE)",
        "    return proof.lease",
        "a server may grant any lease",
        f"{TESTS}/vectors/test_vectors.py::test_case_is_judged_as_the_suite_says",
    ),
    Seed(
        f"{CLIENT}/_gate.py",
        "        self._latest = now\n        self.shut()",
        "        self._latest = now",
        "a clock that ran backwards leaves the gate open",
        f"{TESTS}/vectors/test_vectors.py::test_case_is_judged_as_the_suite_says",
    ),
    Seed(
        f"{CORE}/subscribers.py",
        "LEASE_MARGIN = 1.01",
        "LEASE_MARGIN = 0.5",
        "a gate is said to deny before its lease is over",
        f"{TESTS}/core/test_subscribers.py::test_lease_runs_out",
    ),
    Seed(
        f"{CORE}/monitor.py",
        "            self.proven_uptime = started",
        "            self.proven_uptime = self._clock.uptime()",
        "a slow look is taken for a young proof",
        f"{TESTS}/core/test_monitor_loop.py::test_completed_tick_is_the_proof",
    ),
]
STRICTNESS = [
    Seed(
        f"{CLIENT}/_history.py",
        "    contradictory = bool(stops) == (proof.status == INACTIVE)",
        "    contradictory = False",
        "a message that is not clearly INACTIVE is one",
        f"{TESTS}/vectors/test_vectors.py::test_case_is_judged_as_the_suite_says",
    ),
    Seed(
        f"{CLIENT}/_history.py",
        "        if proof.revision < self.revision:",
        "        if False:",
        "an older message undoes a stop",
        f"{TESTS}/vectors/test_vectors.py::test_case_is_judged_as_the_suite_says",
    ),
    Seed(
        f"{CLIENT}/_history.py",
        "        return proof.revision == self.revision and self.stops.keys() <= stops_of(proof).keys()",
        "        return proof.revision == self.revision",
        "a message of the same revision without its stop opens the gate",
        f"{TESTS}/vectors/test_vectors.py::test_case_is_judged_as_the_suite_says",
    ),
    Seed(
        f"{CLIENT}/_stream.py",
        "            and proof.server_instance_id == self._instance_id",
        "            and True",
        "another process's clock is read as the same",
        f"{TESTS}/vectors/test_vectors.py::test_case_is_judged_as_the_suite_says",
    ),
    Seed(
        f"{CLIENT}/_scopes.py",
        "            if kind not in named:",
        "            if False:",
        "an order that does not name its account passes a stopped one",
        f"{TESTS}/vectors/test_vectors.py::test_case_is_judged_as_the_suite_says",
    ),
    Seed(
        "ess_server/venue/strict.py",
        "        if not isinstance(reply, dict | list):",
        "        if False:",
        "a reply that is no JSON reads as an empty account",
        f"{TESTS}/venue/test_ccxt_usdm.py::test_a_send_that_is_answered_with_garbage_has_failed",
    ),
]
FLATTEN = [
    Seed(
        f"{CORE}/flatten_plan.py",
        "        return not self.cancels and not self.closes",
        "        return not self.closes",
        "an account with orders counts as flat",
        f"{TESTS}/core/test_flatten.py::test_cancel_keeps_positions_and_their_protection",
    ),
    Seed(
        f"{CORE}/flatten_plan.py",
        "        if action is Action.BLOCK:",
        "        if action is not Action.FLATTEN:",
        "CANCEL leaves the orders",
        f"{TESTS}/core/test_flatten.py::test_cancel_keeps_positions_and_their_protection",
    ),
    Seed(
        f"{CORE}/flatten_account.py",
        "        if not self._calls.nothing_sent_since(read.began):",
        "        if False:",
        "a read that began before the last send proves flat",
        f"{TESTS}/core/test_flatten_quiet.py::test_clean_reads_do_not_count_while_a_send_is_in_flight",
    ),
    Seed(
        f"{CORE}/flatten_account.py",
        "        attempt.unread += 1",
        "        attempt.unread += 1; return self._jittered(attempt.unread)",
        "an account that cannot be read keeps its old status",
        f"{TESTS}/core/test_flatten_faults.py::test_an_unreadable_venue_is_unknown_and_tells_no_secret",
    ),
]
EVALUATORS = [
    Seed(
        f"{CORE}/confirm.py",
        "        if unknown_for < self._unknown_after:",
        "        if True:",
        "what stays unknown is never a fault",
        f"{TESTS}/core/test_confirm.py::test_unknown_for_too_long_is_a_fault_exactly_from_then_on",
    ),
    Seed(
        f"{CORE}/confirm.py",
        "        if not isinstance(verdict, Trip) or self.breaches < self._settings.confirm:",
        "        if not isinstance(verdict, Trip):",
        "one bad reading trips what was told to confirm",
        f"{TESTS}/core/test_confirm.py::test_second_reading_confirms_the_first",
    ),
    Seed(
        f"{CORE}/evaluators/drawdown.py",
        "        if not abs(age) <= most:",
        "        if age > most:",
        "an age that is no number counts as young",
        f"{TESTS}/core/test_drawdown.py::test_equity_that_did_not_arrive_lately_is_unknown",
    ),
    Seed(
        f"{CORE}/evaluators/drawdown.py",
        "        if not known.equity.usable:",
        "        if False:",
        "an equity that is no number is measured",
        f"{TESTS}/core/test_drawdown.py::test_equity_that_proves_nothing_is_unknown",
    ),
]
NUMBERS_AND_EVIDENCE = [
    Seed(
        f"{CORE}/revisions.py",
        "        return self.newest - max(self._counted_from, durable) >= MOST_UNWRITTEN",
        "        return False",
        "revisions run past the gap that a start leaves",
        f"{TESTS}/core/test_controller_witness.py::test_trigger_flood_without_a_disk_covers_every_trigger",
    ),
    Seed(
        f"{CORE}/revisions.py",
        "        if self.floor <= revision <= self.newest:",
        "        if revision <= self.newest:",
        "a revision that was lost counts as known",
        f"{TESTS}/core/test_controller_witness.py::test_unknown_revision_blocks",
    ),
    Seed(
        f"{CORE}/chain.py",
        "    if previous_hash != last.hash:",
        "    if False:",
        "an event that was exchanged is not found",
        f"{TESTS}/adapters/test_chain.py::test_one_fault_is_reported_once",
    ),
    Seed(
        f"{CORE}/chain.py",
        "    if expect is not None and witness != expect:",
        "    if False:",
        "a log whose tail was cut passes as intact",
        f"{TESTS}/adapters/test_chain.py::test_cut_tail_is_found_by_a_published_head",
    ),
    Seed(
        f"{CORE}/monitor.py",
        "        if await self._looked_at_tripwire():",
        "        if await self._looked_at_tripwire() or True:",
        "a tripwire that cannot be looked at proves INACTIVE",
        f"{TESTS}/core/test_monitor_loop.py::test_disk_that_hangs_proves_nothing",
    ),
    Seed(
        "ess_server/adapters/data_dir.py",
        "            os.lstat(self.tripwire)",
        "            os.stat(self.tripwire)",
        "a tripwire that is a dangling link does not stop",
        f"{TESTS}/adapters/test_data_dir.py::test_tripwire_is_seen_in_any_form",
    ),
    Seed(
        f"{CORE}/subscribers.py",
        "        if gate.confirmed_revision >= self._latched.revision:",
        "        if gate.connected:",
        "a gate counts as denying because it is connected",
        f"{TESTS}/core/test_subscribers.py::test_gate_confirms",
    ),
]
DISKS = [
    Seed(
        "ess_server/adapters/latch_file.py",
        "        os.fdatasync(descriptor)",
        "        pass",
        "the second record is not synced",
        f"{FAMILY}power",
    ),
    Seed(
        "ess_server/adapters/latch_file.py",
        "    if digest(numbers + payload[:length]) != content[_HEADER_BYTES - _DIGEST_BYTES : _HEADER_BYTES]:",
        "    if False:",
        "a damaged latch record is believed",
        f"{FAMILY}records",
    ),
    Seed(
        "ess_server/adapters/latch_file.py",
        "                self._overwrite(self._counter + 1, payload)",
        "                self._overwrite(self._counter + 2, payload)",
        "the newest record is written over in its own slot",
        f"{TESTS}/adapters/test_latch_file.py::test_bytes_are_those_of_version_1",
    ),
    Seed(
        "ess_server/adapters/sqlite_store/content.py",
        "    if not isinstance(payload, bytes) or digest(payload) != sha256:",
        "    if not isinstance(payload, bytes):",
        "a damaged row is believed",
        f"{TESTS}/adapters/test_sqlite_store.py::test_every_changed_byte_is_harmless_or_found",
    ),
    Seed(
        "ess_server/adapters/sqlite_store/content.py",
        "    if last != head:",
        "    if False:",
        "a log that ends before its record is believed",
        f"{TESTS}/adapters/test_sqlite_store.py::test_forged_content_is_found",
    ),
]
SEEDS = [
    *LATCH,
    *JOURNAL,
    *STARTING,
    *RESET,
    *BROADCAST,
    *LEASE,
    *STRICTNESS,
    *FLATTEN,
    *EVALUATORS,
    *NUMBERS_AND_EVIDENCE,
    *DISKS,
]


def table() -> str:
    """Return the table of seeds as the documentation has it."""
    rows = [f"| `{seed.file}` | {seed.breaks} | `{seed.check}` |" for seed in SEEDS]
    return "\n".join(["| in | the bug | caught by |", "|---|---|---|", *rows])
