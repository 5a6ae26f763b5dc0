"""Contexts of frameworks, without the frameworks, whose classes are known by module and name."""

from __future__ import annotations

import asyncio
import inspect
import uuid
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Annotated, Any, Generic, Optional, TypedDict, TypeVar

import pytest

import signoff
from fakes import Fake
from signoff._digest import stable_request_id
from signoff._structs import from_struct
from signoff.v1.approval_service_pb2 import RequestApprovalRequest

T = TypeVar("T")


class Wrapper(Generic[T]):
    """As openai-agents has it."""

    def __init__(self, secret: T, **known: Any) -> None:
        self.secret = secret
        vars(self).update(known)


class Tool(Wrapper[T]):
    pass


class Run(Generic[T]):
    """As pydantic-ai has it."""

    def __init__(self, secret: T, **known: Any) -> None:
        self.secret = secret
        vars(self).update(known)


class Usage:
    pass


class Marker:
    pass


class State(Marker):
    pass


class Store(Marker):
    pass


class CallId(Marker):
    pass


class Config(TypedDict):
    tags: list[Any]
    callbacks: Usage


class MyConfig(Config):
    mine: str


for cls, module, name in [
    (Wrapper, "agents.run_context", "RunContextWrapper"),
    (Run, "pydantic_ai._run_context", "RunContext"),
    (Marker, "langchain_core.tools.base", "InjectedToolArg"),
    (State, "langgraph.prebuilt.tool_node", "InjectedState"),
    (Store, "langgraph.prebuilt.tool_node", "InjectedStore"),
    (Config, "langchain_core.runnables.config", "RunnableConfig"),
    (CallId, "langchain_core.tools.base", "InjectedToolCallId"),
]:
    cls.__module__, cls.__qualname__ = module, name


class Mine:
    """Somebody's own class, in a package of the same name as a framework's."""


Mine.__module__, Mine.__qualname__ = "agents.tools", "RunContextWrapper"


@pytest.fixture
def client(fake: Fake) -> Iterator[signoff.Client]:
    with signoff.Client(fake.address) as client:
        yield client


def asked(fake: Fake) -> RequestApprovalRequest:
    return fake.asks[-1]


@pytest.mark.parametrize(
    "annotation",
    [
        Wrapper,
        Wrapper[str],
        "Wrapper[str]",
        Tool,
        Tool[str],
        Optional[Wrapper[str]],  # noqa: UP045
        Wrapper | None,
        "Wrapper | None",
        Annotated[Wrapper[str], "the context"],
        Wrapper[str] | Run[str],
        Config,
        Annotated[str, CallId],
        Annotated[Any, State()],
        Annotated[Any, Store],
        Annotated[dict[str, Any] | None, State, "state"],
    ],
)
def test_hidden_by_type(client: signoff.Client, fake: Fake, annotation: Any) -> None:
    def send(ctx: Any, to: str) -> Any:
        return ctx.secret, to

    send.__annotations__["ctx"] = annotation
    gated = signoff.requires_approval(client)(send)
    assert gated(Wrapper("hush"), "alice") == ("hush", "alice")
    assert from_struct(asked(fake).arguments) == {"to": "alice"}
    assert "hush" not in str(fake.asks) + str(fake.claims) + str(fake.reports)
    # What frameworks look for.
    assert inspect.signature(gated).parameters["ctx"].annotation == gated.__annotations__["ctx"]


@pytest.mark.parametrize(
    "annotation",
    [
        Mine,
        Wrapper[str] | str,
        list[Wrapper[str]],
        Annotated[Mine, "a context"],
        # LangChain passes on what the model sends for these.
        Annotated[Mine, Marker],
        Annotated[Mine, Marker()],
        Optional[Annotated[Mine, CallId]],  # noqa: UP045
        Annotated[Mine, Wrapper],
        Config | None,
        MyConfig,
        Annotated[Config, "mine"],
    ],
)
def test_not_hidden(client: signoff.Client, annotation: Any) -> None:
    def send(ctx: Any, to: str) -> None: ...

    send.__annotations__["ctx"] = annotation
    with pytest.raises(TypeError, match="reviewers cannot see ctx"):
        signoff.requires_approval(client)(send)


