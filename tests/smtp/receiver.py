"""A real SMTP server for tests. It prints its port, then every message that it takes as one line of JSON.

The messages are parsed with Python's `email` and `html.parser`: by other code than that which wrote them.
"""

import asyncio
import email
import email.policy
import html.parser
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

SETTINGS = json.loads(sys.argv[1])
USER, PASSWORD = b"signoff", b"s3cret"


class Page(html.parser.HTMLParser):
    """What a page has: its tags, their attributes, its links and its text."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.links, self.text, self.open = set(), set(), [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.links.extend(value for name, value in attrs if name in ("href", "src", "action", "background"))
        if tag not in ("meta", "br", "wbr"):
            self.open.append(tag)
        if tag == "br":
            self.text.append("\n")

    def handle_endtag(self, tag):
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_data(self, data):
        if "style" not in self.open:
            self.text.append(data)


def parsed(session, envelope):
    message = email.message_from_bytes(envelope.content, policy=email.policy.default)
    parts = {part.get_content_type(): part.get_content().replace("\r\n", "\n") for part in message.walk() if not part.is_multipart()}
    page = Page(parts.get("text/html", ""))
    return {
        "encrypted": session.ssl is not None or SETTINGS["tls"] == "implicit",
        "user": session.auth_data.decode() if session.auth_data else None,
        "sender": envelope.mail_from,
        "recipients": envelope.rcpt_tos,
        "headers": [[name, str(value)] for name, value in message.items()],
        "defects": [str(defect) for part in message.walk() for defect in part.defects],
        "types": [part.get_content_type() for part in message.walk()],
        "plain": parts.get("text/plain", ""),
        "html": parts.get("text/html", ""),
        "tags": sorted(page.tags),
        "attributes": sorted(page.attributes),
        "links": page.links,
        "text": "".join(page.text),
    }


class Handler:
    """Takes every message, except for some recipients."""

    def __init__(self):
        self.seen = set()

    async def handle_RCPT(self, server, session, envelope, address, options):
        name = address.split("@")[0]
        first = address not in self.seen
        self.seen.add(address)
        if name == "unknown":
            return "550 5.1.1 No such user: \x1b[31m" + address
        if name == "busy" and first:
            return "451 4.3.0 Try again later"
        if name == "leave" and first:
            server.transport.abort()
            return None
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        print(json.dumps(parsed(session, envelope)), flush=True)
        return "250 2.0.0 taken as message 1"


def authenticate(server, session, envelope, mechanism, login):
    correct = isinstance(login, LoginPassword) and (login.login, login.password) == (USER, PASSWORD)
    # Not handled: aiosmtpd answers.
    return AuthResult(success=correct, handled=False, auth_data=login.login if correct else None)


async def main():
    context = None
    if SETTINGS["tls"] != "none":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(SETTINGS["certificate"], SETTINGS["key"])
    starttls = context if SETTINGS["tls"] == "starttls" else None
    options = {"hostname": "mail.example.org", "enable_SMTPUTF8": True}
    if SETTINGS["login"]:
        options |= {"authenticator": authenticate, "auth_required": True, "auth_require_tls": starttls is not None}

    handler = Handler()

    def protocol():
        return SMTP(handler, tls_context=starttls, require_starttls=starttls is not None, **options)

    implicit = context if SETTINGS["tls"] == "implicit" else None
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0, ssl=implicit)
    print(server.sockets[0].getsockname()[1], flush=True)
    # It ends with its standard input: with the test.
    await asyncio.to_thread(sys.stdin.read)


asyncio.run(main())
