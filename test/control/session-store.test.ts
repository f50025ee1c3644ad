/** Sessions on disk: what one run of the program leaves to the next. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { parseHead, RECORD, readRecord } from '../../src/control/sessions/session-file.ts'
import { SessionStore } from '../../src/control/sessions/session-store.ts'
import { StateDirectory } from '../../src/control/state/state-directory.ts'
import { wallSeconds } from '../../src/runtime/clock.ts'
import { PARTS } from '../../src/runtime/session-table/layout.ts'
import { SessionTable } from '../../src/runtime/session-table.ts'
import type { Upstream } from '../../src/runtime/snapshot.ts'

const listeners = [{ address: '::', port: 80, proxyProtocol: false }]

/** Slots by the names of servers, by the names of upstreams. */
type Upstreams = Readonly<Record<string, Readonly<Record<string, number>>>>

/** A run of the program on upstreams with these servers, by name and slot. */
function run(
  path: string,
  upstreams: Upstreams,
  instance = 'shop',
  kinds: Readonly<Record<string, string>> = {},
  key = new Uint8Array(16),
) {
  const sessions = SessionTable.withKey(key)
  const warnings: string[] = []
  const snapshotOf = (upstreams: Upstreams) =>
    Object.entries(upstreams).map(([name, servers]) => ({
      name,
      affinity: { type: kinds[name] ?? 'learn', idle: 60_000 },
      servers: Object.entries(servers).map(([name, slot]) => ({ id: name, name, slot })),
    })) as unknown as Upstream[]
  const snapshot = snapshotOf(upstreams)
  sessions.apply(snapshot)
  const directory = new StateDirectory(path, {}, (warning) => warnings.push(warning))
  const store = new SessionStore(sessions, directory, snapshot, instance, listeners)
  return { sessions, warnings, store, apply: (next: Upstreams) => store.apply(snapshotOf(next)) }
}

