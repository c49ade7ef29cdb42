"""When a Certificate whose last attempt failed may try again. Pure."""

from datetime import datetime, timedelta
from typing import Final

from hearthgate.certificates.life.backoff import wait_before_end
from hearthgate.certificates.life.matching import request_differs
from hearthgate.certificates.life.renewal import read_time
from hearthgate.certificates.life.requesting import Stuck, key_that_stays
from hearthgate.certificates.life.situation import ISSUING, Situation, condition_of
from hearthgate.certificates.settings import CertificateSettings
from hearthgate.model.durations import parse_duration

CANNOT_REGENERATE: Final = "CannotRegenerateKey"


def rest_before_retry(situation: Situation, settings: CertificateSettings, now: datetime) -> float | None:
    """Seconds until the next attempt may begin; None when it may now."""
    status = situation.certificate.status
    failed = read_time(status.last_failure_time) if status is not None else None
    if status is None or failed is None or _is_other_case(situation):
        return None
    leaf = situation.leaf
    wait = wait_before_end(
        status.failed_issuance_attempts,
        timedelta(seconds=parse_duration(settings.certificate_request_minimum_backoff_duration)),
        timedelta(seconds=parse_duration(settings.certificate_request_maximum_backoff_duration)),
        leaf.not_after - now if leaf is not None else None,
    )
    rest = (failed + wait - now).total_seconds()
    return rest if rest > 0 else None


def _is_other_case(situation: Situation) -> bool:
    """Whether somebody has done something about what failed: who corrects a mistake does not wait for its end."""
    certificate = situation.certificate
    request = situation.inputs.next_request
    if request is not None and request_differs(certificate.spec, request):
        return True
    told = condition_of(certificate, ISSUING)
    if told is None:
        return False
    if told.reason == CANNOT_REGENERATE and not isinstance(key_that_stays(situation), Stuck):
        return True
    return told.observed_generation < certificate.metadata.generation
