"""What can only be seen in how lines stand to each other: loops around calls, containers that only grow, flips."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from graph.diagnosis.code.effect import Effect
from graph.diagnosis.code.patch import Line, Patch

_LOOP = re.compile(
    r"^\s*(for|foreach|while|async for|loop)\b|\.(forEach|map|flatMap|each|iter|for_each)\b.*(=>|\{|\|"
    r"|do\b|->|async)|\bfor \w+ in\b"
)
_REMOTE = re.compile(
    r"\bawait\b|\.await\b|\bfetch\(|\(\s*(ctx|context|r\.Context\(\)|c\.Request)\b|\bctx,|\b(requests"
    r"|axios|httpx|urllib|grpc)\.\w+|\bhttp\.(get|post|put|patch|delete|head|request|newrequest\w*|fetch)\("
    r"|\b\w*(db|repo|repository|dao|client|api|store|session|conn|cursor|gateway|stub|rpc|redis|cache"
    r"|queue|producer|tx|s3|svc|service)\w*"
    r"(\.|->|::)\w+\(|\.(query|execute|exec|findBy\w*|find_by|findOne|findUnique|find_one|get_or"
    r"|fetch_one|lookup|invoke|send|publish)\w*\(",
    re.IGNORECASE,
)
_HELD = re.compile(
    r"^(?:(?:export|pub|public|private|protected|static|final|var|let|const|lazy_static!?|val)\s+)*"
    r"(?:[\w<>\[\], .*?]+\s)?(?P<name>\w+)\s*(?::[^=]+?)?\s*:?=?\s*(?:=\s*)?"
    r"(?:\[\]\w*|\[\]|\{\}|\bdict\(|\blist\(|\bset\(|defaultdict\(|deque\(\)|map\[|make\(map"
    r"|new (?:Map|Set|Array|\w*Map|\w*List|\w*Queue|\w*Set)\b"
    r"|(?:Mutex|RwLock)::new\(|Vec::new|HashMap::new|vec!\[\]|mutableListOf|mutableMapOf"
    r"|ConcurrentHashMap|Hash\.new|sync\.Map)"
)
_MEMBER = re.compile(r"\b(?:self|this|cls)\.(?P<name>\w+)|(?<![\w@])@{1,2}(?P<ivar>[a-z_]\w*)\s*(?:\[|<<)")
_STATIC = re.compile(r"\bstatic\b|^\S|\bprivate\b|\bglobal\b|^\s*(self|this)\.|@@?\w+\s*\|\|?=")
_KEEPS = re.compile(
    r"append\(|\.push\w*\(|\.add\w*\(|\.put\w*\(|\.set\(|\.insert\(|\.offer\(|\.Store\(|<<\s"
    r"|\[[^\]]+\]\s*\+?=(?!=)|\.extend\("
)
_BOUND = re.compile(
    r"lru|evict|max_?(size|entries|len)|capacity|limit|bounded|\bttl|expire|\bring|trim|maxlen"
    r"|\.delete\(|\.remove\(|\.pop|\.clear\(|weak"
    r"|\.shift\(|\[-?\w+:\]|drain",
    re.IGNORECASE,
)
_NESTED = re.compile(
    r"\((?:[^()\\]|\\.)*[+*](?:[^()\\]|\\.)*\)[+*{]|\((?:[^()\\]|\\.)*\{\d+,\}?(?:[^()\\]|\\.)*\)[+*{]|(\.\*.*){3,}"
)
_CLASS = re.compile(r"(\\[wdsWDSh]|\\[pP]\{\^?\w+\}|\]|\.|\w)[+*{]")
"""What repeats within a repeated group: a class of characters; else it is arithmetic."""
_WORD = re.compile(r"[A-Za-z_]\w{3,}")
_BOOL = re.compile(r"\b(true|false)\b", re.IGNORECASE)


def shaped(patch: Patch) -> Iterator[Effect]:
    """Yield the effects that the lines of a patch show together."""
    before, after = patch.side("-"), patch.side("+")
    singly = {name.lower() for name in re.findall(r"\.(\w+)\(", patch.gained)}
    bulk = {
        name.lower() for name in re.findall(r"\.(\w+?)_?(?:all|many|bulk|batch|multi)\(", patch.lost, re.IGNORECASE)
    }
    if singly & bulk:
        yield Effect.CALLS_IN_LOOP
    lost, gained = (sum(map(bool, map(_REMOTE.search, lines))) for lines in (patch.removed, patch.added))
    if _calls_in_loops(after) > _calls_in_loops(before) and gained >= lost:
        # Several calls that became one in a loop were only written shorter.
        yield Effect.CALLS_IN_LOOP
    elif gained > lost and _lines_that_call(patch.added) > _lines_that_call(patch.removed):
        yield Effect.CALLS_MORE
    if _looks_through(patch) or _nests(patch):
        yield Effect.COSTS_MORE
    yield from _made_each_time(patch)
    if _leaves_out(patch):
        yield Effect.LEAVES_OUT
    if _shared_now(patch):
        yield Effect.DROPS_LOCK
    if _frozen(patch):
        yield Effect.FREEZES
    if _grows(patch):
        yield Effect.GROWS_WITHOUT_BOUND
    if _shares(patch):
        yield Effect.DROPS_LOCK
    if _backtracks(patch, "+") > _backtracks(patch, "-"):
        yield Effect.BACKTRACKS
    if _ends_elsewhere(patch):
        yield Effect.ENDS_LOOP_ELSEWHERE
    if _reorders(patch):
        yield Effect.REORDERS
    if _removes(patch):
        yield Effect.REMOVES
    if _flips(patch):
        yield Effect.FLIPS_SWITCH


def _calls_in_loops(lines: Sequence[Line]) -> int:
    """How many lines make a remote call within a loop; a loop ends where the indent goes back."""
    count = 0
    depth: int | None = None
    for line in lines:
        if depth is not None and line.indent <= depth and not line.text.lstrip().startswith(("}", ")", "]")):
            depth = None
        if depth is not None and _REMOTE.search(line.text):
            count += 1
        if depth is None and (loop := _LOOP.search(line.text)):
            depth = line.indent
            # In `out = [call(x) for x in xs]` and `xs.map(x => call(x))` the body stands on the line of the loop.
            is_whole = "(" in line.text and not line.text.rstrip().endswith(("{", ":", "do", "|", "=>", "("))
            body = line.text[: loop.start()] if re.match(r"for \w+ in", loop[0]) else line.text[loop.end() :]
            if is_whole and re.search(r"\w+\(", body) and _REMOTE.search(body):
                count += 1
    return count


def _lines_that_call(lines: Sequence[str]) -> int:
    return sum(bool(re.search(r"\w\(", line)) for line in lines)


def _looks_through(patch: Patch) -> bool:
    """What was looked up in a set or a map is looked for in a list."""
    lost = {m["name"] for line in patch.removed if (m := _HASHED.search(line))}
    gained = {m["name"] for line in patch.added if (m := _LISTED.search(line))}
    after = "\n".join(line.text for line in patch.side("+"))
    return any(
        re.search(rf"\bin {name}\b|\b{name}\.(includes|contains|index_?of|find|some)\b", after, re.IGNORECASE)
        for name in lost & gained
    )


_HASHED = re.compile(
    r"(?P<name>\w+)\s*:?=\s*(?:\{|set\(|frozenset\(|dict\(|new (?:Set|Map|Hash\w+)|.*\.(?:toSet|to_set|toMap)\()"
)
_LISTED = re.compile(r"(?P<name>\w+)\s*:?=\s*(?:\[|list\(|new (?:Array\w*|\w*List)|.*\.(?:toList|to_a|map)\b)")


_HEAVY = re.compile(
    r"\b(open|\w*load\w*|\w*compile|connect\w*|create\w*|read\w*|parse\w*|build\w*|\w*client|new\w+)\(", re.IGNORECASE
)
_ONCE = re.compile(r"^\S.*[=(]|^\s*(?:private |public )*static\b|\bonce\b|\blazy\b")


_NESTS = re.compile(
    r"\bfor\b.*\bin\b.*\bfor\b.*\bin\b|\.(map|filter|forEach|flatMap|each)\(.*\.(find|filter|some|includes"
    r"|index_?of|any)\w*\("
)


def _nests(patch: Patch) -> bool:
    """For each of one list, another one is gone through."""
    return sum(map(bool, map(_NESTS.search, patch.added))) > sum(map(bool, map(_NESTS.search, patch.removed)))


def _leaves_out(patch: Patch) -> bool:
    """A call is the same but for arguments that are gone."""
    for old, new in patch.pairs():
        before, after = (re.findall(r"\w+", line) for line in (old, new))
        if "(" in new and before[:1] == after[:1] and set(after) < set(before):
            return True
    return False


_MADE = re.compile(r"\bnew (\w+)\(|(?<![=:])= ?(\w+)\(\)")
_CAPTURED = re.compile(r"^\s*(?:const |let )?(\w+) :?= \1;?$")


def _shared_now(patch: Patch) -> bool:
    """What each call, or each turn of a loop, had for itself is one for all of them."""
    each = {
        a or b
        for line in patch.removed
        if line[:1].isspace() and not _STATIC.search(line)
        for a, b in _MADE.findall(line)
    }
    shared = {a or b for line in patch.added if re.search(r"\bstatic\b|^\S.*=", line) for a, b in _MADE.findall(line)}
    return bool(each & shared - {""}) or any(map(_CAPTURED.match, patch.removed))


_MOMENT = r"(?:now|utcnow|today|time|uuid\w*|random\w*|getenv|clock)\w*\("
_FROZEN = re.compile(
    rf"\bdef .*=\s*[\w.]*\b{_MOMENT}|^(?:export |const |let |var |static |private "
    rf"|final )*[\w. ]+:?=\s*[\w.]*\b{_MOMENT}"
)


def _frozen(patch: Patch) -> bool:
    """A default of a parameter, or a value of the module, is taken once, when it is loaded."""
    return any(map(_FROZEN.search, patch.added)) and not any(map(_FROZEN.search, patch.removed))


def _made_each_time(patch: Patch) -> Iterator[Effect]:
    """What was loaded or made once, when the module was, is now made within a function."""
    once = {name.lower() for line in patch.removed if _ONCE.search(line) for name in _HEAVY.findall(line)}
    each = {name.lower() for line in patch.added if line[:1].isspace() for name in _HEAVY.findall(line)}
    still = {name.lower() for line in patch.added if _ONCE.search(line) for name in _HEAVY.findall(line)}
    again = (once & each) - still
    if any(re.search("client|connect|pool|engine|session|channel", name) for name in again):
        yield Effect.RECONNECTS
    elif again:
        yield Effect.COSTS_MORE


def _grows(patch: Patch) -> bool:
    """Something that outlives a request is added to, and nothing in the patch bounds it."""
    if _BOUND.search(patch.gained):
        return False
    held = {m["name"] for line in patch.added if _STATIC.search(line) and (m := _HELD.match(line.strip()))}
    held |= {m["name"] or m["ivar"] for line in patch.added if (m := _MEMBER.search(line))}
    kept = "\n".join(line for line in patch.added if _KEEPS.search(line))
    return any(re.search(rf"\b{re.escape(name)}\b", kept) for name in held if name)


_INTO_MAP = re.compile(r"^\s*\w+\.\w+\[[^\]]+\]\s*\+?=(?!=)")
_GUARDS = re.compile(r"lock\(|mutex|sync\.map|atomic|once\.do", re.IGNORECASE)


def _shares(patch: Patch) -> bool:
    """A map of an object is written to, and nothing in sight guards it: https://go.dev/doc/faq#atomic_maps"""
    mine = [line for line in patch.lines if line.sign == "+" and line.is_code and line.file.endswith(".go")]
    is_guarded = any(_GUARDS.search(line.text) for line in patch.side("+"))
    return not is_guarded and any(_INTO_MAP.search(line.text) for line in mine)


