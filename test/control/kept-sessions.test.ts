/** Which sessions a run keeps for the next one, where the configuration changes meanwhile. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { pino } from 'pino'
import { parseConfig } from '../../src/config/file.ts'
import { compile } from '../../src/control/compile.ts'
import { KeptSessions } from '../../src/control/sessions/kept-sessions.ts'
import { SlotBook } from '../../src/control/slots/slot-book.ts'
import { StateDirectory } from '../../src/control/state/state-directory.ts'
import { wallSeconds } from '../../src/runtime/clock.ts'

const WITHOUT = `
routes: [{ path: /*, upstream: app }]
upstreams:
  app: { balance: ip-hash, servers: ["10.0.0.1:80", "10.0.0.2:80"] }
`
const WITH = `
routes: [{ path: /*, upstream: app }]
upstreams:
  app: { balance: ip-hash, servers: ["10.0.0.1:80", "10.0.0.2:80"] }
  shop: { affinity: { type: learn, from: "cookie:sid" }, servers: ["10.0.0.3:80"] }
`

/** A run of the program in that state directory: only what it does with sessions. */
async function run(path: string, text: string) {
  const state = new StateDirectory(path, {}, assert.fail)
  const slots = new SlotBook()
  let generation = 0
  const compiled = (text: string) => {
    const config = parseConfig(text, 'limpet.yaml', {})
    const snapshot = compile(config, ++generation, slots, () => state.secret())
    slots.adopt(snapshot)
    return { config, snapshot }
  }
  const { config, snapshot } = compiled(text)
  const kept = new KeptSessions(config, 'shop', state, pino({ enabled: false }))
  await kept.apply(config, snapshot)
  return {
    kept,
    async apply(text: string) {
      const { config, snapshot } = compiled(text)
      await kept.apply(config, snapshot)
    },
    slotOf: (upstream: string, server: string) =>
      slots
        .plan([{ name: upstream, servers: [{ id: server }] }])
        .get(upstream)!
        .servers.get(server)!,
  }
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'limpet-kept-'))
  t.after(() => rmSync(path, { recursive: true }))
  return path
}

test('an affinity that comes while Limpet runs has its sessions kept from then on, and those of earlier runs', async (t) => {
  const path = folder(t)
  const now = wallSeconds()
  const first = await run(path, WITH)
  first.kept.table.put(1, 1, first.slotOf('shop', '10.0.0.3:80'), now)
  await first.kept.close()
  const second = await run(path, WITHOUT)
  await second.kept.flush()
  await second.apply(WITH)
  const slot = second.slotOf('shop', '10.0.0.3:80')
  assert.equal(second.kept.table.find(1, 1, now), slot)
  second.kept.table.put(2, 1, slot, now)
  second.kept.table.put(3, 1, second.slotOf('app', '10.0.0.1:80'), now)
  await second.kept.close()
  const third = await run(path, WITH)
  const found = [1, 2, 3].map((id) => third.kept.table.find(id, 1, now))
  assert.deepEqual(found, [third.slotOf('shop', '10.0.0.3:80'), third.slotOf('shop', '10.0.0.3:80'), -1])
  await third.kept.close()
})

test('nothing is kept where no affinity is written, and no file made', async (t) => {
  const path = folder(t)
  const { kept, apply, slotOf } = await run(path, WITHOUT)
  kept.table.put(1, 1, slotOf('app', '10.0.0.1:80'), wallSeconds())
  await apply(WITHOUT)
  await kept.close()
  assert.deepEqual(readdirSync(path), [])
})

test('sessions of an affinity that goes are not kept any more', async (t) => {
  const path = folder(t)
  const now = wallSeconds()
  const first = await run(path, WITH)
  first.kept.table.put(1, 1, first.slotOf('shop', '10.0.0.3:80'), now)
  await first.kept.flush()
  await first.apply(WITHOUT)
  await first.kept.close()
  const second = await run(path, WITH)
  assert.equal(second.kept.table.find(1, 1, now), -1)
  await second.kept.close()
})
