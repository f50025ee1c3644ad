import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { describe, test } from 'node:test'
import { type Arrangement, bodyOf, bytesOf, KB, LARGE, MB } from './arrangement.ts'

export function requests(arrangement: Arrangement): void {
  describe(`${arrangement.kind.name}: requests`, () => {
    test('GET', async (t) => {
      const asked = Promise.withResolvers<IncomingMessage>()
      const { client, worker } = await arrangement.clientOf(t, (request, response) => {
        asked.resolve(request)
        response.setHeader('X-Server', 'here').end('hello')
      })
      const { response } = client.ask({ fields: { 'x-client': 'me', host: 'example.org' } })
      const { status, fields, body, outcome } = await response.over()
      const { method, headers } = await asked.promise
      assert.deepEqual([method, headers.host, headers['x-client']], ['GET', 'example.org', 'me'])
      assert.deepEqual([status, String(body), outcome], [200, 'hello', 'whole'])
      assert.deepEqual([fields['x-server'], fields['content-length']], ['here', '5'])
      await arrangement.assertRecord(worker, 200, 5)
    })

    test('of known length, small: gathered before a server is asked', async (t) => {
      const methods: string[] = []
      const { client, worker } = await arrangement.clientOf(t, async (request, response) => {
        methods.push(request.method!)
        assert.equal(request.headers['content-length'], request.method === 'POST' ? '6' : undefined)
        response.end(await bodyOf(request))
      })
      const slow = client.ask({ method: 'POST', body: 6 })
      slow.send(Buffer.from('abc'))
      await client.ask({}).response.over()
      slow.send(Buffer.from('def'))
      slow.end()
      const { body } = await slow.response.over()
      assert.equal(String(body), 'abcdef')
      assert.deepEqual(methods, ['GET', 'POST'])
      const records = await worker.records(2)
      assert.deepEqual(
        records.map(({ bytesSent }) => bytesSent),
        [0, 6],
      )
    })

    for (const length of [16 * KB, 16 * KB + 1, 100 * KB, MB]) {
      for (const body of [length, 'unknown'] as const) {
        test(`${length} bytes, of ${body === 'unknown' ? 'unknown' : 'known'} length`, async (t) => {
          const sent = bytesOf(length)
          const { client, worker } = await arrangement.clientOf(t, async (request, response) => {
            const { 'content-length': declared, 'transfer-encoding': coding } = request.headers
            assert.deepEqual([declared, coding], body === 'unknown' ? [undefined, 'chunked'] : [`${length}`, undefined])
            const received = await bodyOf(request)
            response.end(received.equals(sent) ? 'same' : `other: ${received.length}`)
          })
          const exchange = client.ask({ method: 'POST', body })
          for (let at = 0; at < length; at += 50_000) exchange.send(sent.subarray(at, at + 50_000))
          exchange.end()
          assert.equal(String((await exchange.response.over()).body), 'same')
          await arrangement.assertRecord(worker, 200, 4)
        })
      }
    }

    test('of unknown length, without a byte', async (t) => {
      const { client } = await arrangement.clientOf(t, async (request, response) => {
        response.end(`${(await bodyOf(request)).length} of ${request.headers['transfer-encoding']}`)
      })
      const exchange = client.ask({ method: 'POST', body: 'unknown' })
      exchange.end()
      assert.equal(String((await exchange.response.over()).body), '0 of chunked')
    })

    test('of unknown length: each part goes on as it comes, and so do parts of the response', async (t) => {
      const { client } = await arrangement.clientOf(t, (request, response) => {
        response.writeHead(200)
        request.on('data', (bytes) => response.write(`<${bytes}>`))
        request.on('end', () => response.end('.'))
      })
      const exchange = client.ask({ method: 'POST', body: 'unknown' })
      exchange.send(Buffer.from('one'))
      assert.equal(String(await exchange.response.body(5)), '<one>')
      exchange.send(Buffer.from('two'))
      assert.equal(String(await exchange.response.body(10)), '<one><two>')
      exchange.end()
      assert.equal(String((await exchange.response.over()).body), '<one><two>.')
    })

    test('a client is held back while the server does not read, and all arrives once it does', async (t) => {
      const sent = bytesOf(LARGE)
      const asked = Promise.withResolvers<IncomingMessage>()
      const { client, worker } = await arrangement.clientOf(t, async (request, response) => {
        asked.resolve(request)
        await reading.promise
        response.end((await bodyOf(request)).equals(sent) ? 'same' : 'other')
      })
      const reading = Promise.withResolvers<void>()
      const exchange = client.ask({ method: 'POST', body: LARGE })
      exchange.send(sent)
      exchange.end()
      await asked.promise
      const taken = await exchange.held()
      assert.ok(taken < LARGE, `${taken} of ${LARGE} bytes were taken`)
      reading.resolve()
      assert.equal(String((await exchange.response.over()).body), 'same')
      await arrangement.assertRecord(worker, 200, 4)
    })

    test('trailers are passed on, and the body ends with them', async (t) => {
      const { client } = await arrangement.clientOf(t, async (request, response) => {
        const body = await bodyOf(request)
        response.end(`${body} ${JSON.stringify(request.trailers)}`)
      })
      const exchange = client.ask({ method: 'POST', body: 'unknown' })
      exchange.send(Buffer.from('body'))
      exchange.end({ 'x-checksum': '1234', 'content-length': '5', 'x-forwarded-for': '192.0.2.1' })
      assert.equal(String((await exchange.response.over()).body), 'body {"x-checksum":"1234"}')
    })

    test('a body that is too large is refused: at once if that is known, else when it shows', async (t) => {
      const cut = Promise.withResolvers<void>()
      const { client, worker } = await arrangement.clientOf(
        t,
        (request) => {
          request.on('error', () => cut.resolve())
          request.resume()
        },
        { limits: { bodySize: '100KiB' } },
      )
      const known = client.ask({ method: 'POST', body: 100 * KB + 1 })
      assert.equal((await known.response.over()).status, 413)
      const unknown = client.ask({ method: 'POST', body: 'unknown' })
      unknown.send(bytesOf(99 * KB))
      unknown.send(bytesOf(2 * KB))
      const { status, outcome } = await unknown.response.over()
      assert.deepEqual([status, outcome], [413, 'whole'])
      await cut.promise
      const records = await worker.records(2)
      assert.deepEqual(
        records.map((record) => [record.status, record.serverNames !== '']),
        [
          [413, false],
          [413, true],
        ],
      )
    })

    test('a client that breaks the rules in its body is refused, and its request is broken off', async (t) => {
      const asked = Promise.withResolvers<void>()
      const cut = Promise.withResolvers<void>()
      const { client, worker } = await arrangement.clientOf(t, (request) => {
        request.on('error', () => cut.resolve())
        request.once('data', () => asked.resolve())
      })
      const exchange = client.ask({ method: 'POST', body: 'unknown' })
      exchange.send(Buffer.from('good'))
      await asked.promise
      exchange.breakRules()
      const { status, outcome } = await exchange.response.over()
      assert.deepEqual([status, outcome], [400, 'whole'])
      await cut.promise
      assert.equal((await worker.records(1))[0]!.status, 400)
    })

    test('a client that breaks the rules after the response has begun sees that it is not whole', async (t) => {
      const { client, worker } = await arrangement.clientOf(t, (request, response) => {
        request.on('error', () => {})
        response.write('begun')
      })
      const exchange = client.ask({ method: 'POST', body: 'unknown' })
      exchange.send(Buffer.from('good'))
      await exchange.response.body(5)
      exchange.breakRules()
      const { status, body, outcome } = await exchange.response.over()
      assert.deepEqual([status, String(body), outcome], [200, 'begun', 'reset'])
      await arrangement.assertRecord(worker, 200, 5, true)
    })
  })
}
