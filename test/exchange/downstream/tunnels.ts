import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { closeFrame, frame, KEY } from '../../support/websocket-frames.ts'
import { type Arrangement, bytesOf, heardBy, LARGE } from './arrangement.ts'

export function tunnels(arrangement: Arrangement): void {
  describe(`${arrangement.kind.name}: switched protocols`, () => {
    /** A client that has switched, the server's socket, and what that hears. */
    async function switched(t: TestContext, protocol = 'echo') {
      const { client, origin, worker } = await arrangement.clientOf(t, () => assert.fail('there is an upgrade'))
      const greeting = protocol === 'websocket' ? frame('welcome') : Buffer.from('welcome')
      const accepted = Promise.withResolvers<Socket>()
      origin.server.on('upgrade', ({ headers }: IncomingMessage, socket: Socket) => {
        assert.deepEqual([headers.connection, headers.upgrade], ['upgrade', protocol])
        const head = `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`
        socket.write(Buffer.concat([Buffer.from(head), greeting]))
        accepted.resolve(socket)
      })
      const exchange = client.ask({ upgrade: protocol })
      assert.equal((await exchange.response.head()).status, arrangement.kind.statusOfSwitch)
      assert.deepEqual(await exchange.response.body(greeting.length), greeting)
      const socket = await accepted.promise
      return { worker, exchange, socket, heard: heardBy(socket) }
    }

    test('both sides speak, and the client ends first', async (t) => {
      const { worker, exchange, socket, heard } = await switched(t)
      exchange.send(Buffer.from('ping'))
      assert.equal(String(await heard.body(4)), 'ping')
      exchange.end()
      assert.equal((await heard.over()).outcome, 'whole')
      socket.write('still here')
      await exchange.response.body(17)
      socket.end('!')
      const { body, outcome } = await exchange.response.over()
      assert.deepEqual([String(body), outcome], ['welcomestill here!', 'whole'])
      await arrangement.assertRecord(worker, 101, 18)
    })

    test('both sides speak, and the server ends first', async (t) => {
      const { worker, exchange, socket, heard } = await switched(t)
      socket.end('bye')
      const { body, outcome } = await exchange.response.over()
      assert.deepEqual([String(body), outcome], ['welcomebye', 'whole'])
      exchange.send(Buffer.from('still '))
      exchange.send(Buffer.from('here'))
      exchange.end()
      const said = await heard.over()
      assert.deepEqual([String(said.body), said.outcome], ['still here', 'whole'])
      await arrangement.assertRecord(worker, 101, 10)
    })

    test('a client that leaves takes the connection with it', async (t) => {
      const { worker, exchange, heard } = await switched(t)
      exchange.leave()
      await heard.over()
      await arrangement.assertRecord(worker, 101, 7)
    })

    test('a server that breaks off ends it for the client', async (t) => {
      const { worker, exchange, socket } = await switched(t)
      socket.resetAndDestroy()
      // Whether by an end or by a reset: the protocol that they switched to shows whether it was complete.
      await exchange.response.over()
      await arrangement.assertRecord(worker, 101, 7)
    })

    test('a WebSocket is closed by a Close frame for its client, whose answer is for the server', async (t) => {
      const { worker, exchange, socket, heard } = await switched(t, 'websocket')
      const shown = Buffer.concat([frame('welcome'), closeFrame(1012, 'service restart')])
      worker.context.tunnels.close(0, 0)
      assert.deepEqual(await exchange.response.body(shown.length), shown)
      exchange.send(closeFrame(1012, '', KEY))
      assert.deepEqual(await heard.body(8), closeFrame(1012, '', KEY))
      socket.end(closeFrame(1012))
      assert.deepEqual((await exchange.response.over()).body, shown)
      assert.equal((await heard.over()).body.length, 8)
      await arrangement.assertRecord(worker, 101, shown.length)
    })

    test('another protocol that is closed just ends, for both sides', async (t) => {
      const { worker, exchange, socket, heard } = await switched(t)
      worker.context.tunnels.close(0, 0)
      const [response, request] = await Promise.all([exchange.response.over(), heard.over()])
      assert.deepEqual([String(response.body), response.outcome], ['welcome', 'whole'])
      assert.deepEqual([String(request.body), request.outcome], ['', 'whole'])
      socket.end('too late')
      await arrangement.assertRecord(worker, 101, 7)
    })

    test('each side is held back while the other does not read', async (t) => {
      const { worker, exchange, socket, heard } = await switched(t)
      const large = bytesOf(LARGE)
      exchange.pause()
      socket.pause()
      socket.write(large)
      exchange.send(large)
      exchange.end()
      await worker.serverPaused()
      assert.ok((await exchange.held()) < LARGE)
      assert.ok(socket.writableLength > 0)
      socket.resume()
      assert.ok((await heard.over()).body.equals(large))
      exchange.resume()
      assert.ok((await exchange.response.body(LARGE + 7)).subarray(7).equals(large))
      socket.end()
      assert.equal((await exchange.response.over()).outcome, 'whole')
      await arrangement.assertRecord(worker, 101, LARGE + 7)
    })
  })
}
