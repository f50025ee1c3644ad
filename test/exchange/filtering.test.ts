import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { onConnection } from '../../src/downstream/client-socket.ts'
import type { Filter } from '../../src/exchange/filter.ts'
import { BodyStage, type ResponseSink } from '../../src/exchange/response-sink.ts'
import type { BodyForm } from '../../src/http1/body-decoder.ts'
import { UNTIL_CLOSE } from '../../src/http1/framing.ts'
import type { WorkerEvent } from '../../src/runtime/worker-event.ts'
import { http1Client, http2Client } from '../support/filtered.ts'
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

const A_BUG = new Error('a bug')
const broken = (filter: Omit<Filter, 'name'>): Filter => ({ name: 'broken', ...filter })
const throws = () => {
  throw A_BUG
}

/** A stage that passes everything on, in chunks, except for what the test says. */
function staged(next: ResponseSink, part: Partial<BodyStage>): BodyStage {
  class Passing extends BodyStage {
    readonly room = Infinity
    respond(...[head, options, _framing, fields]: Parameters<ResponseSink['respond']>): BodyForm {
      this.next.respond(head, options, UNTIL_CLOSE, fields)
      return 'data'
    }
    data(bytes: Buffer, from: number, to: number): void {
      this.next.data(bytes, from, to)
    }
    end(): void {
      this.next.end()
      this.next.flush()
      this.user.ended()
    }
    flush(): boolean {
      return this.next.flush()
    }
    drained(): void {
      this.user.drained()
    }
    cancel(): void {}
  }
  return Object.assign(new Passing(next), part)
}

const withStage = (part: Partial<BodyStage>) => broken({ stage: (_response, next) => staged(next, part) })

const faults: Record<string, readonly [filter: Filter, status: number | 'cut']> = {
  'throws at once': [broken({ request: throws }), 500],
  'rejects later': [broken({ request: () => Promise.reject(A_BUG) }), 500],
  'throws where it sees a response': [broken({ response: throws }), 500],
  'throws where it should make a stage': [broken({ stage: throws }), 500],
  'throws at the end': [broken({ request: () => undefined, ended: throws }), 200],
  'has a stage that throws at the head': [withStage({ respond: throws }), 'cut'],
  'has a stage that throws at bytes': [withStage({ data: throws }), 'cut'],
  'has a stage that throws at a flush': [withStage({ flush: throws }), 200],
  'has a stage that throws at the end of the body': [withStage({ end: throws }), 'cut'],
  'has a stage that throws where it is cancelled': [withStage({ cancel: throws }), 200],
}

for (const [what, [filter, expected]] of Object.entries(faults)) {
  for (const connectTo of [http1Client, http2Client]) {
    test(`a filter that ${what} ends its own request, and the next one is served (${connectTo.name})`, async (t) => {
      const origin = await namedOrigin(t, 'a')
      const events: WorkerEvent[] = []
      const worker = await LocalWorker.start(
        t,
        {
          listeners: [{ address: '127.0.0.1', port: 0, h2c: true }],
          routes: [{ path: '/*', upstream: 'app' }],
          upstreams: { app: { servers: [origin.address] } },
        },
        undefined,
        (event) => events.push(event),
      )
      const isSeen: number[] = []
      const other: Filter = { name: 'other', response: ({ status }) => void isSeen.push(status) }
      let filters: readonly Filter[] | undefined = [other, filter]
      worker.context.filtersOf = () => filters
      const client = connectTo(t, await listen(t, worker))
      if (expected === 'cut') await assert.rejects(client.ask('/'))
      else {
        const { status, body } = await client.ask('/')
        assert.equal(status, expected)
        assert.doesNotMatch(body, /a bug/)
        assert.equal(isSeen.at(-1), expected)
      }
      filters = undefined
      assert.equal((await client.ask('/')).body, 'a -')
      const failures = events.flatMap((event) => (event.type === 'filter-failed' ? event : []))
      assert.deepEqual([failures.length, failures[0]?.cause.includes('a bug')], [1, true])
      assert.ok(worker.scoreboard.servers.inFlight(0) === 0)
    })
  }
}
