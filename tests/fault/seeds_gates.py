"""Seeded bugs between a stop and an order that is denied: broadcast, lease, strictness."""

from tests.fault.seed import CLIENT, CORE, FAMILY, TESTS, Seed

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
        "        if self._is_free() and (self._phase.ended or self._seen != self._phase.version):",
        "        if self._is_free() and self._phase.ended:",
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
