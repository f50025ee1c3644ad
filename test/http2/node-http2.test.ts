import { deepEqual, equal } from 'node:assert/strict'
import { once } from 'node:events'
import http2 from 'node:http2'
import { duplexPair } from 'node:stream'
import { describe, test } from 'node:test'
import fc from '../support/property.ts'
import { CodecPeer } from './codec-peer.ts'

/** Fields of a message: each name at most once, since node:http2 joins the values of some. */
const NAMES = [
  'content-type',
  'etag',
  'x-a',
  'x-b',
  'user-agent',
  'accept',
  'cache-control',
  'authorization',
  'x-long'.repeat(8),
]
const value = fc.oneof(
  fc.constantFrom('', 'a', 'text/html; charset=utf-8', 'public, max-age=3600', 'x'.repeat(400), '\x80\xff~{|}'),
  fc.string({ unit: fc.constantFrom(...'azAZ09!"#$%&()<>?@[]^_{|}~\xe9'), maxLength: 30 }),
)
const fields = fc.subarray(NAMES).chain((names) => fc.tuple(...names.map((name) => fc.tuple(fc.constant(name), value))))
const status = fc.constantFrom(200, 204, 302, 404, 418, 503)
const method = fc.constantFrom('GET', 'POST', 'DELETE')
const path = fc.constantFrom(
  '/',
  '/index.html',
  '/a/long/path?with=a&query=of&some=length',
  '/é'.replace('é', '%C3%A9'),
)
const exchange = fc.record({ method, path, request: fields, status, response: fields })
type Exchange = Parameters<Parameters<typeof exchange.map>[0]>[0]
const conversation = fc.array(exchange, { minLength: 1, maxLength: 8 })
const tableSize = fc.constantFrom(0, 60, 300, 4096, 65_536)

const linesOf = (fields: Exchange['request']) => fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')
const requestHead = ({ method, path, request }: Exchange) =>
  `${method} ${path} HTTP/1.1\r\nhost: a.example\r\n${linesOf(request)}\r\n`
const responseHead = ({ status, response }: Exchange, reason = '') =>
  `HTTP/1.1 ${status} ${reason}\r\n${linesOf(response)}\r\n`
const withoutDate = (head: string) => head.replace(/date: .*\r\n/, '')
/** The fields of a message of node:http2, without pseudo-fields and what it adds. */
const fieldsOf = (headers: http2.IncomingHttpHeaders) =>
  Object.entries(headers).filter(([name]) => !name.startsWith(':') && name !== 'date')

const sorted = (fields: Iterable<readonly [string, unknown]>) => [...fields].sort(([a], [b]) => (a < b ? -1 : 1))

describe('heads of messages pass between node:http2 and the codec', () => {
  test('as its client', async () => {
    await fc.assert(
      fc.asyncProperty(conversation, tableSize, tableSize, async (exchanges, ours, theirs) => {
        const [near, far] = duplexPair()
        const session = http2.performServerHandshake(far, { settings: { headerTableSize: theirs } })
        const peer = new CodecPeer(near, 'client', ours)
        for (const [index, exchange] of exchanges.entries()) {
          const streamId = 2 * index + 1
          const answered = Promise.withResolvers<string>()
          peer.received = (_, head) => answered.resolve(head)
          const requested = once(session, 'stream')
          peer.send(streamId, requestHead(exchange))
          const [stream, headers] = (await requested) as [http2.ServerHttp2Stream, http2.IncomingHttpHeaders]
          equal(headers[':method'], exchange.method)
          equal(headers[':path'], exchange.path)
          equal(headers[':authority'], 'a.example')
          equal(headers[':scheme'], 'http')
          deepEqual(sorted(fieldsOf(headers)), sorted(exchange.request))
          stream.respond({ ':status': exchange.status, ...Object.fromEntries(exchange.response) }, { endStream: true })
          equal(withoutDate(await answered.promise), responseHead(exchange))
        }
        session.destroy()
        near.destroy()
      }),
      { numRuns: 60 },
    )
  })

  test('as its server', async () => {
    await fc.assert(
      fc.asyncProperty(conversation, tableSize, tableSize, async (exchanges, ours, theirs) => {
        const [near, far] = duplexPair()
        const session = http2.connect('http://a.example', {
          createConnection: () => far,
          settings: { headerTableSize: theirs },
        })
        const peer = new CodecPeer(near, 'server', ours)
        for (const exchange of exchanges) {
          const asked = Promise.withResolvers<[number, string]>()
          peer.received = (streamId, head) => asked.resolve([streamId, head])
          const request = {
            ':authority': 'a.example',
            ':method': exchange.method,
            ':path': exchange.path,
            ...Object.fromEntries(exchange.request),
          }
          const stream = session.request(request, { endStream: true })
          const closed = once(stream.resume(), 'close')
          const [streamId, head] = await asked.promise
          equal(head, requestHead(exchange))
          const responded = once(stream, 'response')
          peer.send(streamId, responseHead(exchange, 'Reason'))
          const [headers] = (await responded) as [http2.IncomingHttpHeaders]
          equal(headers[':status'], exchange.status)
          deepEqual(sorted(fieldsOf(headers)), sorted(exchange.response))
          await closed
        }
        session.destroy()
        near.destroy()
      }),
      { numRuns: 60 },
    )
  })
})
