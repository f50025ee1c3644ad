/**
 * The cost of a message grows with its size and not faster, whatever makes it large. The cost is the number of blocks that a
 * worker executes and of bytes that it passes to native functions, which does not depend on the machine's load.
 */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { hostileRequests } from '../../bench/hostile-requests.ts'
import { CountedWorker } from '../support/counted-worker.ts'
import { type Origin, rawOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import type { Work } from '../support/work-counter.ts'

/** Bytes of the smaller message; the larger one has twice as many. */
const SIZE = 15_000
/** A generous bound for what an exchange costs apart from its size, new memory for unsent bytes included. */
const FIXED: Work = { executed: 6000, given: 6000 + 64 * 1024 }
/** The most that a byte may cost in all stages together. */
const MAX_PER_BYTE: Work = { executed: 16, given: 32 }
/** Counts that are taken: now and then one includes a batch of the log or a timer, or V8 loses a part of it. */
const TIMES = 3
/** Counts if all are too high: the kernel may have cut each message in two, of which the first part is read twice. */
const MAX_TIMES = 15

const ROUTES = `
    - { path: [/*, /a/a/a/*, /a/b/c], upstream: app }
    - { path: /, headers: { x-0: "1", x-89: "1" }, upstream: app }
    - { host: ["*.bench.test", bench.test, "*.a"], path: [/*, /a/a/*], upstream: app }`

/** A configuration with one server under two names. */
type Configuration = (origin: Origin) => string

const configurations: Readonly<Record<string, Configuration>> = {
  'sessions by cookie, behind trusted proxies': ({ address }) => `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    stateDirectory: state
    trustedProxies: [127.0.0.0/8]
    routes: ${ROUTES}
    upstreams:
      app:
        affinity: { type: cookie, name: limpet_all }
        servers: [{ name: one, address: ${address} }, { name: other, address: ${address} }]
  `,
  'learnt sessions, behind proxies that write Forwarded': ({ address }) => `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    stateDirectory: state
    accessLog: json
    trustedProxies: [127.0.0.0/8]
    clientAddressFrom: forwarded
    routes: ${ROUTES}
    upstreams:
      app:
        affinity: { type: learn, from: ["cookie:SID", "header:x-sid", "query:sid", socket.io] }
        servers: [{ name: one, address: ${address} }, { name: other, address: ${address} }]
  `,
  'servers by URI': ({ address }) => `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    routes: ${ROUTES}
    upstreams:
      app:
        balance: { type: hash, key: uri }
        servers: [{ name: one, address: ${address} }, { name: other, address: ${address} }]
  `,
  'sessions by a parameter': ({ address }) => `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    stateDirectory: state
    routes: ${ROUTES}
    upstreams:
      app:
        affinity: { type: consistent-hash, key: "query:sid" }
        servers: [{ name: one, address: ${address} }, { name: other, address: ${address} }]
  `,
}

/** An exchange with those bytes from the client, and then those from the server. */
interface Messages {
  readonly request: string
  readonly response: string
}

const PLAIN_REQUEST = 'GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n'
const PLAIN_RESPONSE = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nEND'

/** Counts the work of exchanges, one after the other. */
async function counting(t: TestContext, configuration: Configuration) {
  let response = PLAIN_RESPONSE
  const origin = await rawOrigin(t, (socket) => {
    let heard = ''
    let isChunked = false
    socket.on('data', (bytes: Buffer) => {
      heard = heard.slice(-100) + bytes.toString('latin1')
      isChunked ||= heard.includes('\r\nTransfer-Encoding: chunked\r\n')
      if (!heard.endsWith(isChunked ? '\r\n0\r\n\r\n' : '\r\n\r\n')) return
      isChunked = false
      socket.write(Buffer.from(response, 'latin1'))
    })
  })
  const worker = await CountedWorker.start(t, configuration(origin))
  const once = async (messages: Messages): Promise<Work> => {
    response = messages.response
    const client = await RawClient.connect(t, worker.port)
    await worker.work()
    client.say(messages.request)
    await client.hear(/END(\r\n0\r\n\r\n)?$|<\/html>\n$|\}\n$/)
    const work = await worker.work()
    client.socket.destroy()
    return work
  }
  return async (messages: Messages, bound?: Work): Promise<Work> => {
    const counts: Work[] = []
    const isTooMuch = ({ executed, given }: Work) =>
      bound !== undefined && (executed > bound.executed || given > bound.given)
    while (counts.length < TIMES || (counts.length < MAX_TIMES && counts.every(isTooMuch)))
      counts.push(await once(messages))
    const kept = bound === undefined ? counts : counts.filter((count) => !isTooMuch(count))
    return { executed: median(kept, 'executed'), given: median(kept, 'given') }
  }
}

function median(counts: readonly Work[], kind: keyof Work): number {
  const sorted = counts.map((count) => count[kind]).sort((one, other) => one - other)
  return sorted[Math.floor(sorted.length / 2)] ?? Infinity
}

type Counting = Awaited<ReturnType<typeof counting>>

