import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { onConnection } from '../../src/downstream/client-socket.ts'
import type { Filter } from '../../src/exchange/filter.ts'
import { http1Client } from '../support/filtered.ts'
import { LocalWorker } from '../support/local-worker.ts'
import { namedOrigin } from '../support/origin.ts'

/** A port whose clients reach that worker. */
async function listen(t: TestContext, { clients, context }: LocalWorker): Promise<number> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const listener = context.generation.snapshot.listeners[0]!
  onConnection(server, (socket) => clients.accept(socket, { listener, isClosed: false }), assert.fail)
  return (server.address() as AddressInfo).port
}

const faults: Record<string, Filter> = {
  'throws at once': {
    name: 'broken',
    request() {
      throw new Error('a bug')
    },
  },
  'rejects later': { name: 'broken', request: () => Promise.reject(new Error('a bug')) },
}

for (const [what, filter] of Object.entries(faults)) {
  test(`a filter that ${what} ends its own request, and the next one is served`, async (t) => {
    const origin = await namedOrigin(t, 'a')
    const worker = await LocalWorker.start(t, {
      routes: [{ path: '/*', upstream: 'app' }],
      upstreams: { app: { servers: [origin.address] } },
    })
    let filters: readonly Filter[] | undefined = [filter]
    worker.context.filtersOf = () => filters
    const client = http1Client(t, await listen(t, worker))
    const failed = await client.ask('/')
    assert.equal(failed.status, 500)
    assert.doesNotMatch(failed.body, /a bug/)
    filters = undefined
    assert.equal((await client.ask('/')).body, 'a -')
  })
}
