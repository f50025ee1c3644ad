/** For how long a connection to a server serves one request after another (`keepAlive`). */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

/** A server that answers each request with the number of the connection that it came on, after `delay` ms. */
async function numbering(test: TestContext, keepAlive: object, delay = 0) {
  let connections = 0
  const numbers = new WeakMap<object, number>()
  const origin = await httpOrigin(test, async (request, response) => {
    const { socket } = request
    if (!numbers.has(socket)) numbers.set(socket, ++connections)
    if (delay > 0) await setTimeout(delay)
    response.end(`connection ${numbers.get(socket)}.`)
  })
  const limpet = await startLimpet(test, {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    workers: 1,
    routes: [{ path: '/*', upstream: 'one' }],
    upstreams: { one: { servers: [origin.address], keepAlive } },
  })
  const client = await RawClient.connect(test, limpet.port)
  const ask = async () => {
    client.say(GET)
    return Number(/connection (\d+)\./.exec(await client.take(/connection \d+\./))![1])
  }
  return { origin, ask }
}

describe('a connection to a server', () => {
  test('serves as many requests as it may, and then another one does', async (t) => {
    const { ask } = await numbering(t, { requestsPerConnection: 3 })
    const served: number[] = []
    for (let i = 0; i < 8; i++) served.push(await ask())
    assert.deepEqual(served, [1, 1, 1, 2, 2, 2, 3, 3])
  })

  test('is closed by Limpet as soon as it has served its last request', async (t) => {
    const { origin, ask } = await numbering(t, { requestsPerConnection: 2 })
    const connected = once(origin.server, 'connection')
    assert.equal(await ask(), 1)
    const [socket] = await connected
    const ended = once(socket, 'end')
    assert.equal(await ask(), 1)
    await ended
  })

  test('serves any number of requests where there is no limit', async (t) => {
    const { ask } = await numbering(t, { requestsPerConnection: 'unlimited', maxAge: 0, idle: 0 })
    for (let i = 0; i < 50; i++) assert.equal(await ask(), 1)
  })

  test('is closed after a request during which it has become too old', async (t) => {
    const { origin, ask } = await numbering(t, { maxAge: '100ms' }, 200)
    const connected = once(origin.server, 'connection')
    const answered = ask()
    const [socket] = await connected
    await Promise.all([once(socket, 'end'), answered])
    assert.equal(await answered, 1)
    assert.equal(await ask(), 2)
  })

  for (const idle of ['60s', 0]) {
    test(`is closed while it is idle once it is too old, though it might be idle for longer (${idle})`, async (t) => {
      const { origin, ask } = await numbering(t, { maxAge: '300ms', idle })
      const connected = once(origin.server, 'connection')
      assert.equal(await ask(), 1)
      const [socket] = await connected
      await once(socket, 'end')
      assert.equal(await ask(), 2)
    })
  }
})
