/** `from: swarm` before a stand-in for a manager, with recorded answers; test/long/swarm.long.ts has a real one. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { SwarmLabels, SwarmSource } from '../../src/config/sources/swarm.ts'
import { swarmLandscape, swarmProvider } from '../../src/discovery/swarm.ts'
import { StandInManager } from '../support/stand-in-manager.ts'
import { inLines, Watched } from '../support/watched.ts'

/** Of t-web.2, in the recorded answers. */
const SECOND = '8n9igzcqcybn2g4370g944aop'

const BOTH = ['t-web.1 127.0.0.1:32768', 't-web.2 127.0.0.1:32769']

async function watched(test: TestContext, more: Record<string, unknown> = {}) {
  const manager = await StandInManager.start(test)
  const source = SwarmSource.parse({
    from: 'swarm',
    host: manager.host,
    service: 't-web',
    port: 80,
    poll: '1h',
    ...more,
  })
  return { manager, web: new Watched(test, swarmProvider(source, 'web')) }
}

test('the tasks of a service are servers by service and slot, at the ports that their nodes publish', async (t) => {
  const { manager, web } = await watched(t)
  const list = await web.next()
  assert.deepEqual(inLines(list), BOTH)
  assert.deepEqual(list.mistakes, [])
  assert.deepEqual([...new Set(manager.requests)].sort(), [
    'GET /_ping',
    'GET /v1.41/events',
    'GET /v1.41/nodes',
    'GET /v1.41/services',
    'GET /v1.41/tasks',
  ])
})

test('a task whose container has been asked to stop drains at once, before the list of tasks says so', async (t) => {
  const { manager, web } = await watched(t)
  await web.next()
  manager.happened('kill', SECOND, { signal: '15' })
  const list = await web.next()
  assert.deepEqual(inLines(list), [BOTH[0], `${BOTH[1]} drain`])
  assert.equal(list.isUrgent, true)
  manager.happened('die', SECOND)
  assert.deepEqual(inLines(await web.next()), [BOTH[0]])
})

test('a signal that does not stop it changes nothing', async (t) => {
  const { manager, web } = await watched(t)
  await web.next()
  manager.happened('kill', SECOND, { signal: '1' })
  assert.equal(await web.isQuietFor(300), true)
})

test('an update of a service is followed until it is over, by asking more often', async (t) => {
  const { manager, web } = await watched(t)
  await web.next()
  manager.moment = 'updating'
  manager.updated()
  assert.deepEqual(inLines(await web.next()), [`${BOTH[0]} drain`])
  // No event says these: on other nodes there are none.
  manager.moment = 'starting'
  assert.deepEqual(inLines(await web.next()), [])
  manager.moment = 'updated'
  assert.match(inLines(await web.next()).join(), /^t-web\.1 127\.0\.0\.1:\d+$/)
})

test('without any event, a change is found by the next poll', async (t) => {
  const { manager, web } = await watched(t, { poll: '500ms' })
  await web.next()
  manager.moment = 'scaled'
  assert.deepEqual(inLines(await web.next()), [BOTH[0], `${BOTH[1]} drain`])
})

test('a node that is no manager is an error that says what to do', async (t) => {
  const { manager, web } = await watched(t)
  manager.refusal = 'This node is not a swarm manager.'
  await assert.rejects(web.next(), /is no manager of a Swarm: name one as host, or make one with docker swarm init/)
})

test('the end of the stream of events is an error, so that it is opened again', async (t) => {
  const { manager, web } = await watched(t)
  await web.next()
  manager.forget()
  await assert.rejects(web.next(), /closed its stream of events/)
})

test('it ends when it is no longer wanted, also while it waits', async (t) => {
  const { web } = await watched(t)
  await web.next()
  await web.end()
})

test('labels of Traefik on a service make an upstream of its tasks, and a route', async (t) => {
  const manager = await StandInManager.start(t)
  manager.services[0]!.Spec.Labels = {
    'traefik.http.routers.web.rule': 'Host(`web.example.org`)',
    'traefik.http.services.web.loadbalancer.server.port': '80',
  }
  const labels = SwarmLabels.parse({ host: manager.host, compatibility: ['traefik'] })
  const ends = new AbortController()
  t.after(() => ends.abort())
  for await (const { upstreams, routes } of swarmLandscape(labels).watch(ends.signal)) {
    const web = upstreams.find(({ name }) => name === 'web')
    assert.deepEqual(inLines(web!), BOTH)
    assert.deepEqual(
      routes.map(({ upstream, settings }) => ({ upstream, settings })),
      [{ upstream: 'web', settings: { host: ['web.example.org'], path: ['/*'] } }],
    )
    break
  }
})