def _backtracks(patch: Patch, sign: str) -> int:
    mine = (n for n in patch.lines if n.sign == sign and n.is_code and not n.file.endswith(_LINEAR))
    return sum(1 for line in mine if any(_CLASS.search(found[0]) for found in _NESTED.finditer(line.text)))


_LINEAR = (".go", ".rs")
"""Languages whose regular expressions take linear time: https://pkg.go.dev/regexp, https://docs.rs/regex"""


_COUNTED = re.compile(r"\bwhile\b\s*(?P<until>[^{:]+)|\bfor\b\s*\(?[^;]*;(?P<bound>[^;]+);(?P<step>[^{)]*)")


def _ends_elsewhere(patch: Patch) -> bool:
    """A loop with a condition had another condition or step before; what is only called otherwise is the same."""
    old, new = (
        [tuple(re.sub(r"\w+|\s", _number, part or "") for part in found.groups()) for found in _loops(lines)]
        for lines in (patch.removed, patch.added)
    )
    return bool(old) and bool(new) and sorted(old) != sorted(new)


def _loops(lines: Sequence[str]) -> Iterator[re.Match[str]]:
    return (found for line in lines if (found := _COUNTED.search(line)))


def _number(word: re.Match[str]) -> str:
    """A number as it is; the place of a name."""
    return word[0] if word[0].isdigit() else "" if word[0].isspace() else "_"


