"""Calls: which phases open and end a session (R12, R16)."""

from carewatch.verify.sessions import Sessions
from carewatch.verify.state import Call, Told

CALL_OPENS = ("started", "ivr", "queued", "ringing", "answered")
CALL_ENDS = ("ended", "completed", "abandoned", "voicemail")


class Calling(Sessions):
    """Hears what happens on the phone."""

    def _call(self, told: Told) -> None:
        """A call opens a session and closes it with its last phase, unless another call goes on;
        a customer who hangs up before anybody answered has given up (Q6)."""
        said, phase = told.data["call"], told.data["call"]["phase"]
        call = self._calls.setdefault(said["call_key"], Call())
        if phase in CALL_OPENS and not call.over:
            outbound = said.get("direction") == "outbound"
            if self.session is None:
                self._open("open", initiated_by="agent" if outbound else None)
            if phase == "answered" and call.answered_at is None:
                call.answered_at, self.bot_has = self._now, False
                self._marks.append("took_call")
        last = phase in CALL_ENDS or (phase == "missed" and not said.get("leg_key"))
        if not last or call.ended_at is not None:
            return
        call.ended_at, call.over = self._now, True
        if self.session is not None and all(one.over for one in self._calls.values()):
            by_customer = "customer" in (said.get("disconnect_by"), told.data["actor"]["kind"])
            left = by_customer or phase == "abandoned"
            self._end("closed", f"call_{phase}", None, given_up=left and call.answered_at is None)
