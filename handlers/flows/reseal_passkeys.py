"""The vote key was rotated: passkeys that were approved under an earlier one are sealed again under the current one.

Only those whose seal holds under a key that is still known: taking a key away at once takes back what it sealed.
"""

from __future__ import annotations

import logging

from handlers.desk import Desk
from policy.passkeys import PasskeyState, is_sealed, sealed
from storage import audit, passkeys
from storage.audit import Step

log = logging.getLogger(__name__)


async def reseal_passkeys(desk: Desk) -> int:
    """Returns how many were sealed again."""
    count = 0
    async with desk.database.transaction() as tx:
        for row in await passkeys.everybody(tx, lock=True):
            passkey = passkeys.as_passkey(row)
            if passkey.state is not PasskeyState.APPROVED or desk.signer.is_current(passkey.seal_key_id):
                continue
            if not is_sealed(passkey, desk.signer):
                log.warning("passkey %s does not count: the key that sealed it is not known", passkey.passkey_id)
                continue
            again = sealed(passkey, desk.signer, approved_by=passkey.approved_by)
            row.seal, row.seal_key_id = again.seal, again.seal_key_id
            payload = {"passkeyId": passkey.passkey_id, "owner": str(passkey.owner)}
            await audit.record(tx, None, Step.PASSKEY_RESEALED, "bot", payload, at=desk.clock())
            count += 1
    return count
