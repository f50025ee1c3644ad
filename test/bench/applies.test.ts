/** Many changes through the admin API, under load; `npm run bench:applies` makes more of them. */
import assert from 'node:assert/strict'
import { platform } from 'node:os'
import { test } from 'node:test'
import { applyUnderLoad } from '../../bench/applies/trial.ts'
import { temporaryFolder } from '../support/folder.ts'

test('100 changes under load cost no request and no WebSocket, and round robin stays exact', {
  skip: platform() !== 'linux',
}, async (t) => {
  const size = { routes: 500, webSockets: 50, applies: 100, seconds: 1, warmUp: 0 }
  const { without, during, duringReloads, applied, lostWebSockets } = await applyUnderLoad(
    size,
    await temporaryFolder(t),
  )
  assert.equal(applied, 100)
  assert.ok(during.requests > 0 && without.requests > 0)
  for (const { failed, spread } of [during, duringReloads]) {
    assert.equal(failed, 0)
    assert.ok(spread <= 1, `${spread}`)
  }
  assert.equal(lostWebSockets, 0)
})
