import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { OperationRefused } from '../../../src/admin/operation-refused.ts'
import { parseConfig } from '../../../src/config/file.ts'
import { resolve } from '../../../src/config/resolve.ts'
import type { Config } from '../../../src/config/schema.ts'
import { Server } from '../../../src/config/server.ts'
import { type DesiredState, desiredState, resetAll } from '../../../src/control/desired/desired-state.ts'
import { differenceInWords } from '../../../src/control/desired/difference-in-words.ts'
import { driftOf } from '../../../src/control/desired/drift.ts'
import { entriesOf, NOTHING_FOUND } from '../../../src/control/desired/found.ts'
import { NO_CHANGES, OperatorChanges } from '../../../src/control/desired/operator-changes.ts'
import { changeServer, putServer, removeServer, resetServer } from '../../../src/control/desired/server-verbs.ts'

const FORCE = { force: true, isWell: () => true }
const STAMP = { by: 'anna', at: 1 }

/** Random numbers below a bound, the same in each run. */
function randomFrom(seed: number): (bound: number) => number {
  let state = seed
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
}

function randomFile(below: (bound: number) => number): Config {
  const server = (name: string, number: number) => ({
    name,
    address: `10.0.0.${number + 1}:80`,
    weight: 1 + below(3),
    ...(below(6) === 0 && { down: true }),
  })
  const servers = ['a', 'b', 'c', 'd'].map(server).filter(({ name }) => name === 'a' || below(3) > 0)
  const outcome = resolve({ routes: [{ path: '/*', upstream: 'app' }], upstreams: { app: { servers } } })
  assert.ok('value' in outcome, JSON.stringify(outcome))
  return outcome.value
}

type Verb = (now: DesiredState) => DesiredState

function randomVerb(below: (bound: number) => number): Verb {
  const name = { upstream: 'app', server: 'abcdef'[below(6)]! }
  const weight = 1 + below(3)
  const verbs: Verb[] = [
    (now) => changeServer(now, name, { settings: { weight } }, FORCE, STAMP),
    (now) =>
      changeServer(now, name, { admin: (['ready', 'drain', 'maintenance'] as const)[weight - 1]! }, FORCE, STAMP),
    (now) => changeServer(now, name, { settings: { name: 'abcdef'[weight + 2]! } }, FORCE, STAMP),
    (now) => putServer(now, name, { address: `10.0.1.${weight}:80`, weight }, FORCE, STAMP),
    (now) => removeServer(now, name, FORCE, STAMP),
    (now) => resetServer(now, name),
  ]
  return verbs[below(verbs.length)]!
}

function tried(verb: Verb, now: DesiredState): DesiredState {
  try {
    return verb(now)
  } catch (error) {
    assert.ok(error instanceof OperationRefused, String((error as Error).stack))
    return now
  }
}

test('random verbs and reloads: names and ids stay unique, drift and words tell all, a reset gives the file', () => {
  const below = randomFrom(12)
  for (let sequence = 0; sequence < 200; sequence++) {
    let file = randomFile(below)
    let now = desiredState(file, NOTHING_FOUND, NO_CHANGES)
    for (let step = 0; step < 20; step++) {
      const before = now
      if (below(8) === 0) {
        file = randomFile(below)
        now = desiredState(file, NOTHING_FOUND, now.changes)
      } else now = tried(randomVerb(below), now)
      const { servers } = now.config.upstreams[0]!
      assert.equal(new Set(servers.map(({ name }) => name)).size, servers.length)
      assert.equal(new Set(servers.map(({ id }) => id)).size, servers.length)
      const isSame = isDeepStrictEqual(before.config, now.config)
      assert.equal(differenceInWords(before.config, now.config).length === 0, isSame)
      if (driftOf(now).length === 0) assert.deepEqual(now.config, file)
      // A restart reads what was saved.
      const saved = OperatorChanges.parse(JSON.parse(JSON.stringify(now.changes)))
      assert.deepEqual(desiredState(file, NOTHING_FOUND, saved).config, now.config)
      assert.deepEqual(resetAll(now, file).config, file)
    }
  }
})

test('a change that the file has by now is no drift', () => {
  const file = (weight: number) => {
    const servers = [{ name: 'a', address: '10.0.0.1:80', weight }]
    const outcome = resolve({ routes: [{ path: '/*', upstream: 'app' }], upstreams: { app: { servers } } })
    assert.ok('value' in outcome)
    return outcome.value
  }
  const name = { upstream: 'app', server: 'a' }
  const changed = changeServer(
    desiredState(file(1), NOTHING_FOUND, NO_CHANGES),
    name,
    { settings: { weight: 3 } },
    FORCE,
    STAMP,
  )
  assert.equal(driftOf(changed).length, 1)
  assert.deepEqual(driftOf(desiredState(file(3), NOTHING_FOUND, changed.changes)), [])
})

test('a found server that is about to end is no last resort once an operator drains it, and that is a change', () => {
  const text = `
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: { from: docker } } }
  `
  const file = parseConfig(text, 'limpet.yaml', {})
  const { key } = entriesOf(file.upstreams[0]!)[0]!
  const foundAs = (state: Partial<Server>) => {
    const server = { ...Server.parse({ name: 'a', address: '10.0.0.1:80' }), source: 'docker', ...state }
    return { servers: new Map([[key, [server]]]), landscapes: [] }
  }
  const ending = foundAs({ returns: true, drain: true, ending: true })
  const name = { upstream: 'app', server: 'a' }
  const stateOf = ({ config }: DesiredState) => {
    const { drain, down, ending = false } = config.upstreams[0]!.servers[0]!
    return { drain, down, ending }
  }
  const now = desiredState(file, ending, NO_CHANGES)
  const ready = desiredState(file, foundAs({ returns: true }), NO_CHANGES)
  assert.deepEqual(differenceInWords(ready.config, now.config), ['upstream app: server a: ready → drain (ending)'])
  for (const [admin, expected] of [
    ['ready', { drain: true, down: false, ending: true }],
    ['drain', { drain: true, down: false, ending: false }],
    ['maintenance', { drain: true, down: true, ending: false }],
  ] as const) {
    const changed = changeServer(now, name, { admin }, FORCE, STAMP)
    assert.deepEqual(stateOf(changed), expected)
    const before = changeServer(ready, name, { admin }, FORCE, STAMP)
    assert.deepEqual(stateOf(desiredState(file, ending, before.changes)), expected, 'also if it was changed before')
  }
  const drained = changeServer(now, name, { admin: 'drain' }, FORCE, STAMP)
  assert.equal(differenceInWords(drained.config, now.config).length, 1)
})
