import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { describe, test } from 'node:test'
import { brotliDecompressSync, createGunzip, gunzipSync, zstdDecompressSync } from 'node:zlib'
import { acceptedCoding } from '../../src/filters/compress/accepted-coding.ts'
import { startDataPlane } from '../support/data-plane.ts'
import { type FilterClient, http1Client, http2Client } from '../support/filtered.ts'
import { GrpcClient, GrpcService } from '../support/grpc-service.ts'
import { httpOrigin } from '../support/origin.ts'

const decoders = { gzip: gunzipSync, br: brotliDecompressSync, zstd: zstdDecompressSync }
const TEXT = 'a line of text that repeats itself\n'.repeat(20_000)

/** Another one for each path: some 20 kB, or 200. */
function bodyOf(path: string): string {
  return `${path} `.repeat((path.startsWith('/long') ? 200_000 : 20_000) / path.length)
}

/** Answers by the path with a body of text and further headers. */
const answers: Record<string, Record<string, string>> = {
  '/text': { 'Content-Type': 'text/plain; charset=utf-8', ETag: '"abc"', 'Accept-Ranges': 'bytes' },
  '/digested': { 'Content-Type': 'text/plain', 'Content-Digest': 'sha-256=:x:', 'Content-MD5': 'x' },
  '/weak': { 'Content-Type': 'text/html', ETag: 'W/"abc"', Vary: 'Cookie' },
  '/image': { 'Content-Type': 'image/png' },
  '/none': {},
  '/encoded': { 'Content-Type': 'text/plain', 'Content-Encoding': 'gzip' },
  '/untouched': { 'Content-Type': 'text/plain', 'Cache-Control': 'public, no-transform' },
  '/vary': { 'Content-Type': 'text/plain', Vary: 'Accept-Encoding' },
}

