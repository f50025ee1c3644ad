import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { describe, test } from 'node:test'
import { type Arrangement, bodyOf, bytesOf, KB, LARGE, MB } from './arrangement.ts'

export function responses(arrangement: Arrangement): void {
  describe(`${arrangement.kind.name}: responses`, () => {
    test('to HEAD, with the length that the body would have', async (t) => {
      const { client, worker } = await arrangement.clientOf(t, (_, response) =>
        response.setHeader('Content-Length', 500).end(),
      )
      const { status, fields, body, outcome } = await client.ask({ method: 'HEAD' }).response.over()
      assert.deepEqual([status, fields['content-length'], body.length, outcome], [200, '500', 0, 'whole'])
      await arrangement.assertRecord(worker, 200, 0)
    })

    for (const status of [204, 304]) {
      test(`${status}, which has no body`, async (t) => {
        const { client, worker } = await arrangement.clientOf(t, (_, response) =>
          response.writeHead(status, { ETag: '"x"' }).end(),
        )
        const { fields, body, outcome, ...rest } = await client.ask({}).response.over()
        assert.deepEqual([rest.status, fields.etag, body.length, outcome], [status, '"x"', 0, 'whole'])
        await arrangement.assertRecord(worker, status, 0)
      })
    }

    const body = bytesOf(300 * KB)
    const framings = {
      'of known length': (response: ServerResponse) => response.setHeader('Content-Length', body.length).end(body),
      'in chunks': (response: ServerResponse) => {
        response.write(body.subarray(0, 1000))
        response.write(body.subarray(1000, 200_000))
        response.end(body.subarray(200_000))
      },
      'until the server closes': (response: ServerResponse) => {
        response.socket!.write('HTTP/1.0 200 OK\r\n\r\n')
        response.socket!.end(body)
      },
    }
    for (const [framing, respond] of Object.entries(framings)) {
      test(`${framing}`, async (t) => {
        const { client, worker } = await arrangement.clientOf(t, (_, response) => respond(response))
        const { fields, outcome, ...rest } = await client.ask({}).response.over()
        assert.equal(outcome, 'whole')
        assert.ok(rest.body.equals(body))
        assert.equal(fields['content-length'], framing === 'of known length' ? `${body.length}` : undefined)
        await arrangement.assertRecord(worker, 200, body.length, framing !== 'of known length')
      })
    }

    for (const framing of ['known', 'unknown'] as const) {
      test(`a server is paused while the client does not read (length ${framing}), and nothing is lost`, async (t) => {
        const large = bytesOf(LARGE)
        const responding = Promise.withResolvers<ServerResponse>()
        const { client, worker } = await arrangement.clientOf(t, (_, response) => {
          if (framing === 'known') response.setHeader('Content-Length', LARGE)
          response.write(large)
          response.end()
          responding.resolve(response)
        })
        const exchange = client.ask({})
        exchange.pause()
        const { socket } = await responding.promise
        await worker.serverPaused()
        assert.ok(socket!.writableLength > 0, 'the server could not send everything')
        exchange.resume()
        const { body, outcome } = await exchange.response.over()
        assert.equal(outcome, 'whole')
        assert.ok(body.equals(large))
        await arrangement.assertRecord(worker, 200, LARGE, framing === 'unknown')
      })
    }

    for (const te of ['trailers', undefined]) {
      test(`trailers end the body; a client ${te === undefined ? 'without TE gets none' : 'with TE: trailers gets them'}`, async (t) => {
        const { client, worker } = await arrangement.clientOf(t, (_, response) => {
          response.setHeader('Trailer', 'X-Checksum')
          response.write('body')
          response.addTrailers({ 'X-Checksum': '1234', 'Set-Cookie': 'late=1' })
          response.end()
        })
        const { response } = client.ask(te === undefined ? {} : { fields: { TE: te } })
        const { fields, body, outcome } = await response.over()
        assert.deepEqual([String(body), outcome], ['body', 'whole'])
        assert.equal(fields.trailer, te && 'X-Checksum')
        assert.deepEqual({ ...response.trailers }, te === undefined ? {} : { 'x-checksum': '1234' })
        await arrangement.assertRecord(worker, 200, 4, true)
      })
    }

    test('that the server breaks off are seen not to be whole', async (t) => {
      const { client, worker } = await arrangement.clientOfRaw(t, (socket) =>
        socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this')),
      )
      const { status, body, outcome } = await client.ask({}).response.over()
      assert.deepEqual([status, String(body), outcome], [200, 'only this', 'reset'])
      await arrangement.assertRecord(worker, 200, 9)
    })

    test('that come before the request is whole end it', async (t) => {
      const { client, worker } = await arrangement.clientOf(t, (request, response) => {
        request.on('error', () => {})
        response.setHeader('Content-Length', 6).end('enough')
      })
      const exchange = client.ask({ method: 'POST', body: LARGE })
      exchange.send(bytesOf(MB))
      const { status, body, outcome } = await exchange.response.over()
      assert.deepEqual([status, String(body), outcome], [200, 'enough', 'whole'])
      await arrangement.assertRecord(worker, 200, 6)
    })

    test('one after another come on one connection of the server', async (t) => {
      const sockets = new Set<Socket>()
      const { client, worker } = await arrangement.clientOf(t, async (request, response) => {
        sockets.add(request.socket)
        response.end(await bodyOf(request))
      })
      for (const text of ['one', 'two', 'three']) {
        const exchange = client.ask({ method: 'PUT', body: text.length })
        exchange.send(Buffer.from(text))
        exchange.end()
        assert.equal(String((await exchange.response.over()).body), text)
      }
      assert.equal(sockets.size, 1)
      assert.equal((await worker.records(3)).length, 3)
    })
  })
}
