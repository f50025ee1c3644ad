import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { describe, test } from 'node:test'
import { httpOrigin } from '../../support/origin.ts'
import { type Arrangement, bodyOf, closed } from './arrangement.ts'

export function failures(arrangement: Arrangement): void {
  describe(`${arrangement.kind.name}: what goes wrong`, () => {
    test('a server that is not there: an error page', async (t) => {
      const origin = await httpOrigin(t, () => {})
      await origin.kill()
      const { client, worker } = await arrangement.clientBefore(t, [origin])
      const { response } = client.ask({ fields: { accept: 'application/json' } })
      const { status, fields, body, outcome } = await response.over()
      assert.deepEqual([status, fields['content-type'], outcome], [502, 'application/json', 'whole'])
      assert.equal(JSON.parse(String(body)).error.code, 'connect-failed')
      await arrangement.assertRecord(worker, 502, body.length)
    })

    test('a server that is not there: another one, for a request with its whole body', async (t) => {
      const dead = await httpOrigin(t, () => {})
      await dead.kill()
      const alive = await httpOrigin(t, async (request, response) => response.end(await bodyOf(request)))
      const { client, worker } = await arrangement.clientBefore(t, [dead, alive])
      const exchange = client.ask({ method: 'POST', body: 5 })
      exchange.send(Buffer.from('hello'))
      exchange.end()
      const { status, body } = await exchange.response.over()
      assert.deepEqual([status, String(body)], [200, 'hello'])
      const [record] = await worker.records(1)
      assert.equal(record!.upstreamStatuses, '502, 200')
      assert.equal(record!.serverNames, `${dead.address}, ${alive.address}`)
    })

    test('a server that is not there: another one, for a request of whose body nothing was sent', async (t) => {
      const dead = await httpOrigin(t, () => {})
      await dead.kill()
      const alive = await httpOrigin(t, async (request, response) => response.end(await bodyOf(request)))
      const { client, worker } = await arrangement.clientBefore(t, [dead, alive])
      const exchange = client.ask({ method: 'POST', body: 'unknown' })
      exchange.send(Buffer.from('hel'))
      exchange.send(Buffer.from('lo'))
      exchange.end()
      const { status, body } = await exchange.response.over()
      assert.deepEqual([status, String(body)], [200, 'hello'])
      assert.equal((await worker.records(1))[0]!.upstreamStatuses, '502, 200')
    })

    test('a client that leaves while it waits for a server: its turn goes to the next', async (t) => {
      const asked = Promise.withResolvers<ServerResponse>()
      const origin = await httpOrigin(t, ({ headers }, response) => {
        if (headers['x-who'] === 'first') asked.resolve(response)
        else response.end(headers['x-who'])
      })
      const { client, worker } = await arrangement.clientBefore(t, [origin], {
        upstreams: { app: { servers: [{ address: origin.address, maxConnections: 1 }] } },
      })
      const first = client.ask({ fields: { 'x-who': 'first' } })
      const response = await asked.promise
      const leaves = client.ask({ method: 'POST', body: 'unknown', fields: { 'x-who': 'leaves' } })
      leaves.send(Buffer.from('half'))
      await worker.waiting(1)
      const last = client.ask({ fields: { 'x-who': 'last' } })
      await worker.waiting(2)
      leaves.leave()
      assert.equal((await worker.records(1))[0]!.status, 499)
      response.end('first')
      assert.equal(String((await first.response.over()).body), 'first')
      assert.equal(String((await last.response.over()).body), 'last')
    })

    test('a client that leaves before the response, while others stay', async (t) => {
      const asked = Promise.withResolvers<IncomingMessage>()
      const answered = Promise.withResolvers<void>()
      const { client, worker } = await arrangement.clientOf(t, async (request, response) => {
        if (request.headers['x-who'] === 'leaves') return asked.resolve(request)
        await answered.promise
        response.end('stayed')
      })
      const leaves = client.ask({ fields: { 'x-who': 'leaves' } })
      const stays = client.ask({})
      const { socket } = await asked.promise
      const gone = closed(socket)
      leaves.leave()
      await gone
      assert.equal((await worker.records(1))[0]!.status, 499)
      answered.resolve()
      assert.equal(String((await stays.response.over()).body), 'stayed')
      assert.deepEqual(
        (await worker.records(2)).map(({ status }) => status),
        [499, 200],
      )
    })

    test('a client that leaves in the middle of its body', async (t) => {
      const asked = Promise.withResolvers<IncomingMessage>()
      const { client, worker } = await arrangement.clientOf(t, (request) => {
        request.on('error', () => {})
        request.once('data', () => asked.resolve(request))
      })
      const exchange = client.ask({ method: 'POST', body: 'unknown' })
      exchange.send(Buffer.from('half'))
      const { socket } = await asked.promise
      const gone = closed(socket)
      exchange.leave()
      await gone
      await arrangement.assertRecord(worker, 499, 0)
    })

    test('a client that leaves in the middle of the response', async (t) => {
      const cut = Promise.withResolvers<void>()
      const { client, worker } = await arrangement.clientOf(t, (_, response) => {
        response.on('close', () => cut.resolve())
        response.writeHead(200, { 'Content-Length': 100 }).write('half')
      })
      const exchange = client.ask({})
      await exchange.response.body(4)
      exchange.leave()
      await cut.promise
      await arrangement.assertRecord(worker, 499, 4)
    })

    test('a client that leaves after the response is not recorded twice, and its server goes on', async (t) => {
      const sockets = new Set<Socket>()
      const { client, worker } = await arrangement.clientOf(t, (request, response) => {
        sockets.add(request.socket)
        response.end('done')
      })
      const exchange = client.ask({})
      await exchange.response.over()
      exchange.leave()
      await client.ask({}).response.over()
      assert.deepEqual(
        (await worker.records(2)).map(({ status }) => status),
        [200, 200],
      )
      assert.equal(sockets.size, 1)
    })
  })
}