/** The ids of the sessions in a file, by the names of their upstream and server. */
function savedIn(file: string): Record<string, number[]> {
  const bytes = readFileSync(file)
  const { head, length } = parseHead(bytes)!
  const saved: Record<string, number[]> = {}
  for (let at = length; at < bytes.length; at += RECORD) {
    const { high, server } = readRecord(bytes, at)!
    const name = head.servers[server]!.join(' ')
    saved[name] = [...(saved[name] ?? []), high]
  }
  return saved
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
      assert.match(second.warnings.join(), /holds no sessions that can be read, and is ignored/)
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
    while (!readdirSync(path).some((name) => /^sessions-shop~[^.]*$/.test(name))) await turn()
    const second = run(path, { app: { a: 0 } })
    assert.equal(second.store.load(), 1)
    await first.store.close()
    await second.store.close()
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

/** Resolves once the condition holds: what it is about happens in other turns of the event loop, or in other processes. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn()
}

/** The files of a folder, without those that are just being written. */
const filesIn = (path: string) => readdirSync(path).filter((name) => !name.endsWith('.new'))

const servers = { app: { a: 0, b: 1 } }

describe('two runs that overlap', () => {
  test('know of each session what happened last, also after the earlier one has ended', async (t) => {
    const path = folder(t)
    const now = wallSeconds()
    const old = run(path, servers)
    old.sessions.put(1, 1, 0, now - 20)
    old.sessions.put(2, 1, 0, now - 20)
    old.sessions.put(3, 1, 0, now - 20)
    const socket = old.sessions.enter(4, 1, 0, now - 20)
    const another = old.sessions.enter(5, 1, 0, now - 20)
    await old.store.flush()
    const next = run(path, servers)
    assert.equal(next.store.load(), 5)
    // Meanwhile 1 moves and 2 logs out at the next one, 3 moves at the old one, 6 begins there, and its sockets end.
    next.sessions.put(1, 1, 1, now - 10)
    next.sessions.remove(2, 1, now - 10)
    next.sessions.remove(5, 1, now - 10)
    old.sessions.put(3, 1, 1, now - 10)
    old.sessions.put(6, 1, 1, now - 10)
    old.sessions.leave(socket, 4, 1, now)
    old.sessions.leave(another, 5, 1, now)
    await until(() => next.sessions.find(6, 1, now) === 1)
    await old.store.close()
    await until(() => filesIn(path).length === 1)
    const homes = ({ sessions }: typeof next) => [1, 2, 3, 4, 5, 6].map((id) => sessions.find(id, 1, now))
    assert.deepEqual(homes(next), [1, -1, 1, 0, -1, 1])
    await next.store.close()
    const third = run(path, servers)
    assert.equal(third.store.load(), 4)
    assert.deepEqual(homes(third), [1, -1, 1, 0, -1, 1])
    await third.store.close()
    assert.equal(filesIn(path).length, 1)
  })

  test('of different instances leave each other alone', async (t) => {
    const path = folder(t)
    const now = wallSeconds()
    const replica = run(path, servers, 'replica')
    replica.sessions.put(1, 1, 0, now)
    await replica.store.flush()
    const before = filesIn(path)
    const other = run(path, servers)
    assert.equal(other.store.load(), 0)
    other.sessions.put(2, 1, 0, now)
    await other.store.close()
    assert.deepEqual(
      filesIn(path).filter((name) => name.includes('replica')),
      before,
    )
    await replica.store.close()
  })

  test('keep a file each, also where one was removed while its owner went on', async (t) => {
    const path = folder(t)
    const now = wallSeconds()
    const { sessions, store } = run(path, servers)
    sessions.put(1, 1, 0, now)
    await store.flush()
    for (const name of filesIn(path)) rmSync(join(path, name))
    sessions.put(2, 1, 0, now)
    await until(() => filesIn(path).length === 1)
    await store.flush()
    const next = run(path, servers)
    assert.equal(next.store.load(), 2)
    await Promise.all([store.close(), next.store.close()])
  })
})

describe('two runs in step', () => {
  test('each know what the other has seen, and a removal, until one has ended', async (t) => {
    const path = folder(t)
    const now = wallSeconds()
    const old = run(path, servers)
    old.sessions.put(1, 1, 0, now - 20)
    old.sessions.put(2, 1, 0, now - 20)
    await old.store.flush()
    old.store.keepInStep()
    const next = run(path, servers)
    assert.equal(next.store.load(), 2)
    next.store.keepInStep()
    next.sessions.put(1, 1, 1, now - 10)
    next.sessions.remove(2, 1, now - 10)
    next.sessions.put(3, 1, 1, now - 10)
    old.sessions.put(4, 1, 0, now - 10)
    const homes = ({ sessions }: typeof next) => [1, 2, 3, 4].map((id) => sessions.find(id, 1, now))
    for (const each of [old, next]) await until(() => String(homes(each)) === '1,-1,1,0')
    await old.store.close()
    await until(() => filesIn(path).length === 1)
    next.sessions.put(5, 1, 0, now)
    await next.store.close()
    const third = run(path, servers)
    assert.equal(third.store.load(), 4)
    assert.deepEqual(homes(third), [1, -1, 1, 0])
    await third.store.close()
  })

  test('lose nothing if the later one fails, or if both end at once', async (t) => {
    const path = folder(t)
    const now = wallSeconds()
    const old = run(path, servers)
    old.sessions.put(1, 1, 0, now)
    await old.store.flush()
    old.store.keepInStep()
    const failed = run(path, servers)
    failed.store.load()
    failed.sessions.put(2, 1, 1, now)
    await failed.store.flush()
    await until(() => old.sessions.find(2, 1, now) === 1)
    await failed.store.close()
    old.store.keepInStep()
    const next = run(path, servers)
    next.store.load()
    next.sessions.put(3, 1, 1, now)
    old.sessions.put(4, 1, 0, now)
    await Promise.all([old.store.close(), next.store.close()])
    const last = run(path, servers)
    assert.equal(last.store.load(), 4)
    await last.store.flush()
    assert.equal(filesIn(path).length, 1)
    await last.store.close()
  })

  test('that are no longer in step read nothing of later ones', async (t) => {
    const path = folder(t)
    const now = wallSeconds()
    const old = run(path, servers)
    const end = await old.store.keepInStep()
    end()
    const next = run(path, servers)
    next.sessions.put(1, 1, 0, now)
    await next.store.flush()
    await old.store.flush()
    assert.equal(old.sessions.find(1, 1, now), -1)
    await Promise.all([old.store.close(), next.store.close()])
  })
})

describe('files that are named after listeners', () => {
  test('are read by the instance that has these listeners, and removed once its own file has everything', async (t) => {
    const path = folder(t)
    const now = wallSeconds()
    const first = run(path, servers)
    first.sessions.put(1, 1, 0, now)
    await first.store.close()
    renameSync(join(path, filesIn(path)[0]!), join(path, 'sessions-..-80~1700000000000-0123abcd'))
    const second = run(path, servers)
    second.sessions.put(2, 1, 1, now)
    await second.store.close()
    // Another Limpet's, with other listeners.
    writeFileSync(join(path, 'sessions-..-8080~1700000000000-0123abcd'), 'not read')
    const third = run(path, servers)
    assert.equal(third.store.load(), 2)
    await third.store.flush()
    const [foreign, own, ...more] = filesIn(path).sort()
    assert.equal(foreign, 'sessions-..-8080~1700000000000-0123abcd')
    assert.match(own!, /^sessions-shop~\d+-[0-9a-f]{8}$/)
    assert.deepEqual(more, [])
    await third.store.close()
  })

  test('count less than what a later run of the instance has saved', async (t) => {
    const path = folder(t)
    const now = wallSeconds()
    const first = run(path, servers)
    first.sessions.put(1, 1, 0, now)
    await first.store.close()
    renameSync(join(path, filesIn(path)[0]!), join(path, 'sessions-..-80~1700000000000-0123abcd'))
    const second = run(path, servers)
    second.sessions.put(1, 1, 1, now)
    await second.store.close()
    const third = run(path, servers)
    assert.equal(third.store.load(), 1)
    assert.equal(third.sessions.find(1, 1, now), 1)
    await third.store.close()
  })
})

describe('changes', () => {
  test('are appended, and the file is written whole again once there are too many', async (t) => {
    const path = folder(t)
    const now = wallSeconds()
    const { sessions, store } = run(path, servers)
    sessions.put(1, 1, 0, now)
    await store.flush()
    const file = join(path, filesIn(path)[0]!)
    const size = statSync(file).size
    let largest = 0
    for (let round = 0; round < 40; round++) {
      for (let id = 0; id < 5000; id++) sessions.put(id, 2, round % 2, now)
      await store.flush()
      largest = Math.max(largest, statSync(file).size)
    }
    assert.ok(largest > size + 100_000, 'changes are appended')
    assert.ok(largest < 2_500_000, `the file has grown to ${largest} bytes`)
    await store.close()
    const next = run(path, servers)
    assert.equal(next.store.load(), 5001)
    await next.store.close()
  })

  test('of which the last is torn are kept but for that one', async (t) => {
    const path = folder(t)
    const now = wallSeconds()
    const first = run(path, servers)
    first.sessions.put(1, 1, 0, now)
    await first.store.flush()
    first.sessions.put(2, 1, 1, now)
    first.sessions.put(3, 1, 1, now)
    await first.store.flush()
    const file = join(path, filesIn(path)[0]!)
    const whole = readFileSync(file)
    const torn = folder(t)
    for (const lost of [0, 1, 7, 19, 20, 21, 39, 40]) {
      const kept = run(torn, servers)
      writeFileSync(join(torn, 'sessions-shop~1'), whole.subarray(0, whole.length - lost))
      assert.equal(kept.store.load(), 3 - Math.ceil(lost / 20), `without ${lost} bytes`)
      await kept.store.close()
      for (const name of filesIn(torn)) rmSync(join(torn, name))
    }
    // A page that never came to the disk.
    writeFileSync(join(torn, 'sessions-shop~1'), Buffer.concat([whole, Buffer.alloc(4096)]))
    const padded = run(torn, servers)
    assert.equal(padded.store.load(), 3)
    await Promise.all([first.store.close(), padded.store.close()])
  })

  test('of sessions that go by a key mean something under the same key only', async (t) => {
    const path = folder(t)
    const now = wallSeconds()
    const upstreams = { app: { a: 0 }, api: { b: 1 } }
    const kinds = { app: 'cookie', api: 'consistent-hash' }
    const first = run(path, upstreams, 'shop', kinds)
    first.sessions.put(1, 1, 0, now)
    first.sessions.put(2, 1, 1, now)
    await first.store.close()
    const second = run(path, upstreams, 'shop', kinds)
    assert.equal(second.store.load(), 2)
    await second.store.close()
    const third = run(path, upstreams, 'shop', kinds, new Uint8Array(16).fill(1))
    assert.equal(third.store.load(), 1)
    assert.equal(third.sessions.find(1, 1, now), 0)
    await third.store.close()
  })

  test('keep what only the first version of the file has: learnt sessions, and no keys', async (t) => {
    const path = folder(t)
    const record = Buffer.alloc(20)
    record.writeInt32LE(7, 0)
    record.writeInt32LE(1, 4)
    record.writeUInt32LE(wallSeconds(), 12)
    record.writeUInt32LE(wallSeconds(), 16)
    const keyed = Buffer.from(record)
    keyed.writeUInt32LE(1, 8)
    keyed.writeInt32LE(8, 0)
    const head = 'limpet sessions 1\n[["app","a"],["api","b"]]\n'
    writeFileSync(join(path, 'sessions-..-80'), Buffer.concat([Buffer.from(head), record, keyed]))
    const next = run(path, { app: { a: 0 }, api: { b: 1 } }, 'shop', { api: 'consistent-hash' })
    assert.equal(next.store.load(), 1)
    assert.equal(next.sessions.find(7, 1, wallSeconds()), 0)
    await next.store.close()
    assert.equal(filesIn(path).length, 1)
  })
})

describe('another list of servers', () => {
  test('takes effect in the same run: sessions of new servers are kept, and those of servers that are gone are not', async (t) => {
    const path = folder(t)
    const now = wallSeconds()
    const first = run(path, { app: { a: 0, b: 1 } })
    first.sessions.put(1, 1, 0, now)
    first.sessions.put(2, 1, 1, now)
    await first.store.flush()
    await first.apply({ api: { z: 2 }, app: { c: 3, b: 1 } })
    first.sessions.put(3, 1, 2, now)
    first.sessions.put(4, 1, 3, now)
    await first.store.flush()
    // As a crash leaves it.
    const second = run(path, { app: { a: 0, b: 1, c: 2 }, api: { z: 3 } })
    assert.equal(second.store.load(), 3)
    assert.deepEqual(
      [1, 2, 3, 4].map((id) => second.sessions.find(id, 1, now)),
      [-1, 1, 3, 2],
    )
    await Promise.all([first.store.close(), second.store.close()])
  })

  test('loses nothing where the file cannot be rewritten at first: what is appended counts by the list that is in it', async (t) => {
    const path = folder(t)
    const now = wallSeconds()
    const first = run(path, { app: { a: 0, b: 1 } })
    first.sessions.put(1, 1, 0, now)
    await first.store.flush()
    const [name] = filesIn(path)
    // Where the file is to be written whole there is a folder.
    mkdirSync(join(path, `${name}.new`))
    await first.apply({ app: { b: 1, new: 2 } })
    first.sessions.put(2, 1, 1, now)
    first.sessions.put(3, 1, 2, now)
    await first.store.flush()
    // The slot of a server that is gone is another's by now.
    for (let part = 0; part < PARTS; part++) first.sessions.sweep(part, new Set([0]))
    await first.apply({ app: { b: 1, newer: 0 } })
    first.sessions.put(4, 1, 0, now)
    await first.store.flush()
    assert.deepEqual(savedIn(join(path, name!)), { 'app a': [1], 'app b': [2] })
    rmSync(join(path, `${name}.new`), { recursive: true })
    await first.store.flush()
    assert.deepEqual(savedIn(join(path, name!)), { 'app b': [2], 'app newer': [4] })
    await first.store.close()
  })

  test('is written with the first session only', async (t) => {
    const path = folder(t)
    const idle = run(path, { app: { a: 0 } })
    await idle.apply({ app: { b: 1 } })
    await idle.store.flush()
    await idle.store.close()
    assert.deepEqual(readdirSync(path), [])
  })

  test('that is the same again is not written again', async (t) => {
    const path = folder(t)
    const first = run(path, { app: { a: 0, b: 1 } })
    first.sessions.put(1, 1, 0, wallSeconds())
    await first.store.flush()
    const inode = () => statSync(join(path, filesIn(path)[0]!)).ino
    const before = inode()
    await first.apply({ app: { a: 0, b: 1 } })
    first.sessions.put(2, 1, 1, wallSeconds())
    await first.store.flush()
    assert.equal(inode(), before)
    await first.apply({ app: { a: 0 } })
    await first.store.flush()
    assert.notEqual(inode(), before)
    await first.store.close()
  })

  test('counts for what an earlier run still saves', async (t) => {
    const path = folder(t)
    const now = wallSeconds()
    const old = run(path, { app: { a: 0, b: 1, c: 2 } })
    old.sessions.put(1, 1, 0, now)
    await old.store.flush()
    const next = run(path, { app: { a: 0, b: 1 } })
    assert.equal(next.store.load(), 1)
    await next.apply({ app: { b: 5, c: 0 } })
    old.sessions.put(2, 1, 0, now)
    old.sessions.put(3, 1, 1, now)
    old.sessions.put(4, 1, 2, now)
    await until(() => next.sessions.find(4, 1, now) === 0)
    assert.equal(next.sessions.find(3, 1, now), 5)
    assert.equal(next.sessions.find(2, 1, now), -1)
    await Promise.all([old.store.close(), next.store.close()])
  })
})