def test_only_the_first_config_is_one(client: signoff.Client) -> None:
    def send(config: Any, other: Any) -> None: ...

    send.__annotations__.update(config=Config, other=Config)
    with pytest.raises(TypeError, match="reviewers cannot see other"):
        signoff.requires_approval(client)(send)


def test_what_the_model_may_set_is_shown(client: signoff.Client, fake: Fake) -> None:
    @signoff.requires_approval(client)
    def send(to: str, user: Annotated[str, Marker] = "me", call: Annotated[str, CallId] | None = None) -> str:
        return f"{to} {user} {call}"

    assert send("alice", user="admin", call="c") == "alice admin c"
    assert from_struct(asked(fake).arguments) == {"to": "alice", "user": "admin", "call": "c"}


@pytest.mark.parametrize("annotation", [Wrapper[str], Wrapper[str] | None, Annotated[Any, Store]])
@pytest.mark.parametrize("value", [{"secret": "hush"}, ["hush"], "hush", 1, True])
def test_json_is_no_context(client: signoff.Client, fake: Fake, annotation: Any, value: Any) -> None:
    """It comes from the model, in place of what the framework should have put there."""

    def send(ctx: Any, to: str) -> None: ...

    send.__annotations__["ctx"] = annotation
    gated = signoff.requires_approval(client)(send)
    with pytest.raises(TypeError, match="ctx is a context of the framework, which JSON is not"):
        gated(value, "alice")
    with pytest.raises(TypeError, match="ctx is a context of the framework"):
        gated.resume(signoff.Handle("a", "r", "send", f"sha256:{0:064}"), value)
    assert not fake.asks


def test_what_is_known_is_sent(client: signoff.Client, fake: Fake) -> None:
    @signoff.requires_approval(client)
    def send(ctx: Run[str], to: str) -> None: ...

    known: dict[str, Any] = {
        "agent": SimpleNamespace(name="mailer"),
        "run_id": "run-1",
        "tool_call_id": "call-1",
        "tool_name": "send",
    }
    send(Run("hush", **known), "alice")
    assert (asked(fake).agent.name, asked(fake).agent.run_id) == ("mailer", "run-1")
    assert asked(fake).request_id == stable_request_id("run-1", "call-1")
    # Options come first.
    with signoff.call_options(agent_name="boss", run_id="run-2", call_id="call-2"):
        send(Run("hush", **known), "alice")
    assert (asked(fake).agent.name, asked(fake).agent.run_id) == ("boss", "run-2")
    assert asked(fake).request_id == stable_request_id("run-2", "call-2")
    with signoff.call_options(request_id="mine"):
        send(Run("hush", **known), "alice")
    assert asked(fake).request_id == "mine"


def test_a_call_id_without_a_run_is_not_used(client: signoff.Client, fake: Fake) -> None:
    @signoff.requires_approval(client)
    def send(ctx: Run[str], to: str) -> None: ...

    for context in (Run("hush", tool_call_id="call-1"), Run("hush", tool_call_id="call-1", run_id=None), Run("hush")):
        send(context, "alice")
        uuid.UUID(asked(fake).request_id)
        assert not asked(fake).agent.run_id


