"""Which parameters a reviewer sees: all, but those that are declared hidden and the object of a method."""

from __future__ import annotations

import asyncio
import functools
import inspect
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

import signoff
from fakes import Fake
from signoff._structs import from_struct
from streams import edited


class Context:
    """Of a framework, with things that reviewers are not to see."""

    def __init__(self, secret: str = "") -> None:
        self.secret = secret


@pytest.fixture
def client(fake: Fake) -> Iterator[signoff.Client]:
    with signoff.Client(fake.address) as client:
        yield client


def asked(fake: Fake) -> dict[str, Any]:
    return from_struct(fake.asks[-1].arguments)


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def test_static_methods_have_no_object(client: signoff.Client, fake: Fake) -> None:
    class Mail:
        @staticmethod
        @signoff.requires_approval(client)
        def as_class(cls: Any, to: str) -> tuple[Any, str]:  # pyright: ignore[reportSelfClsParameterName]
            return cls, to

        @staticmethod
        @signoff.requires_approval(client)
        def as_object(self: Any, to: str) -> tuple[Any, str]:  # pyright: ignore[reportSelfClsParameterName]
            return self, to

    for function, name in ((Mail.as_class, "cls"), (Mail.as_object, "self"), (Mail().as_object, "self")):
        assert function("DROP TABLE users", "alice") == ("DROP TABLE users", "alice")  # type: ignore[call-arg]
        assert asked(fake) == {name: "DROP TABLE users", "to": "alice"}
    asks = len(fake.asks)
    for thing in (Mail(), Mail, object()):
        with pytest.raises(signoff.InvalidArguments, match="self is not JSON"):
            Mail.as_object(thing, "alice")
    assert len(fake.asks) == asks


def test_functions_have_none_either(client: signoff.Client, fake: Fake) -> None:
    @signoff.requires_approval(client)
    def send(self: Any, to: str) -> Any:
        return self, to

    assert send("me", "alice") == ("me", "alice")
    assert asked(fake) == {"self": "me", "to": "alice"}


def test_methods_pass_their_object_on(client: signoff.Client, fake: Fake) -> None:
    class Base:
        @signoff.requires_approval(client)
        def send(this, to: str) -> Any:  # noqa: N805 # pyright: ignore[reportSelfClsParameterName]
            return this, to

        @classmethod
        @signoff.requires_approval(client)
        def count(klass, days: int) -> Any:  # noqa: N804 # pyright: ignore[reportSelfClsParameterName]
            return klass, days

        @property
        @signoff.requires_approval(client)
        def size(self) -> Any:
            return self

        @logged
        @signoff.requires_approval(client)
        def log(self, to: str) -> Any:
            return self, to

        @signoff.requires_approval(client)
        @logged
        def log_below(self, to: str) -> Any:
            return self, to

        @functools.cached_property
        def cached(self) -> Any:
            return self

        to_bob = functools.partialmethod(send, "bob")

    class Mail(Base):
        def send(this, to: str) -> Any:  # noqa: N805 # pyright: ignore
            return super().send(to)

    mail = Mail()
    cases: list[tuple[Callable[[], Any], Any, dict[str, Any]]] = [
        (lambda: mail.send("alice"), (mail, "alice"), {"to": "alice"}),
        (lambda: Base.send(mail, "alice"), (mail, "alice"), {"to": "alice"}),
        (lambda: Base().log("alice")[1], "alice", {"to": "alice"}),
        (lambda: mail.log_below("alice"), (mail, "alice"), {"to": "alice"}),  # type: ignore[call-arg]
        (lambda: Mail.count(7), (Mail, 7), {"days": 7}),  # type: ignore[call-arg,arg-type]
        (lambda: mail.count(7), (Mail, 7), {"days": 7}),  # pyright: ignore
        (lambda: mail.size, mail, {}),
        (lambda: mail.to_bob(), (mail, "bob"), {"to": "bob"}),
    ]
    for run, result, arguments in cases:
        assert run() == result
        assert asked(fake) == arguments


def test_what_only_looks_like_a_method(client: signoff.Client, fake: Fake) -> None:
    class Mail:
        @signoff.requires_approval(client)
        def send(self, to: str) -> str:
            return to

    class Other:
        pass

    # Binding it by hand does not make it a method of this object.
    other: Any = Other()
    other.send = types.MethodType(Mail.send, other)
    for run in (lambda: Mail.send(other, "alice"), lambda: other.send("alice"), lambda: Mail.send(Mail, "alice")):  # type: ignore[arg-type] # pyright: ignore
        with pytest.raises(signoff.InvalidArguments, match="argument self is not JSON"):
            run()
    assert not fake.asks


