/** What every kind of server stream does, against real servers: HTTP/1.1 and HTTP/2, with and without TLS. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { describe, type TestContext, test } from 'node:test'
import { startDataPlane } from '../support/data-plane.ts'
import { RawClient } from '../support/raw-client.ts'
import { type Handle, type Kind, kinds, serverOf, upstreamOf } from '../support/server-kinds.ts'

/** A client of a data plane before a server of that kind. */
async function before(t: TestContext, kind: Kind, handle: Handle, settings: object = {}) {
  const server = await serverOf(t, kind, handle)
  const upstream = { servers: [server.address], ...(await upstreamOf(t, kind)), ...settings }
  const plane = await startDataPlane(t, {
    listeners: [{ address: '127.0.0.1', port: 8080 }],
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: { app: upstream },
  })
  return { server, plane, client: await RawClient.connect(t, plane.port) }
}

/** The head of a response, and how many bytes come after it until `>`. */
async function measured({ socket }: RawClient): Promise<{ head: string; size: number }> {
  let head = ''
  let size = 0
  for (let isOver = false; !isOver; ) {
    const [bytes] = (await once(socket, 'data')) as [Buffer]
    if (head === '') head = bytes.toString('latin1')
    size += bytes.length
    isOver = bytes.includes('>')
  }
  return { head, size }
}