async function assertLinear(work: Counting, messagesOf: (size: number) => Messages): Promise<void> {
  const small = await work(messagesOf(SIZE))
  const bound = { executed: boundOf('executed', small), given: boundOf('given', small) }
  const large = await work(messagesOf(2 * SIZE), bound)
  for (const kind of ['executed', 'given'] as const) {
    const message = `${kind}: ${small[kind]} for ${SIZE} bytes, ${large[kind]} for ${2 * SIZE}`
    assert.ok(large[kind] <= bound[kind], message)
  }
}

/** What twice the bytes may cost. */
function boundOf(kind: keyof Work, small: Work): number {
  return Math.min(2.2 * small[kind], MAX_PER_BYTE[kind] * 2 * SIZE) + FIXED[kind]
}

for (const [name, configuration] of Object.entries(configurations)) {
  test(`the cost of requests is linear in their size: ${name}`, async (t) => {
    const work = await counting(t, configuration)
    await work({ request: PLAIN_REQUEST, response: PLAIN_RESPONSE })
    for (const { name, of } of hostileRequests) {
      await t.test(name, async () => {
        await assertLinear(work, (size) => ({ request: of(size), response: PLAIN_RESPONSE }))
      })
    }
  })
}

test('requests of 400 kB are answered', async (t) => {
  const configuration = ({ address }: Origin) => `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    stateDirectory: state
    limits: { headSize: 500kB, headers: 10000 }
    trustedProxies: [127.0.0.0/8]
    routes: ${ROUTES}
    upstreams:
      app:
        affinity: { type: cookie, name: limpet_all }
        servers: [{ name: one, address: ${address} }, { name: other, address: ${address} }]
  `
  const work = await counting(t, configuration)
  for (const { name, of } of hostileRequests) {
    await t.test(name, async () => {
      const { executed } = await work({ request: of(400_000), response: PLAIN_RESPONSE })
      assert.ok(executed > 0)
    })
  }
})

function fill(size: number, unit: string): string {
  return unit.repeat(Math.floor(size / unit.length))
}

function answer(...lines: string[]): string {
  return ['HTTP/1.1 200 OK', 'Content-Length: 3', ...lines, '', 'END'].join('\r\n')
}

function chunked(...parts: string[]): string {
  return ['HTTP/1.1 200 OK', 'Transfer-Encoding: chunked', '', ...parts, '3', 'END', '0', '', ''].join('\r\n')
}

/** One byte in each chunk. */
function inChunks(text: string): string {
  return Array.from(text, (character) => `1\r\n${character}`).join('\r\n')
}

const hostileResponses: Readonly<Record<string, (size: number) => string>> = {
  'one large field': (size) => answer(`X: ${fill(size, 'x')}`),
  'many fields': (size) => answer(...Array.from({ length: 240 }, (_, index) => `x-${index}: ${fill(size / 300, 'x')}`)),
  'connection options': (size) => answer(`Connection: ${fill(size, 'a,')}`),
  'connection options in many fields': (size) => answer(...Array(200).fill(`Connection: ${fill(size / 200, 'a,')}`)),
  'content lengths': (size) => `HTTP/1.1 200 OK\r\nContent-Length: ${fill(size, '3,')}3\r\n\r\nEND`,
  'attributes of a cookie': (size) => answer(`Set-Cookie: SID=x; ${fill(size, 'a;')}`),
  'ages of a cookie': (size) => answer(`Set-Cookie: SID=x; ${fill(size, 'Max-Age=x;')}`),
  'expiries of a cookie': (size) =>
    answer(`Set-Cookie: SID=x; ${fill(size, 'Expires=Thu, 01 Jan 2099 00:00:00 GMT;')}`),
  'cookies of the name': (size) => answer(...Array(200).fill(`Set-Cookie: SID=${fill(size / 200, 'x')}`)),
  'a redirect of many parameters': (size) => answer(`Location: /?${fill(size, 'a&')}`).replace('200 OK', '302 Found'),
  'chunks of one byte': (size) => chunked(inChunks(fill(size / 6, 'x'))),
  'chunk extensions': (size) => chunked(fill(size / 4, '1;a\r\nx\r\n').slice(0, -2)),
  'a handshake in chunks of one byte': (size) => chunked(inChunks(fill(size / 6, '0{"sid":"" '))),
  'a packed handshake in chunks of one byte': (size) =>
    chunked(inChunks(gzipSync(fill(size / 6, 'x'), { level: 0 }).toString('latin1'))).replace(
      '\r\n',
      '\r\nContent-Encoding: gzip\r\n',
    ),
  'interim answers': (size) => fill(size, 'HTTP/1.1 103 Early Hints\r\n\r\n') + PLAIN_RESPONSE,
}

describe('the cost of responses is linear in their size', () => {
  for (const [name, configuration] of Object.entries(configurations)) {
    test(name, async (t) => {
      const work = await counting(t, configuration)
      await work({ request: PLAIN_REQUEST, response: PLAIN_RESPONSE })
      for (const [name, of] of Object.entries(hostileResponses)) {
        await t.test(name, async () => {
          await assertLinear(work, (size) => ({ request: PLAIN_REQUEST, response: of(size) }))
        })
      }
    })
  }
})
