/** Sessions on disk: what one run of the program leaves to the next. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { wallSeconds } from '../../src/clock.ts'
import { SessionStore } from '../../src/control/session-store.ts'
import { StateDirectory } from '../../src/control/state-directory.ts'
import { SessionTable } from '../../src/session-table.ts'
import type { Upstream } from '../../src/snapshot.ts'

const listeners = [{ address: '::', port: 80, proxyProtocol: false }]

/** A run of the program on upstreams with these servers, by name and slot. */
function run(path: string, upstreams: Readonly<Record<string, Readonly<Record<string, number>>>>) {
  const sessions = new SessionTable()
  const warnings: string[] = []
  const snapshot = Object.entries(upstreams).map(([name, servers]) => ({
    name,
    affinity: { type: 'learn', idle: 60_000 },
    servers: Object.entries(servers).map(([name, slot]) => ({ name, slot })),
  })) as unknown as Upstream[]
  sessions.heed(snapshot)
  const directory = new StateDirectory(path, {}, (warning) => warnings.push(warning))
  return { sessions, warnings, store: new SessionStore(sessions, directory, snapshot, listeners) }
}

function folder(test: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'limpet-store-'))
  test.after(() => rmSync(path, { recursive: true }))
  return path
}

describe('sessions', () => {
  test('are found in the next run by the names of upstream and server', async (t) => {
    const path = folder(t)
    const now = wallSeconds()
    const first = run(path, { app: { a: 0, b: 1 }, api: { a: 2, z: 3 } })
    assert.equal(first.store.load(), 0)
    for (let slot = 0; slot < 4; slot++) first.sessions.put(slot, 7, slot, now)
    await first.store.close()
    const second = run(path, { api: { a: 0 }, app: { b: 1, c: 2, a: 3 } })
    assert.equal(second.store.load(), 3)
    assert.deepEqual(
      [0, 1, 2, 3].map((id) => second.sessions.find(id, 7, now)),
      [3, 1, 0, -1],
    )
    await second.store.close()
  })

  test('are many more than fit into one piece', async (t) => {
    const path = folder(t)
    const now = wallSeconds()
    const first = run(path, { app: { a: 0 } })
    for (let id = 1; id <= 50_000; id++) first.sessions.put(id, id * 7919, 0, now)
    await first.store.close()
    const second = run(path, { app: { a: 5 } })
    assert.equal(second.store.load(), 50_000)
    for (let id = 1; id <= 50_000; id++) assert.equal(second.sessions.find(id, id * 7919, now), 5)
    await second.store.close()
  })

  test('in a file that is broken, or none of ours, are none, with a warning', async (t) => {
    const path = folder(t)
    const now = wallSeconds()
    const first = run(path, { app: { a: 0 } })
    first.sessions.put(1, 1, 0, now)
    await first.store.close()
    const file = join(path, readdirSync(path)[0]!)
    const whole = readFileSync(file, 'latin1')
    for (const content of ['', 'x', whole.slice(0, 20), whole.replace('[', '{'), `limpet sessions 1\n{}\n`]) {
      writeFileSync(file, content, 'latin1')
      const second = run(path, { app: { a: 0 } })
      assert.equal(second.store.load(), 0)
      assert.match(second.warnings.join(), /holds no sessions that can be read, and is begun anew/)
      await second.store.close()
    }
  })

  test('that are over by then are left out', async (t) => {
    const path = folder(t)
    const first = run(path, { app: { a: 0 } })
    first.sessions.put(1, 1, 0, wallSeconds())
    await first.store.close()
    const file = join(path, readdirSync(path)[0]!)
    const bytes = readFileSync(file)
    bytes.writeUInt32LE(wallSeconds() - 61, bytes.length - 8)
    writeFileSync(file, bytes)
    const second = run(path, { app: { a: 0 } })
    assert.equal(second.store.load(), 0)
    await second.store.close()
  })

  test('are written where only the program may read, and again only once something has changed', async (t) => {
    const path = folder(t)
    const idle = run(path, { app: { a: 0 } })
    await idle.store.close()
    assert.deepEqual(readdirSync(path), [])
    const first = run(path, { app: { a: 0 } })
    first.sessions.put(1, 1, 0, wallSeconds())
    await first.store.close()
    const [name] = readdirSync(path)
    assert.equal(statSync(join(path, name!)).mode & 0o777, 0o600)
  })

  test('that cannot be written are told of, and no half of a file takes the place of a whole one', async (t) => {
    const path = join(folder(t), 'a file')
    writeFileSync(path, '')
    const { sessions, store, warnings } = run(path, { app: { a: 0 } })
    sessions.put(1, 1, 0, wallSeconds())
    await store.close()
    assert.match(warnings.join(), /^cannot write .*\(give a directory that can be written as stateDirectory\)$/)
  })

  test('are kept from the middle of a run on, without its end', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const path = folder(t)
    const first = run(path, { app: { a: 0 } })
    first.sessions.put(1, 1, 0, wallSeconds())
    t.mock.timers.tick(5000)
    while (!existsSync(join(path, 'sessions-..-80'))) await new Promise((resolve) => setImmediate(resolve))
    const second = run(path, { app: { a: 0 } })
    assert.equal(second.store.load(), 1)
  })

  test('that could not be written are written once they can be, whether or not more has changed', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const path = join(folder(t), 'a file')
    writeFileSync(path, '')
    const { sessions, store, warnings } = run(path, { app: { a: 0 } })
    sessions.put(1, 1, 0, wallSeconds())
    const timesTried = t.mock.method(StateDirectory.prototype, 'writePieces').mock
    const nextSave = async () => {
      const tried = timesTried.callCount()
      for (let turn = 0; timesTried.callCount() === tried; turn++) {
        assert.ok(turn < 1000, 'nothing is saved any more')
        t.mock.timers.tick(5000)
        await new Promise((resolve) => setImmediate(resolve))
      }
      await timesTried.calls.at(-1)!.result
    }
    await nextSave()
    await nextSave()
    assert.equal(warnings.length, 1, warnings.join())
    rmSync(path)
    await nextSave()
    const second = run(path, { app: { a: 0 } })
    assert.equal(second.store.load(), 1)
    await second.store.close()
    await store.close()
  })
})