def _reorders(patch: Patch) -> bool:
    """The same calls, in another order."""
    old, new = (_STATEMENT.findall("\n".join(lines)) for lines in (patch.removed, patch.added))
    if len(old) > 1 and old != new and sorted(old) == sorted(new):
        return True
    before, after = ([line.strip() for line in lines] for lines in (patch.removed, patch.added))
    if (
        len(before) > 1
        and before != after
        and sorted(before) == sorted(after)
        and any(map(_IN_ORDER.search, patch.files))
    ):
        # The first that matches decides.
        return True
    if crossed(patch):
        return True
    return any(_moves([g.strip() for g in gone], [c.strip() for c in come]) for gone, come in patch.blocks())


_IN_ORDER = re.compile(r"route|rule|ingress|nginx|middleware|polic|pipeline|filter|interceptor|chain", re.IGNORECASE)


_REGISTERS = re.compile(r"^\s*(?P<whom>\w+)\.\w+\(.*[);,]$")


def crossed(patch: Patch) -> frozenset[str]:
    """Return the calls of an object that stay, while other calls of the same object now stand on their other side."""
    found: set[str] = set()
    lines = [line for line in patch.lines if line.is_code]
    where = {sign: {n.text.strip(): i for i, n in enumerate(lines) if n.sign == sign} for sign in "-+"}
    for text in where["-"].keys() & where["+"].keys():
        whose = _REGISTERS.match(text)
        first, last = sorted((where["-"][text], where["+"][text]))
        between = (n for n in lines[first:last] if n.sign == " " and n.file == lines[first].file == lines[last].file)
        if whose:
            found |= {n.text for n in between if (m := _REGISTERS.match(n.text)) and m["whom"] == whose["whom"]}
    return frozenset(found)