def test_hidden_parameters_are_passed_on(client: signoff.Client, fake: Fake) -> None:
    @signoff.requires_approval(client, hidden=["ctx", "retries"])
    def send(ctx: Context, to: str, /, subject: str = "Hello", *, retries: int = 3) -> tuple[str, str, str, int]:
        return ctx.secret, to, subject, retries

    assert send(Context("hush"), "alice", retries=5) == ("hush", "alice", "Hello", 5)
    assert asked(fake) == {"to": "alice", "subject": "Hello"}
    assert send(Context("hush"), "alice", subject="Bye") == ("hush", "alice", "Bye", 3)
    assert "hush" not in str(fake.asks) + str(fake.claims) + str(fake.reports)
    assert list(inspect.signature(send).parameters) == ["ctx", "to", "subject", "retries"]


def test_hidden_parameters_of_coroutine_functions(fake: Fake) -> None:
    async def run() -> tuple[str, str]:
        async with signoff.AsyncClient(fake.address) as client:

            @signoff.requires_approval(client, hidden=("ctx",))
            async def send(to: str, *, ctx: Context) -> tuple[str, str]:
                await asyncio.sleep(0)
                return ctx.secret, to

            return await send("alice", ctx=Context("hush"))

    assert asyncio.run(run()) == ("hush", "alice")
    assert asked(fake) == {"to": "alice"}


def test_an_edit_does_not_name_them(client: signoff.Client, fake: Fake) -> None:
    fake.on_ask = [edited({"to": "bob", "ctx": "mine"})]

    @signoff.requires_approval(client, hidden=["ctx"])
    def send(ctx: Context, to: str) -> None:
        raise AssertionError

    with pytest.raises(signoff.InvalidEdit, match="argument ctx is not a parameter of the function"):
        send(Context(), "alice")
    assert not fake.claims


def test_all_else_must_be_shown(client: signoff.Client) -> None:
    def context(ctx: Context, to: str) -> None: ...
    def keywords(to: str, **rest: Any) -> None: ...
    def values(to: str, *rest: Any) -> None: ...
    def callback(done: Callable[[], None]) -> None: ...

    decorate: Any = signoff.requires_approval(client)
    hiding: Any = signoff.requires_approval(client, hidden=["rest"])
    with pytest.raises(TypeError, match=r"reviewers cannot see ctx: Context has no JSON form.* `hidden`"):
        decorate(context)
    with pytest.raises(TypeError, match=r"reviewers cannot see done: .* has no JSON form"):
        decorate(callback)
    for function in (keywords, values):
        with pytest.raises(TypeError, match=r"takes \*"):
            decorate(function)
        with pytest.raises(TypeError, match=r"takes \*"):
            hiding(function)
    with pytest.raises(TypeError, match=r"hidden: .*context has no parameter 'context'"):
        signoff.requires_approval(client, hidden=["context"])(context)
    with pytest.raises(TypeError, match="hidden must be a list of texts"):
        signoff.requires_approval(client, hidden="ctx")
    with pytest.raises(TypeError, match="what a partial has bound"):
        decorate(functools.partial(context, Context()))


def test_objects_are_no_functions(client: signoff.Client, fake: Fake) -> None:
    class Tool:
        def __call__(self, to: str) -> str:
            return to

    decorate: Any = signoff.requires_approval(client)
    with pytest.raises(TypeError, match="only functions and bound methods"):
        decorate(Tool())
    assert decorate(Tool().__call__)("alice") == "alice"
    assert asked(fake) == {"to": "alice"}


def test_nothing_leads_around_the_gate(client: signoff.Client) -> None:
    @signoff.requires_approval(client, hidden=["ctx"])
    def send(ctx: Context, to: str, copies: int = 1) -> str:
        """Sends."""
        return to

    assert not hasattr(send, "__wrapped__")
    assert inspect.unwrap(send) is send
    assert send.__name__ == "send"
    assert send.__doc__ == "Sends."
    assert send.__module__ == __name__
    # What frameworks make their schemas of.
    assert typing.get_type_hints(send) == {"ctx": Context, "to": str, "copies": int, "return": str}
    assert inspect.signature(send).parameters["copies"].annotation is int
    assert str(inspect.signature(send)) == f"(ctx: {__name__}.Context, to: str, copies: int = 1) -> str"


def test_types_that_cannot_be_resolved(client: signoff.Client) -> None:
    def send(to: Unknown) -> None: ...  # type: ignore[name-defined] # noqa: F821 # pyright: ignore

    function: Any = cast("Any", send)  # pyright: ignore
    decorate: Any = signoff.requires_approval(client)
    with pytest.raises(TypeError, match=r"the type of to, 'Unknown', cannot be resolved; .* or name it in `hidden`"):
        decorate(function)
    signoff.requires_approval(client, hidden=["to"])(function)


def test_defaults_are_shown(client: signoff.Client, fake: Fake) -> None:
    marker = object()

    @signoff.requires_approval(client)
    def send(to: str, cc: list[str] = [], bcc: Any = marker) -> Any:  # noqa: B006
        return cc, bcc

    with pytest.raises(signoff.InvalidArguments, match="argument bcc is not JSON, but a object"):
        send("alice")
    assert not fake.asks
    cc, bcc = send("alice", bcc=None)
    cc.append("eve")
    assert send("alice", bcc=None) == ([], None)
    assert asked(fake) == {"to": "alice", "cc": [], "bcc": None}
    assert bcc is None