def test_the_id_of_a_call_is_for_that_call(client: signoff.Client, fake: Fake) -> None:
    """A context that is passed on does not bring another call under the first one's approval."""

    @signoff.requires_approval(client)
    def log(ctx: Run[str], to: str) -> None: ...

    @signoff.requires_approval(client)
    def send(ctx: Run[str], to: str) -> None:
        log(ctx, to)

    send(Run("hush", run_id="run-1", tool_call_id="call-1"), "alice")
    outer, inner = fake.asks
    assert outer.request_id == stable_request_id("run-1", "call-1")
    uuid.UUID(inner.request_id)
    assert inner.agent.run_id == "run-1"
    # Of another tool, which is not gated itself.
    log(Run("hush", run_id="run-1", tool_call_id="call-1", tool_name="send_all"), "alice")
    uuid.UUID(asked(fake).request_id)
    log(Run("hush", run_id="run-1", tool_call_id="call-2", tool_name="log"), "alice")
    assert asked(fake).request_id == stable_request_id("run-1", "call-2")


def test_the_id_of_a_call_is_for_that_call_of_asyncio(fake: Fake) -> None:
    async def run() -> None:
        async with signoff.AsyncClient(fake.address) as client:

            @signoff.requires_approval(client)
            async def log(ctx: Run[str], to: str) -> None: ...

            @signoff.requires_approval(client)
            async def send(ctx: Run[str], to: str) -> None:
                await log(ctx, to)

            await send(Run("hush", run_id="run-1", tool_call_id="call-1"), "alice")

    asyncio.run(run())
    outer, inner = fake.asks
    assert outer.request_id == stable_request_id("run-1", "call-1") != inner.request_id


def test_a_run_without_an_id_has_one_of_its_own(client: signoff.Client, fake: Fake) -> None:
    @signoff.requires_approval(client)
    def send(ctx: Tool[str], to: str) -> None: ...

    one, other = Usage(), Usage()
    known: dict[str, Any] = {"agent": SimpleNamespace(name="mailer"), "tool_call_id": "call-1", "tool_name": "send"}
    for usage in (one, one, other):
        send(Tool("hush", usage=usage, **known), "alice")
    first, second, third = fake.asks
    assert uuid.UUID(first.agent.run_id)
    assert first.agent.run_id == second.agent.run_id != third.agent.run_id
    # Models for tests use an id again; no other process would find the approval.
    assert len({ask.request_id for ask in fake.asks}) == 3
    with signoff.call_options(run_id="conversation-7"):
        send(Tool("hush", usage=one, **known), "alice")
    assert asked(fake).request_id == stable_request_id("conversation-7", "call-1")


def test_values_of_injected_parameters(client: signoff.Client, fake: Fake) -> None:
    @signoff.requires_approval(client, run_id="run-1")
    def send(to: str, call: Annotated[str, CallId] = "") -> str:
        return call

    assert send("alice", call="call-1") == "call-1"
    assert asked(fake).request_id == stable_request_id("run-1", "call-1")
    assert from_struct(asked(fake).arguments) == {"to": "alice"}
    send("alice")
    uuid.UUID(asked(fake).request_id)


def test_what_is_hidden_by_name_is_read_too(client: signoff.Client, fake: Fake) -> None:
    @signoff.requires_approval(client, hidden=["ctx"])
    def send(ctx, to: str) -> None: ...  # type: ignore[no-untyped-def] # pyright: ignore

    send(Run("hush", run_id="run-1", tool_call_id="call-1"), "alice")
    assert asked(fake).request_id == stable_request_id("run-1", "call-1")


def test_required_options_may_come_from_contexts(client: signoff.Client, fake: Fake) -> None:
    @signoff.requires_approval(client, required_options=["run_id"])
    def send(ctx: Run[str], to: str) -> None: ...

    send(Run("hush", run_id="run-1"), "alice")
    with pytest.raises(TypeError, match="run_id is required"):
        send(Run("hush"), "alice")
    assert len(fake.asks) == 1


class Broken(Run[str]):
    @property
    def run_id(self) -> str:
        raise RuntimeError("not in a run")


def test_what_a_context_cannot_tell(client: signoff.Client, fake: Fake) -> None:
    @signoff.requires_approval(client)
    def send(ctx: Broken, to: str) -> None: ...

    send(Broken("hush", tool_call_id=7), "alice")
    assert not asked(fake).agent.run_id
