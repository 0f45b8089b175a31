"""Tables. A row is a plain record of what is stored; repositories turn rows into domain types."""

from app.store.rows.audit import AuditEntryRow, AuditHeadRow
from app.store.rows.drift import DriftEventRow, LeaseRow, OpenDriftRow
from app.store.rows.graph import (
    BlobRow,
    BodyRow,
    ChangeRow,
    EnvironmentRow,
    FactRow,
    ReadingRow,
    SourceRow,
    SymptomRow,
    VersionRow,
)
from app.store.rows.inbox import DeliveryRow
from app.store.rows.incidents import AlertRow, DiagnosisRow, IncidentRow
from app.store.rows.jobs import JobRow
from app.store.rows.memories import MemoryRow, MemoryUseRow
from app.store.rows.proposals import ApprovalRow, ExecutionRow, NoteRow, ProposalRow
from app.store.rows.triage import FiringRow, TriageRow
from app.store.rows.users import CodeRow, SessionRow, TokenRow, UserRow

__all__ = [
    "AlertRow",
    "ApprovalRow",
    "AuditEntryRow",
    "AuditHeadRow",
    "BlobRow",
    "BodyRow",
    "ChangeRow",
    "CodeRow",
    "DeliveryRow",
    "DiagnosisRow",
    "DriftEventRow",
    "EnvironmentRow",
    "ExecutionRow",
    "FactRow",
    "FiringRow",
    "IncidentRow",
    "JobRow",
    "LeaseRow",
    "MemoryRow",
    "MemoryUseRow",
    "NoteRow",
    "OpenDriftRow",
    "ProposalRow",
    "ReadingRow",
    "SessionRow",
    "SourceRow",
    "SymptomRow",
    "TokenRow",
    "TriageRow",
    "UserRow",
    "VersionRow",
]