def _moves(gone: Sequence[str], come: Sequence[str]) -> bool:
    """Whether a line that goes and comes again stands at the other end of the lines that change with it."""
    ends = ((gone[:1], come[-1:]), (gone[-1:], come[:1])) if len(gone) > 1 and len(come) > 1 else ()
    return any(old == new and "(" in old[0] for old, new in ends)


_STATEMENT = re.compile(r"[\w.]+\([^()]*\)")


def _removes(patch: Patch) -> bool:
    """More goes than comes, and names go that stand nowhere on the new side."""
    after = "\n".join(line.text for line in patch.side("+"))
    lost = {word for line in patch.removed for word in _WORD.findall(line)} - set(_WORD.findall(after))
    return len(patch.removed) > len(patch.added) and bool(lost)


def _flips(patch: Patch) -> bool:
    """A name that stands beside `true` on one side only, and beside `false` on the other only."""
    old, new = _beside(patch.removed), _beside(patch.added)
    return any(len(old[name]) == len(new[name]) == 1 and old[name] != new[name] for name in old.keys() & new.keys())


def _beside(lines: Sequence[str]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for line in lines:
        literals = {value.lower() for value in _BOOL.findall(line)}
        for name in set(_WORD.findall(line)) - {"true", "false", "True", "False"} if literals else ():
            found.setdefault(name, set()).update(literals)
    return {name: frozenset(values) for name, values in found.items()}
