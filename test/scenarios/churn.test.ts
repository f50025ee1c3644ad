/** 10,000 servers come and go under load, with fewer slots than that: none leaks, and what is counted is true. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from '../../src/config/file.ts'
import type { Config } from '../../src/config/schema.ts'
import { MAX_SERVERS } from '../../src/runtime/bounds.ts'
import { wallSeconds } from '../../src/runtime/clock.ts'
import { temporaryFolder } from '../support/folder.ts'
import { httpOrigin } from '../support/origin.ts'
import { User } from '../support/user.ts'
import { WatchedBalancer } from './applied/watched-balancer.ts'

const SERVERS = 10_000
const BATCH = 250
/** Servers that stay, and leave fewer slots than servers come. */
const STAYING = MAX_SERVERS - 8 * BATCH
const USERS = 8

test('10,000 servers come and go', async (t) => {
  const { address } = await httpOrigin(t, (_request, response) => response.end('ok'))
  const folder = await temporaryFolder(t)
  const serversOf = (batch: number) =>
    Array.from({ length: BATCH }, (_, index) => ({ name: `s${batch * BATCH + index}`, address }))
  const file = {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    workers: 2,
    stateDirectory: folder,
    accessLog: 'off',
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: {
      app: { affinity: 'cookie', servers: [{ name: 'last', address }] },
      staying: { servers: Array.from({ length: STAYING }, (_, index) => ({ name: `staying-${index}`, address })) },
    },
  }
  const first = parseConfig(JSON.stringify(file), 'limpet.yaml', {})
  const [app, staying] = first.upstreams as [Config['upstreams'][number], Config['upstreams'][number]]
  const template = app.servers[0]!
  const configOf = (servers: readonly { name: string }[]): Config => ({
    ...first,
    upstreams: [{ ...app, servers: servers.map(({ name }) => ({ ...template, name, id: name })) }, staying],
  })
  const watched = await WatchedBalancer.start(t, first)
  let isOver = false
  const failed: unknown[] = []
  let served = 0
  const users = Array.from({ length: USERS }, async () => {
    while (!isOver) {
      const user = new User()
      for (let visit = 0; visit < 3; visit++) {
        const { status } = await user.get(watched.port).catch((error) => ({ status: error as unknown }))
        if (status === 200) served++
        else failed.push(status)
      }
    }
  })
  for (let batch = 0; batch < SERVERS / BATCH; batch++) {
    await watched.balancer.apply(configOf(serversOf(batch)))
  }
  isOver = true
  await Promise.all(users)
  assert.deepEqual(failed, [])
  assert.ok(served > 0)

  // The second apply returns the slots of the servers that the first one has removed.
  await watched.balancer.apply(configOf([{ name: 'last' }]))
  await watched.quiet(Array.from({ length: MAX_SERVERS }, (_, slot) => slot))
  await watched.balancer.apply(configOf([{ name: 'last' }, { name: 'after' }]))
  const current = new Set([...watched.slotsOf('app').values(), ...watched.slotsOf('staying').values()])
  assert.equal(current.size, STAYING + 2)
  const slots = Array.from({ length: MAX_SERVERS }, (_, slot) => slot)
  const { servers } = watched.scoreboard
  const others = slots.filter((slot) => !current.has(slot))
  assert.deepEqual(
    others.filter((slot) => servers.requests(slot) !== 0 || servers.failures(slot) !== 0),
    [],
  )
  const counts = watched.sessions.count(slots, wallSeconds())
  assert.deepEqual(
    others.filter((slot) => counts.get(slot)!.live !== 0),
    [],
  )
  assert.deepEqual(
    slots.filter((slot) => servers.inFlight(slot) !== 0 || servers.tunnels(slot) !== 0),
    [],
  )
  // As many as there is room for come at once: no slot was lost.
  const room = MAX_SERVERS - STAYING - 2
  const full = [
    { name: 'last' },
    { name: 'after' },
    ...Array.from({ length: room }, (_, index) => ({ name: `full-${index}` })),
  ]
  await watched.balancer.apply(configOf(full))
})
