/** gRPC's own client and server, with nothing and with Limpet in between: the cases of its interoperability tests. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { GrpcClient, GrpcService, Relay } from '../support/grpc-service.ts'
import { startLimpet } from '../support/limpet.ts'

/** Where the client of a service connects to. */
type Road = (t: TestContext, service: { readonly address: string }) => Promise<string>

const roads: Readonly<Record<string, Road>> = {
  directly: async (_t, { address }) => address,
  'through Limpet': async (t, { address }) => {
    const { port } = await startLimpet(t, {
      listeners: [{ address: '127.0.0.1', port: 0, h2c: true }],
      workers: 1,
      routes: [{ path: '/*', upstream: 'app' }],
      upstreams: { app: { protocol: 'h2c', servers: [address] } },
      accessLog: 'off',
    })
    return `127.0.0.1:${port}`
  },
}

const KB = 1024
const text = (bytes: readonly Buffer[]) => bytes.map(String)

for (const [name, road] of Object.entries(roads)) {
  test(`gRPC ${name}`, async (t) => {
    const service = await GrpcService.start(t)
    const address = await road(t, service)
    const arrange = (t: TestContext) => {
      service.forget()
      return { service, client: new GrpcClient(t, address) }
    }

    await t.test('an empty message', async (t) => {
      const { client } = arrange(t)
      const { code, messages } = await client.unary(Buffer.alloc(0)).over()
      assert.deepEqual([code, messages], [status.OK, [Buffer.alloc(0)]])
    })

    for (const size of [1, 271_828, 4 * KB * KB, 10 * KB * KB]) {
      await t.test(`a message of ${size} bytes, and one back`, async (t) => {
        const { client } = arrange(t)
        const message = Buffer.alloc(size, 'limpet')
        const { code, messages } = await client.unary(message).over()
        assert.equal(code, status.OK)
        assert.ok(messages.length === 1 && messages[0]!.equals(message))
      })
    }

    await t.test('a stream from the client', async (t) => {
      const { client } = arrange(t)
      const call = client.clientStream()
      for (const size of [27_182, 8, 1828, 45_904]) call.send(Buffer.alloc(size))
      call.end()
      const { code, messages } = await call.over()
      assert.deepEqual([code, text(messages)], [status.OK, ['74922']])
    })

    await t.test('an empty stream from the client', async (t) => {
      const { client } = arrange(t)
      const call = client.clientStream()
      call.end()
      const { code, messages } = await call.over()
      assert.deepEqual([code, text(messages)], [status.OK, ['0']])
    })

    await t.test('a stream from the server', async (t) => {
      const { client } = arrange(t)
      const { code, messages } = await client.serverStream(100, 31_415).over()
      assert.equal(code, status.OK)
      assert.deepEqual(
        messages.map((bytes) => [bytes.length, bytes[0]]),
        Array.from({ length: 100 }, (_, i) => [31_415, i]),
      )
    })

    await t.test('an empty stream from the server', async (t) => {
      const { client } = arrange(t)
      const { code, messages } = await client.serverStream(0, 0).over()
      assert.deepEqual([code, messages], [status.OK, []])
    })

    await t.test('a stream that its client does not read holds up its server', async (t) => {
      const { client, service } = arrange(t)
      const call = client.serverStream(400, 100 * KB)
      await call.messages(1)
      call.pause()
      let before = -1
      while (before !== service.taken) {
        before = service.taken
        // Calls that are answered meanwhile show that nothing else is held up.
        for (let i = 0; i < 20; i++) assert.equal((await client.unary(Buffer.from('x')).over()).code, status.OK)
      }
      assert.ok(service.taken < 200, `${service.taken} of 400 messages were taken`)
      call.resume()
      const { code, messages } = await call.over()
      assert.deepEqual([code, messages.length], [status.OK, 400])
    })

    await t.test('ping and pong', async (t) => {
      const { client } = arrange(t)
      const call = client.bidi()
      for (const [index, size] of [27_182, 8, 1828, 45_904].entries()) {
        call.send(Buffer.alloc(size, index))
        const pong = (await call.messages(index + 1))[index]!
        assert.deepEqual([pong.length, pong[0]], [size, index])
      }
      call.end()
      assert.equal((await call.over()).code, status.OK)
    })

    await t.test('an empty dialogue', async (t) => {
      const { client } = arrange(t)
      const call = client.bidi()
      call.end()
      const { code, messages } = await call.over()
      assert.deepEqual([code, messages], [status.OK, []])
    })

    await t.test('a call is cancelled after its beginning', async (t) => {
      const { client, service } = arrange(t)
      const call = client.clientStream()
      await call.begun()
      call.cancel()
      assert.equal((await call.over()).code, status.CANCELLED)
      await service.until(() => service.cancelled === 1)
    })

    await t.test('a call is cancelled after the first answer', async (t) => {
      const { client, service } = arrange(t)
      const call = client.bidi()
      call.send(Buffer.from('ping'))
      await call.messages(1)
      call.cancel()
      assert.equal((await call.over()).code, status.CANCELLED)
      await service.until(() => service.cancelled === 1)
    })

    await t.test('a call is cancelled before it is sent', async (t) => {
      const { client, service } = arrange(t)
      const call = client.unary(Buffer.from('never'))
      call.cancel()
      assert.equal((await call.over()).code, status.CANCELLED)
      assert.equal((await client.unary(Buffer.from('next')).over()).code, status.OK)
      assert.equal(service.calls.length, 1)
    })

    await t.test('metadata goes both ways, at the beginning and at the end', async (t) => {
      const { client, service } = arrange(t)
      const trailing = Buffer.from([0xab, 0xab, 0xab, 0, 0xff])
      for (const ask of [
        () => client.unary(Buffer.from('x'), { initial: 'test_initial_metadata_value', trailing }),
        () => client.serverStream(2, 10, { initial: 'test_initial_metadata_value', trailing }),
      ]) {
        const outcome = await ask().over()
        assert.equal(outcome.code, status.OK)
        assert.deepEqual(outcome.initial.get('x-echo-initial'), ['test_initial_metadata_value'])
        assert.deepEqual(outcome.trailing.get('x-echo-trailing-bin'), [trailing])
      }
      const { code } = await client
        .unary(Buffer.from('x'), { metadata: { 'x-text': 'a, b', 'x-bytes-bin': Buffer.from([1, 2, 0]) } })
        .over()
      assert.equal(code, status.OK)
      const seen = service.calls.at(-1)!
      assert.deepEqual(seen.get('x-text'), ['a, b'])
      assert.deepEqual(seen.get('x-bytes-bin'), [Buffer.from([1, 2, 0])])
    })

    for (const kind of ['unary', 'clientStream', 'serverStream', 'bidi'] as const) {
      await t.test(`a status and its message: ${kind}`, async (t) => {
        const { client } = arrange(t)
        const message = '\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈 100%\t\n'
        const wish = { status: status.UNKNOWN, message, trailing: Buffer.from('why') }
        const calls = {
          unary: () => client.unary(Buffer.from('x'), wish),
          clientStream: () => client.clientStream(wish),
          serverStream: () => client.serverStream(1, 1, wish),
          bidi: () => client.bidi(wish),
        }
        const call = calls[kind]()
        if (kind === 'clientStream' || kind === 'bidi') call.end()
        const { code, details, trailing } = await call.over()
        assert.deepEqual([code, details], [status.UNKNOWN, message])
        assert.deepEqual(trailing.get('x-echo-trailing-bin'), [Buffer.from('why')])
      })
    }

    await t.test('every status', async (t) => {
      const { client } = arrange(t)
      for (let code = 1; code <= 16; code++) {
        const outcome = await client.unary(Buffer.from('x'), { status: code, message: `number ${code}` }).over()
        assert.deepEqual([outcome.code, outcome.details], [code, `number ${code}`])
      }
    })

    await t.test('methods and services that are not there', async (t) => {
      const { client } = arrange(t)
      for (const call of [client.unimplemented(Buffer.from('x')), client.at('/limpet.test.None/Unary')])
        assert.equal((await call.over()).code, status.UNIMPLEMENTED)
    })

    await t.test('a deadline', async (t) => {
      const { client, service } = arrange(t)
      const call = client.unary(Buffer.from('x'), { hangs: true, deadline: 300 })
      assert.equal((await call.over()).code, status.DEADLINE_EXCEEDED)
      await service.until(() => service.cancelled === 1)
      assert.match(String(service.calls[0]!.get('grpc-timeout')[0] ?? '1m'), /^\d+[HMSmun]$/)
    })

    await t.test('many calls at once', async (t) => {
      const { client, service } = arrange(t)
      const messages = Array.from({ length: 500 }, (_, i) => Buffer.from(`number ${i}`))
      const outcomes = await Promise.all(messages.map((message) => client.unary(message).over()))
      assert.deepEqual(
        outcomes.map(({ code, messages }) => [code, ...messages]),
        messages.map((message) => [status.OK, message]),
      )
      assert.equal(service.calls.length, 500)
    })

    await t.test('many streams at once', async (t) => {
      const { client } = arrange(t)
      const calls = Array.from({ length: 50 }, () => client.bidi())
      for (let round = 0; round < 10; round++) {
        for (const call of calls) call.send(Buffer.from(`round ${round}`))
        for (const call of calls) assert.equal(String((await call.messages(round + 1))[round]), `round ${round}`)
      }
      for (const call of calls) call.end()
      for (const call of calls) assert.equal((await call.over()).code, status.OK)
    })

    await t.test('a server that goes away in the middle of a stream', async (t) => {
      const relay = await Relay.start(t, (await GrpcService.start(t)).address)
      const client = new GrpcClient(t, await road(t, relay))
      const call = client.bidi()
      call.send(Buffer.from('ping'))
      await call.messages(1)
      relay.cut()
      const { code, messages } = await call.over()
      assert.deepEqual([code, text(messages)], [status.UNAVAILABLE, ['ping']])
    })

    await t.test('a server that shuts down ends its streams first', async (t) => {
      const service = await GrpcService.start(t)
      const client = new GrpcClient(t, await road(t, service))
      const call = client.bidi()
      call.send(Buffer.from('before'))
      await call.messages(1)
      const drained = service.drain()
      call.send(Buffer.from('meanwhile'))
      await call.messages(2)
      call.end()
      const { code, messages } = await call.over()
      assert.deepEqual([code, text(messages)], [status.OK, ['before', 'meanwhile']])
      await drained
    })
  })
}
