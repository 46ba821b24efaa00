import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StopStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STOP_STATUS_UNSPECIFIED: _ClassVar[StopStatus]
    STOP_STATUS_INACTIVE: _ClassVar[StopStatus]
    STOP_STATUS_ACTIVE: _ClassVar[StopStatus]

class StopAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STOP_ACTION_UNSPECIFIED: _ClassVar[StopAction]
    STOP_ACTION_BLOCK: _ClassVar[StopAction]
    STOP_ACTION_CANCEL: _ClassVar[StopAction]
    STOP_ACTION_FLATTEN: _ClassVar[StopAction]

class CauseSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CAUSE_SOURCE_UNSPECIFIED: _ClassVar[CauseSource]
    CAUSE_SOURCE_MANUAL: _ClassVar[CauseSource]
    CAUSE_SOURCE_EVALUATOR: _ClassVar[CauseSource]
    CAUSE_SOURCE_EVALUATOR_FAULT: _ClassVar[CauseSource]
    CAUSE_SOURCE_TRIPWIRE: _ClassVar[CauseSource]
    CAUSE_SOURCE_STORE: _ClassVar[CauseSource]
    CAUSE_SOURCE_WITNESS: _ClassVar[CauseSource]

class FlattenStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FLATTEN_STATUS_UNSPECIFIED: _ClassVar[FlattenStatus]
    FLATTEN_STATUS_PENDING: _ClassVar[FlattenStatus]
    FLATTEN_STATUS_CANCELLING: _ClassVar[FlattenStatus]
    FLATTEN_STATUS_CLOSING: _ClassVar[FlattenStatus]
    FLATTEN_STATUS_VERIFYING: _ClassVar[FlattenStatus]
    FLATTEN_STATUS_FLAT: _ClassVar[FlattenStatus]
    FLATTEN_STATUS_FLAT_WITH_DUST: _ClassVar[FlattenStatus]
    FLATTEN_STATUS_INCOMPLETE: _ClassVar[FlattenStatus]
    FLATTEN_STATUS_UNKNOWN: _ClassVar[FlattenStatus]
    FLATTEN_STATUS_HELD: _ClassVar[FlattenStatus]
    FLATTEN_STATUS_CANCELLED: _ClassVar[FlattenStatus]

class ResetOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RESET_OUTCOME_UNSPECIFIED: _ClassVar[ResetOutcome]
    RESET_OUTCOME_RELEASED: _ClassVar[ResetOutcome]
    RESET_OUTCOME_PENDING_APPROVAL: _ClassVar[ResetOutcome]
    RESET_OUTCOME_VALIDATED: _ClassVar[ResetOutcome]

class SubscriberStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SUBSCRIBER_STATUS_UNSPECIFIED: _ClassVar[SubscriberStatus]
    SUBSCRIBER_STATUS_CONFIRMED: _ClassVar[SubscriberStatus]
    SUBSCRIBER_STATUS_PENDING: _ClassVar[SubscriberStatus]
    SUBSCRIBER_STATUS_EXPIRED: _ClassVar[SubscriberStatus]
    SUBSCRIBER_STATUS_MISSING: _ClassVar[SubscriberStatus]

class EvaluatorStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EVALUATOR_STATUS_UNSPECIFIED: _ClassVar[EvaluatorStatus]
    EVALUATOR_STATUS_CLEAR: _ClassVar[EvaluatorStatus]
    EVALUATOR_STATUS_WARN: _ClassVar[EvaluatorStatus]
    EVALUATOR_STATUS_TRIP: _ClassVar[EvaluatorStatus]
    EVALUATOR_STATUS_UNKNOWN: _ClassVar[EvaluatorStatus]
    EVALUATOR_STATUS_INHIBITED: _ClassVar[EvaluatorStatus]

