import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resolve } from '../../../src/config/resolve.ts'
import type { Config } from '../../../src/config/schema.ts'
import { type DesiredState, desiredState } from '../../../src/control/desired/desired-state.ts'
import { differenceInWords } from '../../../src/control/desired/difference-in-words.ts'
import { NOTHING_FOUND } from '../../../src/control/desired/found.ts'
import { withGradualRemovals, withoutDrained } from '../../../src/control/desired/gradual-removal.ts'
import { NO_CHANGES } from '../../../src/control/desired/operator-changes.ts'
import { changeServer, removeServer, resetServer } from '../../../src/control/desired/server-verbs.ts'

const FORCE = { force: true, isWell: () => true }
const STAMP = { by: 'anna', at: 1 }
const WEB_1 = { upstream: 'app', server: 'web-1' }
const WEB_2 = { upstream: 'app', server: 'web-2' }
const SERVERS = [
  { name: 'web-1', address: '10.0.0.1:80' },
  { name: 'web-2', address: '10.0.0.2:80' },
]

function fileWith(app: object): Config {
  const outcome = resolve({
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: { app: { servers: SERVERS, ...app } },
  })
  assert.ok('value' in outcome, JSON.stringify(outcome))
  return outcome.value
}

function states({ config }: DesiredState): string[] {
  return config.upstreams[0]!.servers.map(({ name, drain }) => (drain ? `${name} drains` : name))
}

test('a server of the file that an operator removes drains first, through other changes, and stays removed', () => {
  const file = desiredState(fileWith({ drain: { removeAfter: '10m' } }), NOTHING_FOUND, NO_CHANGES)
  const leaving = withGradualRemovals(file, removeServer(file, WEB_1, FORCE, STAMP), 5)
  assert.deepEqual(states(leaving), ['web-1 drains', 'web-2'])
  const edit = changeServer(leaving, WEB_2, { settings: { weight: 3 } }, FORCE, STAMP)
  const changed = withGradualRemovals(leaving, edit, 6)
  assert.deepEqual(states(changed), ['web-1 drains', 'web-2'])
  const gone = withGradualRemovals(changed, withoutDrained(changed, 'app', 'web-1', 7), 7)
  assert.deepEqual(states(gone), ['web-2'])
  const reloaded = withGradualRemovals(
    gone,
    desiredState(fileWith({ drain: { removeAfter: '5m' } }), NOTHING_FOUND, gone.changes),
    8,
  )
  assert.deepEqual(states(reloaded), ['web-2'])
  assert.deepEqual(states(withGradualRemovals(reloaded, resetServer(reloaded, WEB_1), 9)), ['web-1', 'web-2'])
})

test('the settings of an upstream without servers change', () => {
  const file = desiredState(fileWith({}), NOTHING_FOUND, NO_CHANGES)
  const empty = [WEB_1, WEB_2].reduce((state, name) => removeServer(state, name, FORCE, STAMP), file)
  const other = desiredState(fileWith({ balance: 'least-connections' }), NOTHING_FOUND, empty.changes)
  const changes = differenceInWords(empty.config, other.config)
  assert.equal(changes.length, 1)
  assert.match(changes[0]!, /^upstream app: balance/)
})
