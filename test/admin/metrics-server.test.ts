/** The listener of the metrics, and clients that do not read. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { AdminListener, type PortPlace } from '../../src/admin/admin-listener.ts'
import { MetricsServer } from '../../src/admin/metrics-server.ts'
import { RawClient } from '../support/raw-client.ts'

const SCRAPE = 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n'

/** More than the system takes from a connection that nobody reads. */
const LARGE = new Uint8Array(16 * 1024 * 1024)

async function started(t: TestContext): Promise<number> {
  const metrics = { write: async () => [LARGE] }
  const load = async () => new MetricsServer(metrics, (bug) => assert.fail(String(bug)))
  const listener = await AdminListener.start({ address: '127.0.0.1', port: 0 }, load)
  t.after(() => listener.close())
  return (listener.place as PortPlace).port
}

async function statusOf(port: number): Promise<number> {
  return (await fetch(`http://127.0.0.1:${port}/metrics`, { method: 'HEAD' })).status
}

for (const [how, clients, requests] of [
  ['each on a connection of its own', 8, 1],
  ['one after the other on one connection', 1, 8],
] as const) {
  test(`8 scrapes that nobody reads are all there may be, until their clients are gone: ${how}`, async (t) => {
    const port = await started(t)
    const held = await Promise.all(Array.from({ length: clients }, () => RawClient.connect(t, port)))
    for (const client of held) {
      client.socket.pause()
      client.say(SCRAPE.repeat(requests))
    }
    while ((await statusOf(port)) !== 503);
    for (const { socket } of held) {
      socket.destroy()
      if (!socket.closed) await once(socket, 'close')
    }
    while ((await statusOf(port)) !== 200);
  })
}
