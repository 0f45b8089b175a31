"""Compare three facets of Terraform resources: which differ, where, and what that means (rules T01 to T17)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from graph.document import ABSENT, Json, Object, get, pointer, put, tokens
from graph.finding import Finding, NotComparable, Severity, Verdict
from graph.kinds.lenient import mapping, strings, text
from graph.kinds.terraform.address import module_of
from graph.kinds.terraform.document import stack_of
from graph.kinds.terraform.plan import is_nothing as is_zero
from graph.kinds.terraform.sensitive import is_masked
from graph.kinds.terraform.three import Difference, Three, path_of
from graph.kinds.terraform.tolerance import Surroundings, is_made_by_cloud, surroundings, tolerated
from graph.kinds.terraform.walk import differences
from graph.resource import Platform, Resource
from graph.version import Document

_TOLERATED = frozenset(
    {
        Verdict.REPRESENTATION_ONLY,
        Verdict.EXPECTED_MUTATION,
        Verdict.CONVERGED_BY_HAND,
        Verdict.UNDECLARED_ADDITION,
    }
)


_NOT_LIVE = frozenset(
    {
        "allow_overwrite",
        "apply_immediately",
        "bucket_prefix",
        "bypass_policy_lockout_safety_check",
        "deletion_window_in_days",
        "delete_automated_backups",
        "filename",
        "final_snapshot_identifier",
        "force_delete",
        "force_destroy",
        "force_detach_policies",
        "force_overwrite_replica_secret",
        "identifier_prefix",
        "name_prefix",
        "publish",
        "recovery_window_in_days",
        "revoke_rules_on_delete",
        "skip_destroy",
        "skip_final_snapshot",
        "tags_all",
        "timeouts",
        "user_data_replace_on_change",
        "wait_for_capacity_timeout",
        "wait_for_fulfillment",
        "wait_for_steady_state",
    }
)
"""Attributes that say how Terraform works, or repeat others; the cloud holds nothing of the kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facets:
    """The documents of one stack by uid; None for a facet of which nothing is known."""

    intended: Mapping[str, Document] | None
    applied: Mapping[str, Document] | None
    actual: Mapping[str, Document] | None


def compare(
    *, intended: Sequence[Document], applied: Sequence[Document], actual: Sequence[Document]
) -> tuple[list[Finding], list[Finding], list[NotComparable]]:
    """Compare the facets of Terraform resources; documents of other platforms are ignored.

    A facet without any document of a stack counts as unknown for that stack, not as empty. Without an intended facet
    the applied one stands for it, and the other way round; then removed attributes can't be told from ones that were
    never declared.

    Returns:
        (findings, tolerated, not comparable): live drift; differences that are none; what no claim can be made about.
        Paths point into the bodies and go on into JSON texts, e.g. `/values/policy/Statement/1/Action/0`.
    """
    facets = [_by_stack(documents) for documents in (intended, applied, actual)]
    findings: list[Finding] = []
    mild: list[Finding] = []
    unclear: list[NotComparable] = []
    for stack in sorted({stack for facet in facets for stack in facet}):
        known = _Facets(
            intended=facets[0].get(stack),
            applied=_renamed(facets[1].get(stack), facets[0].get(stack)),
            actual=_renamed(facets[2].get(stack), facets[0].get(stack)),
        )
        for finding in _stack(known, unclear):
            (mild if finding.verdict in _TOLERATED else findings).append(finding)
    return findings, mild, unclear


def _by_stack(documents: Iterable[Document]) -> dict[str, dict[str, Document]]:
    stacks: dict[str, dict[str, Document]] = {}
    for document in documents:
        if document.resource.platform is Platform.TERRAFORM and not document.body.get("deposed"):
            stacks.setdefault(stack_of(document), {})[document.resource.uid] = document
    return stacks


def _renamed(facet: dict[str, Document] | None, intended: dict[str, Document] | None) -> dict[str, Document] | None:
    """Bring resources that only moved under their new address (T10)."""
    if not facet or not intended:
        return facet
    renamed = dict(facet)
    for uid, document in intended.items():
        before = text(document.body, "previous_address")
        old = uid.removesuffix(document.body["address"]) + before
        if before and uid not in renamed and old in renamed and old not in intended:
            renamed[uid] = renamed.pop(old)
    return renamed


