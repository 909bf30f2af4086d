"""What is said to a server, and what it answers (RESP2)."""
import binascii
import socket

SLOTS = 16384
RECEIVE_BYTES = 1 << 18


class LinkLost(Exception):
    """Something was sent, and no answer came: whether it was carried out isn't known."""


class NotSent(Exception):
    """Nobody listens: nothing was sent."""


class Refusal:
    """An error that a server answered."""

    __slots__ = ("text",)

    def __init__(self, text):
        self.text = text

    @property
    def code(self):
        return self.text.split(" ", 1)[0]

    def __repr__(self):
        return f"refusal({self.text})"

    def __eq__(self, other):
        return isinstance(other, Refusal) and other.text == self.text


def slot_of(key):
    """The slot of a key: CRC16 (XMODEM) of its hash tag, or of all of it."""
    start = key.find(b"{")
    if start >= 0:
        end = key.find(b"}", start + 1)
        if end > start + 1:
            key = key[start + 1:end]
    return binascii.crc_hqx(key, 0) % SLOTS


def encoded(words):
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        word = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
    return b"".join(parts)


class Link:
    """A connection to one server."""

    def __init__(self, port, timeout_s=5.0, connect_timeout_s=1.0):
        self.port = port
        try:
            self.socket = socket.create_connection(("127.0.0.1", port), timeout=connect_timeout_s)
        except OSError as cause:
            raise NotSent(f"port {port}: {cause}") from cause
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(timeout_s)
        self.received = b""
        self.at = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def ask(self, *words):
        return self.ask_all([words])[0]

    def ask_all(self, commands, at_once=500):
        """The answers to many commands, so many of them in one write."""
        answers = []
        for start in range(0, len(commands), at_once):
            chunk = commands[start:start + at_once]
            self.send(b"".join(encoded(words) for words in chunk))
            answers += [self.read() for _ in chunk]
        return answers

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError as cause:
            raise LinkLost(f"port {self.port}: {cause}") from cause

    def read(self):
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest
        if kind == b"-":
            return Refusal(rest.decode("utf-8", "replace"))
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if int(rest) < 0 else self._bytes(int(rest))
        if kind == b"*":
            return None if int(rest) < 0 else [self.read() for _ in range(int(rest))]
        raise LinkLost(f"port {self.port}: an odd answer: {line[:60]!r}")

    def _line(self):
        while True:
            end = self.received.find(b"\r\n", self.at)
            if end >= 0:
                line = self.received[self.at:end]
                self.at = end + 2
                return line
            self._receive()

    def _bytes(self, count):
        while len(self.received) - self.at < count + 2:
            self._receive()
        value = self.received[self.at:self.at + count]
        self.at += count + 2
        return value

    def _receive(self):
        try:
            data = self.socket.recv(RECEIVE_BYTES)
        except OSError as cause:
            raise LinkLost(f"port {self.port}: {cause}") from cause
        if not data:
            raise LinkLost(f"port {self.port}: closed")
        self.received = self.received[self.at:] + data
        self.at = 0


def ask_once(port, *words, timeout_s=3.0):
    """One answer over a connection of its own."""
    with Link(port, timeout_s) as link:
        return link.ask(*words)
