/** Users of Socket.IO, whose sessions Limpet learns from the Engine.IO handshake. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { createServer } from 'node:http'
import { describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { Server as SocketIoServer } from 'socket.io'
import { io } from 'socket.io-client'
import { httpOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { ScriptedOrigin } from '../support/scripted-origin.ts'
import { sharedLimpet } from '../support/shared-limpet.ts'
import { waysToConnect } from '../support/socket-io.ts'

describe('Socket.IO on three servers, with clients of one address that keep no cookies', () => {
  for (const [way, transports] of Object.entries<readonly string[]>(waysToConnect)) {
    test(`works ${way}, and is balanced`, async (t) => {
      const server = async (name: string) => {
        const origin = await httpOrigin(t, (_request, response) => response.end())
        const server = new SocketIoServer(origin.server as ReturnType<typeof createServer>)
        server.on('connection', (socket) => socket.on('say', (text, reply) => reply(`${name}: ${text}`)))
        t.after(() => void server.close())
        return origin
      }
      const [a, b, c] = [await server('a'), await server('b'), await server('c')]
      const config = `
        listeners: [{ address: 127.0.0.1, port: 0 }]
        workers: 2
        routes: [{ path: /*, upstream: app }]
        upstreams:
          app:
            affinity: { type: learn, from: socket.io }
            servers: [${a.address}, ${b.address}, ${c.address}]
      `
      const limpet = await sharedLimpet(config)
      const client = async (index: number) => {
        const socket = io(limpet.url, { transports: [...transports], forceNew: true, reconnection: false })
        t.after(() => socket.disconnect())
        await new Promise<void>((resolve, reject) => {
          socket.on('connect', resolve)
          socket.on('connect_error', reject)
        })
        const [name] = (await socket.emitWithAck('say', 'first')).split(':')
        for (let turn = 0; turn < 5; turn++) {
          assert.equal(await socket.emitWithAck('say', `${index}.${turn}`), `${name}: ${index}.${turn}`)
        }
        if (transports.includes('websocket') && socket.io.engine.transport.name !== 'websocket') {
          await once(socket.io.engine as unknown as NodeJS.EventEmitter, 'upgrade')
        }
        assert.equal(await socket.emitWithAck('say', 'last'), `${name}: last`)
        return name
      }
      const names = await Promise.all(Array.from({ length: 30 }, (_, index) => client(index)))
      assert.equal(new Set(names).size, 3)
    })
  }
})

describe('an Engine.IO handshake', () => {
  const OPEN = '0{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}'
  const HANDSHAKE = 'GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n'
  const POLL = HANDSHAKE.replace('polling', 'polling&sid=lv_VI97HAXpY6yYWAAAC')
  const config = (origin: ScriptedOrigin) => `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { affinity: { type: learn, from: socket.io }, servers: [${origin.address}] } }
  `
  const chunked = (...chunks: Buffer[]) =>
    [...chunks, ''].map((chunk) => `${chunk.length.toString(16)};x=1\r\n${chunk.toString('latin1')}\r\n`).join('')
  const packed = gzipSync(OPEN)
  const exactly = (text: string) => new RegExp(`^${text.replaceAll(/[^\w]/g, '\\$&')}$`)

  const answers: Readonly<Record<string, { fields: string; body: string }>> = {
    'of known length': { fields: `Content-Length: ${OPEN.length}`, body: OPEN },
    'that ends with the connection': { fields: 'Connection: close', body: OPEN },
    'in chunks that cut the id': {
      fields: 'Transfer-Encoding: chunked',
      body: chunked(Buffer.from(OPEN.slice(0, 12)), Buffer.from(OPEN.slice(12))),
    },
    'in chunks whose sizes are padded': {
      fields: 'Transfer-Encoding: chunked',
      body: chunked(Buffer.from(OPEN)).replaceAll(';x=1', ' \t;x=1'),
    },
    'in gzip and in chunks': {
      fields: 'Content-Encoding: gzip\r\nTransfer-Encoding: chunked',
      body: chunked(packed.subarray(0, 20), packed.subarray(20)),
    },
  }
  for (const [kind, { fields, body }] of Object.entries(answers)) {
    test(`is learnt byte by byte from an answer ${kind}, and each byte is passed on at once`, async (t) => {
      const origin = await ScriptedOrigin.start(t)
      const limpet = await sharedLimpet(config(origin))
      const client = await RawClient.connect(t, limpet.port)
      client.say(HANDSHAKE)
      await origin.request()
      origin.say(`HTTP/1.1 200 OK\r\n${fields}\r\n\r\n`)
      let expected = await client.hear(/\r\n\r\n$/)
      const endsByClosing = fields === 'Connection: close'
      const hasChunks = fields.endsWith('chunked')
      for (const byte of body) {
        origin.say(byte)
        if (hasChunks) continue
        expected += endsByClosing ? `1\r\n${byte}\r\n` : byte
        await client.hear(exactly(expected))
      }
      if (hasChunks) await client.hear(exactly(expected + body.replaceAll(/[ \t]*;x=1/g, '')))
      if (endsByClosing) origin.end()
      await limpet.log.find(/ 200 .* new$/)
      const next = await RawClient.connect(t, limpet.port)
      next.say(POLL)
      await origin.request(/sid=/)
      origin.say('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      await next.hear(/ok$/)
      await limpet.log.find(/sid=.* stuck$/)
    })
  }

  test('is learnt from many small chunks for a client of HTTP/1.0, which gets their data alone', async (t) => {
    const origin = await ScriptedOrigin.start(t)
    const limpet = await sharedLimpet(config(origin))
    const client = await RawClient.connect(t, limpet.port)
    client.say(HANDSHAKE.replace('HTTP/1.1', 'HTTP/1.0'))
    await origin.request()
    const open = `0{"pingInterval":25000,"padding":"${'x'.repeat(320)}","sid":"lv_VI97HAXpY6yYWAAAC"}`
    const chunks = chunked(...Array.from(open, (byte) => Buffer.from(byte)))
    origin.say(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`)
    assert.ok((await client.goodbye()).endsWith(`\r\n\r\n${open}`))
    const next = await RawClient.connect(t, limpet.port)
    next.say(POLL)
    await origin.request(/sid=/)
    origin.say('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    await next.hear(/ok$/)
    await limpet.log.find(/sid=.* stuck$/)
  })

  test('with another answer is passed on, and nothing is learnt', async (t) => {
    const origin = await ScriptedOrigin.start(t)
    const limpet = await sharedLimpet(config(origin))
    const client = await RawClient.connect(t, limpet.port)
    client.say(HANDSHAKE)
    await origin.request()
    origin.say('HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnot gzip!')
    await client.take(/not gzip!$/)
    client.say(POLL)
    await origin.request(/sid=/)
    origin.say('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    await client.hear(/ok$/)
    await limpet.log.find(/sid=.* expired$/)
  })
})