const isHttp2 = (kind: Kind) => kind === 'h2' || kind === 'h2c'
const get = (path: string, fields = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`
const post = (path: string, length: number) => `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`

for (const kind of kinds) {
  describe(kind, () => {
    test('requests are answered one after another, on one connection', async (t) => {
      const { client, server } = await before(t, kind, ({ method, url, headers, httpVersion }, response) =>
        response.end(
          `<${method} ${url} ${headers.host ?? headers[':authority']} ${headers['x-forwarded-for']} ${httpVersion}>`,
        ),
      )
      const version = isHttp2(kind) ? '2.0' : '1.1'
      assert.equal(await client.ask(get('/one')), `GET /one a 127.0.0.1 ${version}`)
      assert.equal(await client.ask(get('/two?three')), `GET /two?three a 127.0.0.1 ${version}`)
      assert.equal(server.connections.length, 1)
    })

    test('fields of both messages pass, and what is for one hop does not', async (t) => {
      const { client } = await before(t, kind, ({ headers }, response) => {
        response.setHeader('Set-Cookie', ['a=1', 'b=2'])
        response.setHeader('X-Answer', 'yes')
        response.end(`<${headers['x-question']} ${headers.cookie} ${headers['keep-alive']} ${headers['x-hop']}>`)
      })
      client.say(get('/', 'X-Question: why\r\nCookie: c=1; d=2\r\nKeep-Alive: 5\r\nConnection: x-hop\r\nX-Hop: 1\r\n'))
      const answer = await client.take(/>/)
      assert.match(answer, /<why c=1; d=2 undefined undefined>/)
      assert.match(answer, /set-cookie: a=1\r\n/i)
      assert.match(answer, /set-cookie: b=2\r\n/i)
      assert.match(answer, /x-answer: yes\r\n/i)
    })

    test('large bodies pass both ways, whole and unchanged', async (t) => {
      const { client } = await before(t, kind, async (request, response) => {
        let size = 0
        let sum = 0
        for await (const bytes of request) {
          size += bytes.length
          for (let at = 0; at < bytes.length; at += 4096) sum += bytes[at]
        }
        response.setHeader('X-Size', `${size}`)
        response.setHeader('X-Sum', `${sum > 0}`)
        response.end(`${'z'.repeat(4_999_999)}>`)
      })
      client.say(post('/', 5_000_000))
      client.socket.write(Buffer.alloc(5_000_000, 'y'))
      const { head, size } = await measured(client)
      assert.match(head, /x-size: 5000000\r\n/i)
      assert.ok(size >= 5_000_000, `${size} bytes`)
    })

    test('a chunked request and a response without a length end where they end', async (t) => {
      const { client } = await before(t, kind, async (request, response) => {
        const body = await text(request)
        response.write(`<${body}`)
        response.end('>')
      })
      client.say('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
      client.say('3\r\ndef\r\n0\r\n\r\n')
      const answer = await client.take(/0\r\n\r\n$/)
      assert.match(answer, /transfer-encoding: chunked/i)
      assert.equal(answer.slice(answer.indexOf('\r\n\r\n') + 4).replace(/\r\n|\b[0-9a-f]\r\n/g, ''), '<abcdef>')
      client.say(get('/'))
      await client.take(/0\r\n\r\n$/)
    })

    test('responses without a body have none: to HEAD, 204 and 304', async (t) => {
      const { client } = await before(t, kind, ({ method, url }, response) => {
        response.statusCode = Number(url!.slice(1))
        if (method === 'HEAD') response.setHeader('Content-Length', 7)
        response.end(method === 'HEAD' ? undefined : '')
      })
      client.say('HEAD /200 HTTP/1.1\r\nHost: a\r\n\r\n')
      assert.match(await client.take(/\r\n\r\n$/), /^HTTP\/1.1 200[\s\S]*content-length: 7\r\n/i)
      for (const status of [204, 304]) {
        client.say(get(`/${status}`))
        assert.match(await client.take(/\r\n\r\n$/), new RegExp(`^HTTP/1.1 ${status}`))
      }
      client.say(get('/200'))
      assert.match(await client.take(/\r\n\r\n$/), /^HTTP\/1.1 200[\s\S]*(?:content-length: 0|0\r\n\r\n$)/i)
    })

    test('interim responses pass, and 100 (Continue) has the client send its body', async (t) => {
      const { client, server } = await before(t, kind, () => {})
      server.server.removeAllListeners('request')
      server.server.on('checkContinue', async (request: IncomingMessage, response) => {
        response.writeEarlyHints({ link: '</a.css>; rel=preload' })
        response.writeContinue()
        response.end(`<${await text(request)}>`)
      })
      client.say('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n')
      const interim = await client.take(/ 100 [\s\S]*\r\n\r\n/)
      assert.match(interim, /^HTTP\/1.1 103 [\s\S]*link: <\/a.css>; rel=preload\r\n\r\nHTTP\/1.1 100 /i)
      assert.equal(await client.ask('body'), 'body')
    })

    test('a client that leaves is seen by the server', async (t) => {
      const closed = Promise.withResolvers<void>()
      const { client } = await before(t, kind, (_, response) => {
        response.on('close', closed.resolve)
        response.write('begun')
      })
      client.say(get('/'))
      await client.hear(/begun/)
      client.socket.destroy()
      await closed.promise
    })

    test('a client that does not read holds the server up, and gets all of it once it reads', async (t) => {
      let written = 0
      const held = Promise.withResolvers<void>()
      const { client } = await before(t, kind, (_, response) => {
        const piece = Buffer.alloc(64 * 1024, 'x')
        const push = () => {
          while (written < 64 * 1024 * 1024) {
            written += piece.length
            if (!response.write(piece)) {
              held.resolve()
              response.once('drain', push)
              return
            }
          }
          response.end('>')
        }
        push()
      })
      client.socket.pause()
      client.say(get('/'))
      await held.promise
      for (let last = -1; last !== written; ) {
        last = written
        await new Promise((resolve) => setTimeout(resolve, 200))
      }
      assert.ok(written < 48 * 1024 * 1024, `${written} bytes`)
      client.socket.removeAllListeners('data')
      let heard = 0
      client.socket.on('data', (bytes) => {
        heard += bytes.length
      })
      client.socket.resume()
      while (heard < 64 * 1024 * 1024) await once(client.socket, 'data')
      assert.equal(written, 64 * 1024 * 1024)
    })

    test('an early answer passes, and the rest of the request is not awaited', async (t) => {
      const { client } = await before(t, kind, (request, response) => {
        request.resume()
        response.statusCode = 413
        response.end('<too large>')
      })
      client.say(post('/', 100_000_000))
      client.socket.write(Buffer.alloc(100_000))
      assert.match(await client.hear(/<too large>/), /^HTTP\/1.1 413 /)
    })

    test('a server that closes without an answer is not blamed for it, if a second one does the same', async (t) => {
      let asked = 0
      const { client, server } = await before(t, kind, () => {
        asked++
        for (const socket of server.connections) socket.destroy()
      })
      client.say(get('/'))
      assert.match(await client.hear(/<\/html>/), /^HTTP\/1.1 502 /)
      assert.equal(asked, 1)
    })

    test('a response that breaks off is cut off for the client', async (t) => {
      const { client, server } = await before(t, kind, (_, response) => {
        response.setHeader('Content-Length', 100)
        response.write('half')
        setImmediate(() => server.connections[0]!.destroy())
      })
      client.say(get('/'))
      assert.match(await client.goodbye(), /half$/)
    })
  })
}