def _stack(known: _Facets, unclear: list[NotComparable]) -> Iterable[Finding]:
    everything = [d for facet in (known.intended, known.applied, known.actual) if facet for d in facet.values()]
    around, identities = surroundings(everything), _identities(everything)
    for uid in sorted({d.resource.uid for d in everything}):
        documents = [
            facet.get(uid) if facet is not None else None for facet in (known.intended, known.applied, known.actual)
        ]
        resource = next((d.resource for d in documents if d), None)
        if resource is None:
            # The old address of a resource that moved.
            continue
        if documents[2] is not None and documents[2].body.get("undeclared"):
            # It was held against all states of its account, in whichever stack they are.
            bodies = Three(ABSENT, ABSENT, documents[2].body["values"])
            rule = is_made_by_cloud(documents[2].body)
            yield _whole(resource, bodies, Verdict.EXPECTED_MUTATION if rule else Verdict.UNMANAGED, rule=rule)
        elif known.intended is None and known.applied is None:
            unclear.append(_unclear(resource, "nothing says what is declared or applied in its stack"))
        elif known.actual is None and not _is_planned(documents[0], ["create"]):
            unclear.append(_unclear(resource, "its actual state was not read"))
            yield from _without_actual(resource, *documents[:2], identities=identities)
        else:
            yield from _presence(resource, known, documents, around, identities, unclear)


def _identities(documents: Iterable[Document]) -> dict[str, str]:
    """Map ARN and id of each resource to its uid; an id that two resources share identifies none."""
    found: dict[str, str] = {}
    for document in documents:
        for attribute in ("arn", "id", "key_id"):
            value = text(document.body, "values", attribute)
            if value and len(value) > 3:
                found[value] = (
                    document.resource.uid if found.get(value, document.resource.uid) == document.resource.uid else value
                )
    return found


def _without_actual(
    resource: Resource, intended: Document | None, applied: Document | None, *, identities: Mapping[str, str]
) -> Iterable[Finding]:
    """What was declared but not applied can be said without a look at what runs."""
    if intended is None or applied is None:
        return
    for found in _differences(intended.body, applied.body, applied.body, identities):
        yield _finding(resource, found, found.verdict, found.rule, note="actual state not read")


def _presence(
    resource: Resource,
    known: _Facets,
    documents: Sequence[Document | None],
    around: Surroundings,
    identities: Mapping[str, str],
    unclear: list[NotComparable],
) -> Iterable[Finding]:
    """Decide from which facets hold the resource at all; only where the live one is declared are fields compared."""
    intended, applied, actual = documents
    # A plan for an empty state, or one that destroys everything, leaves a facet empty on purpose, and says so.
    if known.intended is None and not _is_planned(applied, ["delete"]):
        intended = applied
    if known.applied is None and not _is_planned(intended, ["create"]):
        applied = intended
    note = "baseline: assumed" if known.applied is None else ""
    if intended is None and applied is not None and _is_of_unread_module(applied, known.intended):
        unclear.append(_unclear(resource, "nothing that is declared in its module was read"))
        intended = applied
    bodies = Three(*(d.body["values"] if d else ABSENT for d in (intended, applied, actual)))
    if actual is None:
        if intended is not None:
            gone = Verdict.DELETED_OUT_OF_BAND if applied is not None else Verdict.NEVER_APPLIED
            yield _whole(resource, bodies, gone, note=note)
    elif intended is None and applied is not None:
        yield _whole(resource, bodies, Verdict.PRUNE_PENDING)
    elif intended is None:
        rule = is_made_by_cloud(actual.body)
        yield _whole(resource, bodies, Verdict.EXPECTED_MUTATION if rule else Verdict.UNMANAGED, rule=rule)
    else:
        # Declared and live, but in no state: it exists outside of Terraform's knowledge, or the state was lost.
        baseline, note = (applied, note) if applied else (intended, "not in the state; baseline: assumed")
        yield from _fields(resource, (intended, baseline, actual), around, identities, unclear, note)


def _is_of_unread_module(applied: Document, intended: Mapping[str, Document] | None) -> bool:
    """Whether a resource of the state belongs to a module of which no declaration was read, such as a remote one."""
    module = module_of(text(applied.body, "address"))
    if not module or not intended or "delete" in strings(applied.body.get("planned")):
        return False
    return not any(module_of(text(d.body, "address")) == module for d in intended.values())


def _is_planned(document: Document | None, actions: list[str]) -> bool:
    return document is not None and document.body.get("planned") == actions


