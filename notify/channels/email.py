"""E-mail over SMTP; without `smtp:` in the file, mails are written to `state_dir/outbox/`."""

import smtplib
import ssl
from email.message import EmailMessage

from pydantic import BaseModel, Field, field_validator

from core.config import Smtp
from core.config.problems import RefusedError
from core.config.secrets import Text
from core.errors import DeliveryError
from core.messages import Message
from core.text import gettext as _
from notify.channels.base import ChannelOptions, Envelope, House
from notify.mail import address, compose, drop

NOBODY = "goalkeeper@localhost.localdomain"


class Options(ChannelOptions):
    """`to` are the recipients."""

    to: tuple[Text, ...] = Field(min_length=1)

    @field_validator("to", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("to")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            try:
                address(one)
            except ValueError as error:
                raise RefusedError(str(error), allowed="growth@example.com") from error
        return value


class Channel:
    """Sends one mail to all recipients."""

    def __init__(self, options: BaseModel | None, house: House) -> None:
        assert isinstance(options, Options)
        self._to = options.to
        self._house = house

    def send(self, message: Message, envelope: Envelope) -> None:
        """Hand the mail to the server, or drop it as a file without one."""
        smtp = self._house.smtp
        mail = compose(message, envelope, sender=smtp.sender if smtp else NOBODY, to=self._to)
        if smtp is None:
            drop(mail, self._house.state_dir / "outbox")
            return
        try:
            refused = _hand_over(smtp, mail)
        except (smtplib.SMTPException, OSError) as error:
            raise _explained(error, smtp) from error
        if refused:
            raise DeliveryError(_refusals(refused), permanent=True, hint=_("The others have got the mail."))


def _hand_over(smtp: Smtp, mail: EmailMessage) -> dict[str, tuple[int, bytes]]:
    seconds = smtp.timeout.total_seconds()
    context = ssl.create_default_context()
    server: smtplib.SMTP
    if smtp.tls == "tls":
        server = smtplib.SMTP_SSL(smtp.host, smtp.port, timeout=seconds, context=context)
    else:
        server = smtplib.SMTP(smtp.host, smtp.port, timeout=seconds)
    with server:
        if smtp.tls == "starttls":
            server.starttls(context=context)
        if smtp.user is not None:
            server.login(smtp.user, smtp.password.reveal() if smtp.password else "")
        return server.send_message(mail)


def _explained(error: smtplib.SMTPException | OSError, smtp: Smtp) -> DeliveryError:
    """Say what the server meant, and whether a retry can help."""
    place = f"{smtp.host}:{smtp.port}"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        permanent = all(code >= 500 for code, _text in error.recipients.values())
        return DeliveryError(
            _refusals(error.recipients), permanent=permanent, hint=_("Look at the addresses.")
        )
    if isinstance(error, smtplib.SMTPAuthenticationError):
        said = _("{place} refused the login of {user}.").format(place=place, user=smtp.user)
        permanent = error.smtp_code >= 500
        return DeliveryError(said, permanent=permanent, hint=_("Look at smtp.user and smtp.password."))
    if isinstance(error, smtplib.SMTPResponseException):
        reply = error.smtp_error
        said = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply)
        return DeliveryError(f"{place}: {error.smtp_code} {said}", permanent=500 <= error.smtp_code < 600)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        hint = _("Set smtp.tls to none or tls, or leave user and password out.")
        return DeliveryError(f"{place}: {error}", permanent=True, hint=hint)
    if isinstance(error, ssl.SSLCertVerificationError):
        said = _("The certificate of {place} is not trusted: {reason}")
        return DeliveryError(said.format(place=place, reason=error.verify_message), permanent=True)
    said = _("{place} cannot be reached: {reason}").format(place=place, reason=error)
    return DeliveryError(said, permanent=False, hint=_("It is tried again."))


def _refusals(refused: dict[str, tuple[int, bytes]]) -> str:
    return "; ".join(
        _("{address} was refused: {code} {text}").format(
            address=one, code=code, text=text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        )
        for one, (code, text) in refused.items()
    )
