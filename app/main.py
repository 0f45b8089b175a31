"""The web application: routes, errors, the edge. Everything it works with comes in as `Services`."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI

from app import auth, errors
from app.api import ROUTERS
from app.edge import Edge
from app.services import Services

_ABOUT = """\
Plumbline reasons over what was declared, what was applied and what is running.

Resources are named by `uid` (`k8s://CLUSTER/GROUP/KIND/NAMESPACE/NAME` or `tf://STACK/ADDRESS`), with a name for people
beside it. A value that does not exist stands as `{"$absent": true}`, which null would not tell. Times are UTC.
"""


def create_app(
    services: Services, *, web: APIRouter | None = None, problem_page: errors.ProblemPage | None = None
) -> FastAPI:
    """Build the application.

    Args:
        services: what the routes work with.
        web: routes of the web pages.
        problem_page: builds the page for an error.

    Raises:
        RuntimeError: a route does not say who may use it.
    """
    # The usual documentation page loads its scripts from another host, which the content security policy forbids.
    app = FastAPI(title="Plumbline", version="0.1.0", description=_ABOUT, docs_url=None, redoc_url=None)
    app.state.services = services
    errors.install(app, problem_page)
    for router in (*ROUTERS, *([web] if web else [])):
        app.include_router(router)
    if missing := list(auth.undeclared(app)):
        raise RuntimeError(f"these routes do not say who may use them: {', '.join(missing)}")
    app.add_middleware(Edge)
    return app
