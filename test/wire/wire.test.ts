import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { once } from 'node:events'
import { describe, type TestContext, test } from 'node:test'
import { startLimpet } from '../support/limpet.ts'
import { rawOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { allCases, type Case } from './fixture.ts'
import { readByAll, readLaxly } from './readers.ts'
import { anonymous, answerTo, perform, RecordingOrigin } from './recording-origin.ts'
import { type HeardResponse, responsesIn } from './responses.ts'

const cases = allCases()

describe('the fixtures', () => {
  test('are many, and their names are unique', () => {
    ok(cases.length >= 300, `there are only ${cases.length}`)
    deepEqual(
      cases.map(({ name }) => name).filter((name, index, names) => names.indexOf(name) < index),
      [],
    )
  })

  test('each name a section of an RFC', () => {
    for (const { name, prose } of cases) match(prose, /RFC \d{4} §\d/, name)
  })
})

test('Limpet behaves as every fixture says', async (t) => {
  const origin = await RecordingOrigin.start(t)
  const elsewhere = await rawOrigin(t, (socket) => {
    socket.on('data', () => socket.write('HTTP/1.1 299 Elsewhere\r\nContent-Length: 0\r\n\r\n'))
  })
  const limpet = await startLimpet(t, {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    workers: 1,
    routes: [
      { path: '/*', upstream: 'origin' },
      { path: '/private/*', upstream: 'private' },
    ],
    upstreams: {
      origin: { servers: [{ address: origin.address, maxFails: 0 }] },
      private: { servers: [{ address: elsewhere.address, maxFails: 0 }] },
    },
    accessLog: 'off',
  })
  for (const fixture of cases) {
    await t.test(fixture.name, { timeout: 120_000 }, (t) => play(t, fixture, limpet.port, origin))
  }
})

async function play(t: TestContext, fixture: Case, port: number, origin: RecordingOrigin & { address: string }) {
  const { outcome, received } = fixture
  origin.begin(fixture.responses)
  const client = await Listener.connect(t, port, fixture)
  await client.perform(fixture)
  if (outcome.connection === 'broken') {
    await client.isBroken(outcome.statuses[0]!)
  } else {
    await client.hearsAll(outcome.statuses.length)
    deepEqual(client.statuses, outcome.statuses)
    if (received !== undefined) equal(withoutDate(client.heard, received), received)
    await client.followUp(outcome.connection)
  }
  await sentinel(t, port)
  const own = ownPartOf(origin.record, outcome.connection === 'open')
  if (fixture.forwarded !== undefined) equal(anonymous(own, origin.address, port), fixture.forwarded)
  await isUnambiguous(fixture, Buffer.from(own, 'latin1'))
}

/** Every reader must find the same requests in the forwarded bytes, and the intended number of them. */
async function isUnambiguous({ outcome, responses }: Case, forwarded: Buffer) {
  const { requests, rest } = await readByAll(forwarded)
  if (!outcome.unfinished) equal(rest, 'nothing')
  if (responses.length > 0) return
  equal(requests.length, outcome.statuses.filter((status) => status === 200).length)
}

/** A client on one connection that knows the methods of its requests. */
class Listener {
  readonly #client: RawClient
  readonly #methods: string[]
  #ended = false

  static async connect(t: TestContext, port: number, { requestText }: Case): Promise<Listener> {
    return new Listener(await RawClient.connect(t, port), requestText)
  }

  constructor(client: RawClient, request: string) {
    this.#client = client
    this.#methods = readLaxly(Buffer.from(request, 'latin1')).requests.map(({ method }) => method)
    client.socket.setMaxListeners(0)
    client.socket.setNoDelay()
    void client.goodbye().then(() => {
      this.#ended = true
    })
  }

  get heard(): string {
    return this.#client.heard
  }

  get #responses(): HeardResponse[] {
    return responsesIn(this.heard, this.#methods, this.#ended)
  }

  get statuses(): number[] {
    return this.#responses.map(({ status }) => status)
  }

  perform({ request }: Case): Promise<void> {
    return perform(this.#client.socket, request, (status) =>
      this.#client.hear(new RegExp(`^HTTP/1\\.1 ${status}[^]*\r\n\r\n`)),
    )
  }

  /** Resolves when there are `count` complete responses, or the connection is closed. */
  async hearsAll(count: number): Promise<void> {
    const { socket } = this.#client
    const tooLong = AbortSignal.timeout(60_000)
    while (!this.#ended && this.#responses.filter(({ whole }) => whole).length < count) {
      const events = ['data', 'end', 'close'].map((event) => once(socket, event, { signal: tooLong }))
      await Promise.race(events).catch(() => {
        throw new Error(`nothing more came after ${JSON.stringify(this.heard)}`)
      })
      for (const event of events) event.catch(() => undefined)
    }
  }

  async isBroken(status: number): Promise<void> {
    await this.#client.goodbye()
    if (this.heard === '') return
    deepEqual(this.statuses, [status])
    equal(this.#responses[0]!.whole, false)
  }

  /** Checks that the connection closes without further bytes, or that its next request gets its own response. */
  async followUp(connection: 'open' | 'closed' | 'broken'): Promise<void> {
    const before = this.heard
    if (connection === 'closed') {
      await this.#client.goodbye()
      return equal(this.heard, before)
    }
    this.#client.say('GET /~next HTTP/1.1\r\nHost: a\r\n\r\n')
    await this.hearsAll(this.statuses.length + 1)
    equal(withoutDate(this.heard.slice(before.length), ''), answerTo('/~next'))
  }
}

/** Sends another client's request, which must get its own response after any case. */
async function sentinel(t: TestContext, port: number): Promise<void> {
  const client = await RawClient.connect(t, port)
  client.say('GET /~sentinel HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  const heard = await client.goodbye()
  deepEqual(
    responsesIn(heard, ['GET'], true).map(({ status, body }) => [status, body]),
    [[200, '/~sentinel']],
  )
}

/** The bytes that the origin got before the requests after the case. No bytes of the case may arrive later. */
function ownPartOf(record: string, hasNext: boolean): string {
  const cut = record.search(/GET \/~(?:next|sentinel) HTTP/)
  const { requests } = readLaxly(Buffer.from(record.slice(cut), 'latin1'))
  deepEqual(
    requests.map(({ target }) => target),
    hasNext ? ['/~next', '/~sentinel'] : ['/~sentinel'],
  )
  return record.slice(0, cut)
}

/** Removes a Date that Limpet adds if the origin sent none. Fixtures do not test it. */
function withoutDate(text: string, expected: string): string {
  return expected.includes('Date:') ? text : text.replace(/^Date: .*\r\n/gm, '')
}
