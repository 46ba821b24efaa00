import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ExecutionType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXECUTION_TYPE_UNSPECIFIED: _ClassVar[ExecutionType]
    EXECUTION_TYPE_NEW: _ClassVar[ExecutionType]
    EXECUTION_TYPE_TRADE: _ClassVar[ExecutionType]
    EXECUTION_TYPE_CANCELED: _ClassVar[ExecutionType]
    EXECUTION_TYPE_REJECTED: _ClassVar[ExecutionType]
    EXECUTION_TYPE_FAILED: _ClassVar[ExecutionType]
    EXECUTION_TYPE_EXPIRED: _ClassVar[ExecutionType]

class Side(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SIDE_UNSPECIFIED: _ClassVar[Side]
    SIDE_BUY: _ClassVar[Side]
    SIDE_SELL: _ClassVar[Side]

class HealthStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HEALTH_STATUS_UNSPECIFIED: _ClassVar[HealthStatus]
    HEALTH_STATUS_HEALTHY: _ClassVar[HealthStatus]
    HEALTH_STATUS_DEGRADED: _ClassVar[HealthStatus]
    HEALTH_STATUS_CRITICAL: _ClassVar[HealthStatus]
EXECUTION_TYPE_UNSPECIFIED: ExecutionType
EXECUTION_TYPE_NEW: ExecutionType
EXECUTION_TYPE_TRADE: ExecutionType
EXECUTION_TYPE_CANCELED: ExecutionType
EXECUTION_TYPE_REJECTED: ExecutionType
EXECUTION_TYPE_FAILED: ExecutionType
EXECUTION_TYPE_EXPIRED: ExecutionType
SIDE_UNSPECIFIED: Side
SIDE_BUY: Side
SIDE_SELL: Side
HEALTH_STATUS_UNSPECIFIED: HealthStatus
HEALTH_STATUS_HEALTHY: HealthStatus
HEALTH_STATUS_DEGRADED: HealthStatus
HEALTH_STATUS_CRITICAL: HealthStatus

class Equity(_message.Message):
    __slots__ = ("account", "amount", "currency")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    account: str
    amount: str
    currency: str
    def __init__(self, account: _Optional[str] = ..., amount: _Optional[str] = ..., currency: _Optional[str] = ...) -> None: ...

class CashFlow(_message.Message):
    __slots__ = ("account", "amount", "currency")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    account: str
    amount: str
    currency: str
    def __init__(self, account: _Optional[str] = ..., amount: _Optional[str] = ..., currency: _Optional[str] = ...) -> None: ...

class Execution(_message.Message):
    __slots__ = ("account", "symbol", "execution_type", "side", "client_order_id", "quantity", "price", "expected_price", "stop_loss", "strategy", "detail", "reduce_only")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_TYPE_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_PRICE_FIELD_NUMBER: _ClassVar[int]
    STOP_LOSS_FIELD_NUMBER: _ClassVar[int]
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    REDUCE_ONLY_FIELD_NUMBER: _ClassVar[int]
    account: str
    symbol: str
    execution_type: ExecutionType
    side: Side
    client_order_id: str
    quantity: str
    price: str
    expected_price: str
    stop_loss: bool
    strategy: str
    detail: str
    reduce_only: bool
    def __init__(self, account: _Optional[str] = ..., symbol: _Optional[str] = ..., execution_type: _Optional[_Union[ExecutionType, str]] = ..., side: _Optional[_Union[Side, str]] = ..., client_order_id: _Optional[str] = ..., quantity: _Optional[str] = ..., price: _Optional[str] = ..., expected_price: _Optional[str] = ..., stop_loss: _Optional[bool] = ..., strategy: _Optional[str] = ..., detail: _Optional[str] = ..., reduce_only: _Optional[bool] = ...) -> None: ...

class Health(_message.Message):
    __slots__ = ("component", "status", "detail")
    COMPONENT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    component: str
    status: HealthStatus
    detail: str
    def __init__(self, component: _Optional[str] = ..., status: _Optional[_Union[HealthStatus, str]] = ..., detail: _Optional[str] = ...) -> None: ...

class Feed(_message.Message):
    __slots__ = ("feed", "symbol", "bid", "ask", "last", "sequence", "corrupt", "detail")
    FEED_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    BID_FIELD_NUMBER: _ClassVar[int]
    ASK_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    CORRUPT_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    feed: str
    symbol: str
    bid: str
    ask: str
    last: str
    sequence: int
    corrupt: bool
    detail: str
    def __init__(self, feed: _Optional[str] = ..., symbol: _Optional[str] = ..., bid: _Optional[str] = ..., ask: _Optional[str] = ..., last: _Optional[str] = ..., sequence: _Optional[int] = ..., corrupt: _Optional[bool] = ..., detail: _Optional[str] = ...) -> None: ...

class Observation(_message.Message):
    __slots__ = ("observe_time", "observation_id", "equity", "cash_flow", "execution", "health", "feed")
    OBSERVE_TIME_FIELD_NUMBER: _ClassVar[int]
    OBSERVATION_ID_FIELD_NUMBER: _ClassVar[int]
    EQUITY_FIELD_NUMBER: _ClassVar[int]
    CASH_FLOW_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    FEED_FIELD_NUMBER: _ClassVar[int]
    observe_time: _timestamp_pb2.Timestamp
    observation_id: str
    equity: Equity
    cash_flow: CashFlow
    execution: Execution
    health: Health
    feed: Feed
    def __init__(self, observe_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., observation_id: _Optional[str] = ..., equity: _Optional[_Union[Equity, _Mapping]] = ..., cash_flow: _Optional[_Union[CashFlow, _Mapping]] = ..., execution: _Optional[_Union[Execution, _Mapping]] = ..., health: _Optional[_Union[Health, _Mapping]] = ..., feed: _Optional[_Union[Feed, _Mapping]] = ...) -> None: ...

class ReportRequest(_message.Message):
    __slots__ = ("observations", "source", "dropped")
    OBSERVATIONS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    observations: _containers.RepeatedCompositeFieldContainer[Observation]
    source: str
    dropped: int
    def __init__(self, observations: _Optional[_Iterable[_Union[Observation, _Mapping]]] = ..., source: _Optional[str] = ..., dropped: _Optional[int] = ...) -> None: ...

class Rejection(_message.Message):
    __slots__ = ("index", "reason", "detail")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    index: int
    reason: str
    detail: str
    def __init__(self, index: _Optional[int] = ..., reason: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...

class ReportResponse(_message.Message):
    __slots__ = ("accepted", "rejections")
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    REJECTIONS_FIELD_NUMBER: _ClassVar[int]
    accepted: int
    rejections: _containers.RepeatedCompositeFieldContainer[Rejection]
    def __init__(self, accepted: _Optional[int] = ..., rejections: _Optional[_Iterable[_Union[Rejection, _Mapping]]] = ...) -> None: ...