def _fields(
    resource: Resource,
    documents: tuple[Document, Document, Document],
    around: Surroundings,
    identities: Mapping[str, str],
    unclear: list[NotComparable],
    note: str,
) -> Iterable[Finding]:
    intended, applied, actual = (d.body for d in documents)
    unknown = strings(intended.get("unknown"))
    if unknown:
        unclear.append(_unclear(resource, f"intended value not known: {', '.join(unknown)}"))
    blind = [name for name in _unseen(applied, actual) if name not in _NOT_LIVE]
    if blind:
        unclear.append(_unclear(resource, f"attributes that were not read: {', '.join(blind)}"))
    for found in _differences(intended, applied, actual, identities):
        if _is_masked_once(found.values):
            unclear.append(_unclear(resource, f"{path_of(found.way)} is sensitive and masked in one facet only"))
            continue
        mild = tolerated(found, intended, actual, around)
        verdict, rule = mild or (found.verdict, found.rule)
        yield _finding(resource, found, verdict, rule, note=note)


def _differences(
    intended: Object, applied: Object, actual: Object, identities: Mapping[str, str]
) -> Iterable[Difference]:
    """Compare attribute by attribute. One that the intended facet leaves out, or can't know yet, is not declared."""
    baseline = mapping(applied, "values") if applied is not intended else mapping(actual, "values")
    declared = _with_unknown_from(intended, baseline)
    recorded = mapping(applied, "values") if applied is not intended else declared
    values = Three(declared, recorded, mapping(actual, "values"))
    unseen = _unseen(applied, actual)
    for attribute in values.members():
        if attribute in unseen:
            continue
        three = values.get(attribute)
        if three.intended is ABSENT:
            three = three._replace(intended=three.applied)
        if three.applied is ABSENT and three.intended is ABSENT:
            # Nobody declared it and no state holds it: a newer provider, or another source, shows more attributes.
            if not is_zero(three.actual):
                yield Difference(
                    way=(attribute,),
                    actual_way=(attribute,),
                    values=three,
                    verdict=Verdict.UNDECLARED_ADDITION,
                    rule="T02",
                )
            continue
        yield from differences(attribute, three, identities)


def _unseen(applied: Object, actual: Object) -> list[str]:
    """Return the attributes that hold a value in the state and that the live reading did not look at."""
    if not actual.get("partial"):
        return []
    seen = mapping(actual, "values")
    return [name for name, value in mapping(applied, "values").items() if name not in seen and not is_zero(value)]


def _with_unknown_from(intended: Object, baseline: Object) -> Object:
    """Return the intended attributes with every value that is not known yet taken from a baseline (T03)."""
    values: Json = mapping(intended, "values")
    for path in strings(intended.get("unknown")):
        inner = path.removeprefix("/values")
        attribute = pointer(*tokens(inner)[:1])
        if get(values, attribute) is ABSENT:
            # An expression with an unknown part is unknown as a whole.
            values = put(values, attribute, get(baseline, attribute))
            continue
        try:
            values = put(values, inner, get(baseline, inner))
        except (KeyError, ValueError):
            # The baseline has another shape there; then nothing is claimed of the whole attribute.
            values = put(values, attribute, get(baseline, attribute))
    return values if isinstance(values, dict) else {}


def _is_masked_once(values: Three) -> bool:
    """Whether a hash stands against a plain text: no claim can be made, as the plain one was never hashed."""
    known = [v for v in values if v is not ABSENT and v is not None]
    return any(map(is_masked, known)) and not all(map(is_masked, known)) and len(known) > 1


def _whole(resource: Resource, bodies: Three, verdict: Verdict, *, rule: str = "", note: str = "") -> Finding:
    return Finding(
        resource=resource,
        path="",
        verdict=verdict,
        intended=_body(bodies.intended),
        applied=_body(bodies.applied),
        actual=_body(bodies.actual),
        rule=rule,
        note=note,
    )


def _body(values: Json) -> Json:
    return ABSENT if values is ABSENT else {"values": values}


def _finding(resource: Resource, found: Difference, verdict: Verdict, rule: str, *, note: str = "") -> Finding:
    path, actual_path = path_of(found.way), path_of(found.actual_way)
    return Finding(
        resource=resource,
        path=path,
        verdict=verdict,
        intended=found.values.intended,
        applied=found.values.applied,
        actual=found.values.actual,
        rule=rule,
        severity=Severity.COSMETIC if found.way[-1] in ("Sid", "description") else Severity.NORMAL,
        # What is not there has no place of its own in the live resource.
        actual_path=actual_path if actual_path != path and found.values.actual is not ABSENT else "",
        note="; ".join(part for part in (note, found.note) if part),
    )


def _unclear(resource: Resource, reason: str) -> NotComparable:
    return NotComparable(resource=resource.display, reason=reason, uid=resource.uid)