describe('answers are compressed', () => {
  for (const [protocol, connectTo] of [
    ['HTTP/1.1', http1Client],
    ['HTTP/2', http2Client],
  ] as const) {
    test(`for clients that accept it, over ${protocol}`, async (t) => {
      const origin = await httpOrigin(t, ({ url }, response) => {
        if (url === '/empty') {
          response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': 0 }).end()
          return
        }
        if (url === '/short' || url === '/304') {
          const [status, headers, body] =
            url === '/304'
              ? ([304, { ETag: '"abc"' }, ''] as const)
              : ([200, { 'Content-Type': 'text/plain', 'Content-Length': 5 }, 'short'] as const)
          response.writeHead(status, headers).end(body)
          return
        }
        const isChunked = url!.endsWith('?chunked')
        const headers = answers[url!.split('?')[0]!]!
        response.writeHead(200, { ...headers, ...(!isChunked && { 'Content-Length': TEXT.length }) })
        for (let at = 0; at < TEXT.length; at += 50_000) response.write(TEXT.slice(at, at + 50_000))
        response.end()
      })
      const { port } = await startDataPlane(t, {
        listeners: [{ h2c: true }],
        routes: [
          {
            path: '/*',
            upstream: 'app',
            filters: [{ headers: { request: { remove: ['Accept-Encoding'] } } }, { compress: { from: '6B' } }],
          },
        ],
        upstreams: { app: { servers: [origin.address] } },
      })
      const client = connectTo(t, port)
      for (const [coding, decode] of Object.entries(decoders)) {
        for (const path of ['/text', '/text?chunked']) {
          const { headers, bytes } = await raw(client, path, coding)
          assert.equal(headers['content-encoding'], coding)
          assert.equal(headers['content-length'], undefined)
          assert.equal(headers.etag, 'W/"abc"')
          assert.equal(headers['accept-ranges'], undefined)
          assert.equal(headers.vary, 'Accept-Encoding')
          assert.ok(bytes.length < TEXT.length / 10)
          assert.equal(decode(bytes).toString(), TEXT)
        }
      }
      assert.equal((await raw(client, '/weak', 'gzip')).headers.vary, 'Cookie, Accept-Encoding')
      assert.equal((await raw(client, '/weak', 'gzip')).headers.etag, 'W/"abc"')
      assert.equal((await raw(client, '/vary', 'gzip')).headers.vary, 'Accept-Encoding')
      for (const path of ['/image', '/none', '/untouched']) {
        const { headers, bytes } = await raw(client, path, 'gzip')
        assert.equal(headers['content-encoding'], undefined, path)
        assert.equal(bytes.toString(), TEXT)
      }
      assert.equal((await raw(client, '/encoded', 'br')).headers['content-encoding'], 'gzip')
      assert.equal((await raw(client, '/short', 'gzip')).bytes.toString(), 'short')
      assert.equal((await raw(client, '/304', 'gzip')).headers.etag, '"abc"')
      const plain = await raw(client, '/text', 'identity')
      assert.equal(plain.headers['content-encoding'], undefined)
      assert.equal(plain.headers.vary, 'Accept-Encoding', 'caches must keep the two apart')
      const head = await client.ask('/text', { method: 'HEAD', headers: { 'Accept-Encoding': 'gzip' } })
      assert.deepEqual([head.headers['content-encoding'], head.body], ['gzip', ''])
      assert.equal(head.headers['content-length'], undefined, 'that of the original is not its length')
      const digested = await raw(client, '/digested', 'gzip')
      assert.deepEqual([digested.headers['content-digest'], digested.headers['content-md5']], [undefined, undefined])
      const empty = await raw(client, '/empty', 'gzip')
      assert.deepEqual([empty.headers['content-encoding'], empty.headers['content-length']], [undefined, '0'])
    })
  }

  test('trailers follow a compressed body', async (t) => {
    const origin = await httpOrigin(t, (_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/plain', Trailer: 'X-Sum' })
      response.addTrailers({ 'X-Sum': '1' })
      response.end(TEXT)
    })
    const { port } = await startDataPlane(t, {
      routes: [{ path: '/*', upstream: 'app', filters: ['compress'] }],
      upstreams: { app: { servers: [origin.address] } },
    })
    const headers = { 'Accept-Encoding': 'gzip', TE: 'trailers', Connection: 'TE' }
    const sent = request({ host: '127.0.0.1', port, headers }).end()
    const [response] = await once(sent, 'response')
    for await (const _ of response);
    assert.deepEqual([response.headers.trailer, response.trailers], ['X-Sum', { 'x-sum': '1' }])
  })

  test('calls of gRPC pass as they are', async (t) => {
    const service = await GrpcService.start(t)
    const { port } = await startDataPlane(t, {
      listeners: [{ h2c: true }],
      routes: [{ path: '/*', upstream: 'app', filters: [{ compress: { types: ['application/*'], from: '0B' } }] }],
      upstreams: { app: { protocol: 'h2c', servers: [service.address] } },
    })
    const client = new GrpcClient(t, `127.0.0.1:${port}`)
    const { code } = await client.unary(Buffer.from('x'), { metadata: { 'accept-encoding': 'gzip' } }).over()
    assert.equal(code, 0)
  })
  for (const [protocol, connectTo] of [
    ['HTTP/1.1', http1Client],
    ['HTTP/2', http2Client],
  ] as const) {
    test(`for many clients at the same time, each of whom gets their own, over ${protocol}`, async (t) => {
      const origin = await httpOrigin(t, ({ url }, response) => {
        const body = bodyOf(url!)
        response.writeHead(200, { 'Content-Type': 'text/plain', 'X-Path': url, 'Content-Length': body.length })
        // In two pieces, so that bodies of several responses are gathered at the same time.
        response.write(body.slice(0, 5000))
        setImmediate(() => response.end(body.slice(5000)))
      })
      const { port } = await startDataPlane(t, {
        listeners: [{ h2c: true }],
        routes: [{ path: '/*', upstream: 'app', filters: ['compress'] }],
        upstreams: { app: { servers: [origin.address] } },
      })
      const clients = Array.from({ length: 16 }, () => connectTo(t, port))
      for (const round of ['short', 'short again', 'long'].map(encodeURIComponent)) {
        const asked = clients.map((client, index) => raw(client, `/${round}/${index}`, 'gzip'))
        for (const [index, { headers, bytes }] of (await Promise.all(asked)).entries()) {
          assert.equal(headers['x-path'], `/${round}/${index}`)
          assert.equal(gunzipSync(bytes).toString(), bodyOf(`/${round}/${index}`))
        }
      }
    })
  }

  test('each event of a stream goes on at once', async (t) => {
    const origin = await httpOrigin(t, async (_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' })
      response.write('data: one\n\n')
      response.on('close', () => response.end())
    })
    const { port } = await startDataPlane(t, {
      routes: [{ path: '/*', upstream: 'app', filters: ['compress'] }],
      upstreams: { app: { servers: [origin.address] } },
    })
    const sent = request({ host: '127.0.0.1', port, headers: { 'Accept-Encoding': 'gzip' } }).end()
    const [response] = await once(sent, 'response')
    assert.equal(response.headers['content-encoding'], 'gzip')
    const [text] = await once(response.pipe(createGunzip()), 'data')
    assert.equal(text.toString(), 'data: one\n\n')
    sent.destroy()
  })

  test('the server is held back where the client does not read', async (t) => {
    let written = 0
    const origin = await httpOrigin(t, ({ url }, response) => {
      if (url === '/quick') {
        response.end()
        return
      }
      response.writeHead(200, { 'Content-Type': 'text/plain' })
      const noise = Buffer.alloc(65_536)
      const go = () => {
        do {
          for (let at = 0; at < noise.length; at += 4)
            noise.writeUInt32LE(Math.imul(written + at + 1, 2_654_435_761) >>> 0, at)
          written += noise.length
        } while (response.write(Buffer.from(noise)) && written < 200_000_000)
      }
      response.on('drain', go)
      go()
    })
    const { port } = await startDataPlane(t, {
      routes: [{ path: '/*', upstream: 'app', filters: [{ compress: { codings: ['gzip'], level: 1 } }] }],
      upstreams: { app: { servers: [origin.address] } },
    })
    const sent = request({ host: '127.0.0.1', port, headers: { 'Accept-Encoding': 'gzip' } }).end()
    const [response] = await once(sent, 'response')
    response.pause()
    // Enough time to take everything, if nothing holds the server back.
    for (let count = 0; count < 300; count++) await http1Client(t, port).ask('/quick')
    assert.ok(written < 60_000_000, `${written} bytes were taken from the server`)
    sent.destroy()
  })
})

test('the coding is the one that the client wants most, then the first of those offered', () => {
  const cases: Record<string, string | undefined> = {
    gzip: 'gzip',
    'gzip, deflate, br, zstd': 'zstd',
    'gzip;q=1, br;q=0.5': 'gzip',
    'br;q=0, *': 'zstd',
    '*;q=0': undefined,
    identity: undefined,
    'gzip;q=0.5, identity;q=1': undefined,
    'gzip;q=0.5, identity;q=0.5': 'gzip',
    'GZIP ; Q=0.9': 'gzip',
    'x-gzip': 'gzip',
    'gzip;q=nonsense': undefined,
    '': undefined,
  }
  for (const [field, coding] of Object.entries(cases))
    assert.equal(acceptedCoding(field, ['zstd', 'br', 'gzip']), coding, field)
})

async function raw(client: FilterClient, path: string, coding: string) {
  return await client.ask(path, { headers: { 'Accept-Encoding': coding } })
}