class Credential(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CREDENTIAL_UNSPECIFIED: _ClassVar[Credential]
    CREDENTIAL_NONE: _ClassVar[Credential]
    CREDENTIAL_INTERNAL: _ClassVar[Credential]
    CREDENTIAL_MTLS: _ClassVar[Credential]
    CREDENTIAL_TOKEN: _ClassVar[Credential]
    CREDENTIAL_UNIX: _ClassVar[Credential]
STOP_STATUS_UNSPECIFIED: StopStatus
STOP_STATUS_INACTIVE: StopStatus
STOP_STATUS_ACTIVE: StopStatus
STOP_ACTION_UNSPECIFIED: StopAction
STOP_ACTION_BLOCK: StopAction
STOP_ACTION_CANCEL: StopAction
STOP_ACTION_FLATTEN: StopAction
CAUSE_SOURCE_UNSPECIFIED: CauseSource
CAUSE_SOURCE_MANUAL: CauseSource
CAUSE_SOURCE_EVALUATOR: CauseSource
CAUSE_SOURCE_EVALUATOR_FAULT: CauseSource
CAUSE_SOURCE_TRIPWIRE: CauseSource
CAUSE_SOURCE_STORE: CauseSource
CAUSE_SOURCE_WITNESS: CauseSource
FLATTEN_STATUS_UNSPECIFIED: FlattenStatus
FLATTEN_STATUS_PENDING: FlattenStatus
FLATTEN_STATUS_CANCELLING: FlattenStatus
FLATTEN_STATUS_CLOSING: FlattenStatus
FLATTEN_STATUS_VERIFYING: FlattenStatus
FLATTEN_STATUS_FLAT: FlattenStatus
FLATTEN_STATUS_FLAT_WITH_DUST: FlattenStatus
FLATTEN_STATUS_INCOMPLETE: FlattenStatus
FLATTEN_STATUS_UNKNOWN: FlattenStatus
FLATTEN_STATUS_HELD: FlattenStatus
FLATTEN_STATUS_CANCELLED: FlattenStatus
RESET_OUTCOME_UNSPECIFIED: ResetOutcome
RESET_OUTCOME_RELEASED: ResetOutcome
RESET_OUTCOME_PENDING_APPROVAL: ResetOutcome
RESET_OUTCOME_VALIDATED: ResetOutcome
SUBSCRIBER_STATUS_UNSPECIFIED: SubscriberStatus
SUBSCRIBER_STATUS_CONFIRMED: SubscriberStatus
SUBSCRIBER_STATUS_PENDING: SubscriberStatus
SUBSCRIBER_STATUS_EXPIRED: SubscriberStatus
SUBSCRIBER_STATUS_MISSING: SubscriberStatus
EVALUATOR_STATUS_UNSPECIFIED: EvaluatorStatus
EVALUATOR_STATUS_CLEAR: EvaluatorStatus
EVALUATOR_STATUS_WARN: EvaluatorStatus
EVALUATOR_STATUS_TRIP: EvaluatorStatus
EVALUATOR_STATUS_UNKNOWN: EvaluatorStatus
EVALUATOR_STATUS_INHIBITED: EvaluatorStatus
CREDENTIAL_UNSPECIFIED: Credential
CREDENTIAL_NONE: Credential
CREDENTIAL_INTERNAL: Credential
CREDENTIAL_MTLS: Credential
CREDENTIAL_TOKEN: Credential
CREDENTIAL_UNIX: Credential

class Actor(_message.Message):
    __slots__ = ("id", "credential", "peer", "requested_by")
    ID_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_BY_FIELD_NUMBER: _ClassVar[int]
    id: str
    credential: Credential
    peer: str
    requested_by: str
    def __init__(self, id: _Optional[str] = ..., credential: _Optional[_Union[Credential, str]] = ..., peer: _Optional[str] = ..., requested_by: _Optional[str] = ...) -> None: ...

class Cause(_message.Message):
    __slots__ = ("source", "evaluator", "reason", "actor", "cause_time", "reading", "limit")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    EVALUATOR_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    CAUSE_TIME_FIELD_NUMBER: _ClassVar[int]
    READING_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    source: CauseSource
    evaluator: str
    reason: str
    actor: Actor
    cause_time: _timestamp_pb2.Timestamp
    reading: str
    limit: str
    def __init__(self, source: _Optional[_Union[CauseSource, str]] = ..., evaluator: _Optional[str] = ..., reason: _Optional[str] = ..., actor: _Optional[_Union[Actor, _Mapping]] = ..., cause_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reading: _Optional[str] = ..., limit: _Optional[str] = ...) -> None: ...

class Stop(_message.Message):
    __slots__ = ("stop_id", "scope", "action", "revision", "activate_time", "cause", "cause_count", "durable", "flatten_time", "held")
    STOP_ID_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    ACTIVATE_TIME_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    CAUSE_COUNT_FIELD_NUMBER: _ClassVar[int]
    DURABLE_FIELD_NUMBER: _ClassVar[int]
    FLATTEN_TIME_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    stop_id: str
    scope: str
    action: StopAction
    revision: int
    activate_time: _timestamp_pb2.Timestamp
    cause: Cause
    cause_count: int
    durable: bool
    flatten_time: _timestamp_pb2.Timestamp
    held: bool
    def __init__(self, stop_id: _Optional[str] = ..., scope: _Optional[str] = ..., action: _Optional[_Union[StopAction, str]] = ..., revision: _Optional[int] = ..., activate_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., cause: _Optional[_Union[Cause, _Mapping]] = ..., cause_count: _Optional[int] = ..., durable: _Optional[bool] = ..., flatten_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., held: _Optional[bool] = ...) -> None: ...

class Warning(_message.Message):
    __slots__ = ("evaluator", "scope", "tier_percent")
    EVALUATOR_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    TIER_PERCENT_FIELD_NUMBER: _ClassVar[int]
    evaluator: str
    scope: str
    tier_percent: int
    def __init__(self, evaluator: _Optional[str] = ..., scope: _Optional[str] = ..., tier_percent: _Optional[int] = ...) -> None: ...

class StopState(_message.Message):
    __slots__ = ("store_id", "revision", "status", "stops", "warnings", "installation")
    STORE_ID_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STOPS_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    INSTALLATION_FIELD_NUMBER: _ClassVar[int]
    store_id: str
    revision: int
    status: StopStatus
    stops: _containers.RepeatedCompositeFieldContainer[Stop]
    warnings: _containers.RepeatedCompositeFieldContainer[Warning]
    installation: str
    def __init__(self, store_id: _Optional[str] = ..., revision: _Optional[int] = ..., status: _Optional[_Union[StopStatus, str]] = ..., stops: _Optional[_Iterable[_Union[Stop, _Mapping]]] = ..., warnings: _Optional[_Iterable[_Union[Warning, _Mapping]]] = ..., installation: _Optional[str] = ...) -> None: ...

class AccountProgress(_message.Message):
    __slots__ = ("account", "venue", "status", "open_orders", "open_positions", "read_time", "detail", "stop_id")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    VENUE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    OPEN_ORDERS_FIELD_NUMBER: _ClassVar[int]
    OPEN_POSITIONS_FIELD_NUMBER: _ClassVar[int]
    READ_TIME_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    STOP_ID_FIELD_NUMBER: _ClassVar[int]
    account: str
    venue: str
    status: FlattenStatus
    open_orders: int
    open_positions: int
    read_time: _timestamp_pb2.Timestamp
    detail: str
    stop_id: str
    def __init__(self, account: _Optional[str] = ..., venue: _Optional[str] = ..., status: _Optional[_Union[FlattenStatus, str]] = ..., open_orders: _Optional[int] = ..., open_positions: _Optional[int] = ..., read_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., detail: _Optional[str] = ..., stop_id: _Optional[str] = ...) -> None: ...

class EvaluatorState(_message.Message):
    __slots__ = ("name", "kind", "scope", "action", "shadow", "status", "reading", "limit", "limit_used", "read_time", "detail", "tier_percent", "near_misses", "last_error", "last_error_time", "reading_age")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    SHADOW_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    READING_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_USED_FIELD_NUMBER: _ClassVar[int]
    READ_TIME_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    TIER_PERCENT_FIELD_NUMBER: _ClassVar[int]
    NEAR_MISSES_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_TIME_FIELD_NUMBER: _ClassVar[int]
    READING_AGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: str
    scope: str
    action: StopAction
    shadow: bool
    status: EvaluatorStatus
    reading: str
    limit: str
    limit_used: float
    read_time: _timestamp_pb2.Timestamp
    detail: str
    tier_percent: int
    near_misses: int
    last_error: str
    last_error_time: _timestamp_pb2.Timestamp
    reading_age: _duration_pb2.Duration
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[str] = ..., scope: _Optional[str] = ..., action: _Optional[_Union[StopAction, str]] = ..., shadow: _Optional[bool] = ..., status: _Optional[_Union[EvaluatorStatus, str]] = ..., reading: _Optional[str] = ..., limit: _Optional[str] = ..., limit_used: _Optional[float] = ..., read_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., detail: _Optional[str] = ..., tier_percent: _Optional[int] = ..., near_misses: _Optional[int] = ..., last_error: _Optional[str] = ..., last_error_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reading_age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Enforcement(_message.Message):
    __slots__ = ("revision", "expected", "confirmed", "expired", "pending", "missing", "elapsed", "unconfirmed")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    CONFIRMED_FIELD_NUMBER: _ClassVar[int]
    EXPIRED_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_FIELD_NUMBER: _ClassVar[int]
    UNCONFIRMED_FIELD_NUMBER: _ClassVar[int]
    revision: int
    expected: int
    confirmed: int
    expired: int
    pending: int
    missing: int
    elapsed: _duration_pb2.Duration
    unconfirmed: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, revision: _Optional[int] = ..., expected: _Optional[int] = ..., confirmed: _Optional[int] = ..., expired: _Optional[int] = ..., pending: _Optional[int] = ..., missing: _Optional[int] = ..., elapsed: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., unconfirmed: _Optional[_Iterable[str]] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("reason", "detail", "overridable")
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    OVERRIDABLE_FIELD_NUMBER: _ClassVar[int]
    reason: str
    detail: str
    overridable: bool
    def __init__(self, reason: _Optional[str] = ..., detail: _Optional[str] = ..., overridable: _Optional[bool] = ...) -> None: ...

class GetStateRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetStateResponse(_message.Message):
    __slots__ = ("state", "summary", "accounts", "evaluators", "enforcement", "lease", "proof_age", "gate_level", "server_version")
    STATE_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    EVALUATORS_FIELD_NUMBER: _ClassVar[int]
    ENFORCEMENT_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    PROOF_AGE_FIELD_NUMBER: _ClassVar[int]
    GATE_LEVEL_FIELD_NUMBER: _ClassVar[int]
    SERVER_VERSION_FIELD_NUMBER: _ClassVar[int]
    state: StopState
    summary: str
    accounts: _containers.RepeatedCompositeFieldContainer[AccountProgress]
    evaluators: _containers.RepeatedCompositeFieldContainer[EvaluatorState]
    enforcement: Enforcement
    lease: _duration_pb2.Duration
    proof_age: _duration_pb2.Duration
    gate_level: int
    server_version: str
    def __init__(self, state: _Optional[_Union[StopState, _Mapping]] = ..., summary: _Optional[str] = ..., accounts: _Optional[_Iterable[_Union[AccountProgress, _Mapping]]] = ..., evaluators: _Optional[_Iterable[_Union[EvaluatorState, _Mapping]]] = ..., enforcement: _Optional[_Union[Enforcement, _Mapping]] = ..., lease: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., proof_age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., gate_level: _Optional[int] = ..., server_version: _Optional[str] = ...) -> None: ...

class TriggerRequest(_message.Message):
    __slots__ = ("reason", "scope", "action", "requested_by", "request_id", "wait")
    REASON_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_BY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    reason: str
    scope: str
    action: StopAction
    requested_by: str
    request_id: str
    wait: _duration_pb2.Duration
    def __init__(self, reason: _Optional[str] = ..., scope: _Optional[str] = ..., action: _Optional[_Union[StopAction, str]] = ..., requested_by: _Optional[str] = ..., request_id: _Optional[str] = ..., wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class TriggerResponse(_message.Message):
    __slots__ = ("stop", "summary", "warnings", "enforcement")
    STOP_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    ENFORCEMENT_FIELD_NUMBER: _ClassVar[int]
    stop: Stop
    summary: str
    warnings: _containers.RepeatedScalarFieldContainer[str]
    enforcement: Enforcement
    def __init__(self, stop: _Optional[_Union[Stop, _Mapping]] = ..., summary: _Optional[str] = ..., warnings: _Optional[_Iterable[str]] = ..., enforcement: _Optional[_Union[Enforcement, _Mapping]] = ...) -> None: ...

class ResetRequest(_message.Message):
    __slots__ = ("revision", "reason", "scope", "requested_by", "overrides", "rebaseline", "validate_only", "request_id", "store_id")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_BY_FIELD_NUMBER: _ClassVar[int]
    OVERRIDES_FIELD_NUMBER: _ClassVar[int]
    REBASELINE_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    STORE_ID_FIELD_NUMBER: _ClassVar[int]
    revision: int
    reason: str
    scope: str
    requested_by: str
    overrides: _containers.RepeatedScalarFieldContainer[str]
    rebaseline: bool
    validate_only: bool
    request_id: str
    store_id: str
    def __init__(self, revision: _Optional[int] = ..., reason: _Optional[str] = ..., scope: _Optional[str] = ..., requested_by: _Optional[str] = ..., overrides: _Optional[_Iterable[str]] = ..., rebaseline: _Optional[bool] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ..., store_id: _Optional[str] = ...) -> None: ...

class ResetResponse(_message.Message):
    __slots__ = ("outcome", "summary", "state", "refusals", "approvers", "expire_time")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REFUSALS_FIELD_NUMBER: _ClassVar[int]
    APPROVERS_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    outcome: ResetOutcome
    summary: str
    state: StopState
    refusals: _containers.RepeatedCompositeFieldContainer[Refusal]
    approvers: _containers.RepeatedCompositeFieldContainer[Actor]
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, outcome: _Optional[_Union[ResetOutcome, str]] = ..., summary: _Optional[str] = ..., state: _Optional[_Union[StopState, _Mapping]] = ..., refusals: _Optional[_Iterable[_Union[Refusal, _Mapping]]] = ..., approvers: _Optional[_Iterable[_Union[Actor, _Mapping]]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class HoldFlattenRequest(_message.Message):
    __slots__ = ("revision", "reason", "scope", "requested_by", "request_id")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_BY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    revision: int
    reason: str
    scope: str
    requested_by: str
    request_id: str
    def __init__(self, revision: _Optional[int] = ..., reason: _Optional[str] = ..., scope: _Optional[str] = ..., requested_by: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class HoldFlattenResponse(_message.Message):
    __slots__ = ("state", "summary")
    STATE_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    state: StopState
    summary: str
    def __init__(self, state: _Optional[_Union[StopState, _Mapping]] = ..., summary: _Optional[str] = ...) -> None: ...

class WatchStateRequest(_message.Message):
    __slots__ = ("subscriber_id", "session_id", "scopes", "client_version", "store_id", "highest_revision")
    SUBSCRIBER_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    CLIENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    STORE_ID_FIELD_NUMBER: _ClassVar[int]
    HIGHEST_REVISION_FIELD_NUMBER: _ClassVar[int]
    subscriber_id: str
    session_id: str
    scopes: _containers.RepeatedScalarFieldContainer[str]
    client_version: str
    store_id: str
    highest_revision: int
    def __init__(self, subscriber_id: _Optional[str] = ..., session_id: _Optional[str] = ..., scopes: _Optional[_Iterable[str]] = ..., client_version: _Optional[str] = ..., store_id: _Optional[str] = ..., highest_revision: _Optional[int] = ...) -> None: ...

class WatchStateResponse(_message.Message):
    __slots__ = ("state", "server_instance_id", "proven_uptime", "sent_uptime", "lease", "draining", "gate_level", "event_head")
    STATE_FIELD_NUMBER: _ClassVar[int]
    SERVER_INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    PROVEN_UPTIME_FIELD_NUMBER: _ClassVar[int]
    SENT_UPTIME_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    GATE_LEVEL_FIELD_NUMBER: _ClassVar[int]
    EVENT_HEAD_FIELD_NUMBER: _ClassVar[int]
    state: StopState
    server_instance_id: str
    proven_uptime: _duration_pb2.Duration
    sent_uptime: _duration_pb2.Duration
    lease: _duration_pb2.Duration
    draining: bool
    gate_level: int
    event_head: EventHead
    def __init__(self, state: _Optional[_Union[StopState, _Mapping]] = ..., server_instance_id: _Optional[str] = ..., proven_uptime: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., sent_uptime: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., lease: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., draining: _Optional[bool] = ..., gate_level: _Optional[int] = ..., event_head: _Optional[_Union[EventHead, _Mapping]] = ...) -> None: ...

class EventHead(_message.Message):
    __slots__ = ("sequence", "hash")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    hash: bytes
    def __init__(self, sequence: _Optional[int] = ..., hash: _Optional[bytes] = ...) -> None: ...

class Acknowledgement(_message.Message):
    __slots__ = ("subscriber_id", "session_id", "revision", "apply_duration")
    SUBSCRIBER_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    APPLY_DURATION_FIELD_NUMBER: _ClassVar[int]
    subscriber_id: str
    session_id: str
    revision: int
    apply_duration: _duration_pb2.Duration
    def __init__(self, subscriber_id: _Optional[str] = ..., session_id: _Optional[str] = ..., revision: _Optional[int] = ..., apply_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class AcknowledgeStateRequest(_message.Message):
    __slots__ = ("store_id", "acknowledgements")
    STORE_ID_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGEMENTS_FIELD_NUMBER: _ClassVar[int]
    store_id: str
    acknowledgements: _containers.RepeatedCompositeFieldContainer[Acknowledgement]
    def __init__(self, store_id: _Optional[str] = ..., acknowledgements: _Optional[_Iterable[_Union[Acknowledgement, _Mapping]]] = ...) -> None: ...

class AcknowledgeStateResponse(_message.Message):
    __slots__ = ("server_instance_id", "sent_uptime")
    SERVER_INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    SENT_UPTIME_FIELD_NUMBER: _ClassVar[int]
    server_instance_id: str
    sent_uptime: _duration_pb2.Duration
    def __init__(self, server_instance_id: _Optional[str] = ..., sent_uptime: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Subscriber(_message.Message):
    __slots__ = ("subscriber_id", "session_id", "status", "expected", "actor", "revision", "confirm_duration", "connect_time", "last_seen_time", "scopes", "client_version")
    SUBSCRIBER_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CONFIRM_DURATION_FIELD_NUMBER: _ClassVar[int]
    CONNECT_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_TIME_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    CLIENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    subscriber_id: str
    session_id: str
    status: SubscriberStatus
    expected: bool
    actor: Actor
    revision: int
    confirm_duration: _duration_pb2.Duration
    connect_time: _timestamp_pb2.Timestamp
    last_seen_time: _timestamp_pb2.Timestamp
    scopes: _containers.RepeatedScalarFieldContainer[str]
    client_version: str
    def __init__(self, subscriber_id: _Optional[str] = ..., session_id: _Optional[str] = ..., status: _Optional[_Union[SubscriberStatus, str]] = ..., expected: _Optional[bool] = ..., actor: _Optional[_Union[Actor, _Mapping]] = ..., revision: _Optional[int] = ..., confirm_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., connect_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_seen_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., scopes: _Optional[_Iterable[str]] = ..., client_version: _Optional[str] = ...) -> None: ...

class ListSubscribersRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "unconfirmed_only")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    UNCONFIRMED_ONLY_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    unconfirmed_only: bool
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., unconfirmed_only: _Optional[bool] = ...) -> None: ...

class ListSubscribersResponse(_message.Message):
    __slots__ = ("subscribers", "next_page_token", "enforcement")
    SUBSCRIBERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ENFORCEMENT_FIELD_NUMBER: _ClassVar[int]
    subscribers: _containers.RepeatedCompositeFieldContainer[Subscriber]
    next_page_token: str
    enforcement: Enforcement
    def __init__(self, subscribers: _Optional[_Iterable[_Union[Subscriber, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., enforcement: _Optional[_Union[Enforcement, _Mapping]] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("sequence", "event_time", "kind", "stop_id", "scope", "revision", "actor", "summary", "details", "record", "previous_hash", "hash")
    class DetailsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    EVENT_TIME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STOP_ID_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_HASH_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    event_time: _timestamp_pb2.Timestamp
    kind: str
    stop_id: str
    scope: str
    revision: int
    actor: Actor
    summary: str
    details: _containers.ScalarMap[str, str]
    record: bytes
    previous_hash: bytes
    hash: bytes
    def __init__(self, sequence: _Optional[int] = ..., event_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., kind: _Optional[str] = ..., stop_id: _Optional[str] = ..., scope: _Optional[str] = ..., revision: _Optional[int] = ..., actor: _Optional[_Union[Actor, _Mapping]] = ..., summary: _Optional[str] = ..., details: _Optional[_Mapping[str, str]] = ..., record: _Optional[bytes] = ..., previous_hash: _Optional[bytes] = ..., hash: _Optional[bytes] = ...) -> None: ...

class ListEventsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "stop_id", "kind", "oldest_first", "after_sequence")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STOP_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    OLDEST_FIRST_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    stop_id: str
    kind: str
    oldest_first: bool
    after_sequence: int
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., stop_id: _Optional[str] = ..., kind: _Optional[str] = ..., oldest_first: _Optional[bool] = ..., after_sequence: _Optional[int] = ...) -> None: ...

class ListEventsResponse(_message.Message):
    __slots__ = ("events", "next_page_token")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[Event]
    next_page_token: str
    def __init__(self, events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
