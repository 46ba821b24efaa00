"""Seeded bugs of the flatten, the evaluators, numbers and evidence, and files."""

from tests.fault.seed import CORE, FAMILY, TESTS, Seed

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
        "        if self.breaches < self._settings.confirm:",
        "        if False:",
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
        f"{CORE}/controller.py",
        "        self._revisions.step_over(highest_revision)",
        "        return None",
        "a gate that has seen more than the store is not heard",
        f"{FAMILY}records",
    ),
    Seed(
        "ess_server/adapters/latch_file.py",
        "                self._overwrite(self._counter + 1, payload)",
        "                self._overwrite(self._counter + 2, payload)",
        "the newest record is written over in its own slot",
        f"{TESTS}/adapters/latch_file/test_writing.py::test_bytes_are_those_of_version_1",
    ),
    Seed(
        "ess_server/adapters/sqlite_store/content.py",
        "    if not isinstance(payload, bytes) or digest(payload) != sha256:",
        "    if not isinstance(payload, bytes):",
        "a damaged row is believed",
        f"{TESTS}/adapters/sqlite_store/test_damage.py::test_every_changed_byte_is_harmless_or_found",
    ),
    Seed(
        "ess_server/adapters/sqlite_store/content.py",
        "    if last != head:",
        "    if False:",
        "a log that ends before its record is believed",
        f"{TESTS}/adapters/sqlite_store/test_damage.py::test_forged_content_is_found",
    ),
]
