/** The event stream, as a browser's EventSource or a program reads it. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import type { AdminEvent } from '../../src/admin/event-feed.ts'
import { EventRing } from '../../src/control/event-ring.ts'
import { RawClient } from '../support/raw-client.ts'
import { served } from './served.ts'

const died = (worker: number, cause = 'test'): AdminEvent => ({ type: 'worker-died', worker, cause, ms: 0 })

async function watch(t: TestContext, port: number, lastId?: number): Promise<RawClient> {
  const client = await RawClient.connect(t, port)
  const last = lastId === undefined ? '' : `Last-Event-ID: ${lastId}\r\n`
  client.say(`GET /v1/events HTTP/1.1\r\nHost: localhost\r\n${last}\r\n`)
  await client.hear(/retry: 2000\n\n/)
  return client
}

/** The ids, types and workers of the events that a client has heard. */
function heardBy({ heard }: RawClient): string[] {
  return [...heard.matchAll(/id: (\d+)\nevent: (\S+)\ndata: (.*)\n\n/g)].map(([, id, type, data]) =>
    `${id} ${type} ${JSON.parse(data!).worker ?? ''}`.trim(),
  )
}

test('events come as they happen, and after a break from where a client was', async (t) => {
  const { port, events } = await served(t, { events: new EventRing(100) })
  const first = await watch(t, port)
  events.add(died(1))
  events.add(died(2))
  await first.hear(/id: 102\n.*\n\n/s)
  assert.match(first.heard, /^HTTP\/1\.1 200 .*content-type: text\/event-stream/is)
  assert.deepEqual(heardBy(first), ['101 worker-died 1', '102 worker-died 2'])
  first.socket.destroy()
  events.add(died(3))
  const again = await watch(t, port, 101)
  events.add(died(4))
  await again.hear(/id: 104\n.*\n\n/s)
  assert.deepEqual(heardBy(again), ['102 worker-died 2', '103 worker-died 3', '104 worker-died 4'])
})

test('a client that was away for too long, or comes from another run, is told so', async (t) => {
  const { port, events } = await served(t, { events: new EventRing(100, 2) })
  for (let worker = 1; worker <= 5; worker++) events.add(died(worker))
  for (const lastId of [101, 7, 900]) {
    const client = await watch(t, port, lastId)
    await client.hear(/id: 105\n.*\n\n/s)
    assert.deepEqual(heardBy(client), ['103 gap', '104 worker-died 4', '105 worker-died 5'], String(lastId))
  }
  const neverAway = await watch(t, port, 105)
  events.add(died(6))
  await neverAway.hear(/id: 106\n.*\n\n/s)
  assert.deepEqual(heardBy(neverAway), ['106 worker-died 6'])
})

test('a client that reads too slowly is dropped, and holds up nobody', async (t) => {
  const { port, events } = await served(t)
  const slow = await watch(t, port)
  slow.socket.pause()
  const reading = request({ port, path: '/v1/events', agent: false }).end()
  const [other] = await once(reading, 'response')
  const lines = createInterface({ input: other })[Symbol.asyncIterator]()
  const long = 'x'.repeat(100_000)
  // The kernel takes some megabytes before the rest waits here.
  for (let event = 0; event < 200; event++) {
    events.add(died(event, long))
    while ((await lines.next()).value !== `id: ${events.newest}`);
  }
  other.destroy()
  slow.socket.resume()
  await slow.goodbye()
  assert.ok(slow.heard.includes('worker-died'))
  assert.ok(!slow.heard.includes(`id: ${events.newest}\n`), 'it was dropped before the last event')
  const again = await watch(t, port, events.newest - 1)
  await again.hear(/data: .*\n\n/)
  assert.deepEqual(heardBy(again), [`${events.newest} worker-died 199`])
})

test('at most 32 clients watch at a time, and one that is gone makes room', async (t) => {
  const { port, ask, events } = await served(t)
  const clients = await Promise.all(Array.from({ length: 32 }, () => watch(t, port)))
  const { status, headers, body } = await ask('GET', '/v1/events')
  assert.deepEqual([status, body.type, headers['retry-after']], [503, '/problems/busy', '10'])
  assert.equal((await ask('GET', '/v1/status')).status, 200)
  clients[0]!.socket.destroy()
  for (;;) {
    const next = await RawClient.connect(t, port)
    next.say('GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n')
    if (/^HTTP\/1\.1 200 /.test(await next.hear(/\r\n\r\n/))) break
  }
  events.add(died(0))
})
