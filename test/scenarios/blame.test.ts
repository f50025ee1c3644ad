/** When a failed exchange counts against a server, and when it does not. */
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import type { ServingLimpet } from '../support/limpet.ts'
import { addressesOf, type Origin, rawOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { sharedLimpet } from '../support/shared-limpet.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

/** Servers in turn, with nginx's defaults: one failure takes a server out for 10 s. */
const inTurn = (servers: readonly Origin[]) => `
  listeners: [{ address: 127.0.0.1, port: 0 }]
  workers: 1
  routes: [{ path: /*, upstream: app }]
  upstreams: { app: { balance: round-robin, servers: [${addressesOf(servers)}] } }
`

/** All servers serve, one after the other, and the log does not say that one is out. */
async function assertAllServe(t: TestContext, limpet: ServingLimpet, servers: readonly Origin[]): Promise<void> {
  const asked = limpet.log.all.length
  const client = await RawClient.connect(t, limpet.port)
  for (let i = 0; i < servers.length; i++) {
    client.say('GET /ok HTTP/1.1\r\nHost: a\r\n\r\n')
    assert.match(await client.take(/\r\n\r\n../), /^HTTP\/1.1 200 /)
  }
  await limpet.log.matching(/"GET \/ok /, servers.length)
  const lines = limpet.log.all.slice(asked).filter((line) => line.includes('"GET /ok '))
  for (const { address } of servers)
    assert.ok(
      lines.some((line) => line.includes(` ${address} 200 `)),
      `${address}: ${lines}`,
    )
  assert.doesNotMatch(limpet.errors.all.join('\n'), /is suspended/)
}

/** Servers that answer 200 to /ok, and to anything else what `converse` says. */
function servers(t: TestContext, count: number, converse: (socket: Socket, heard: string) => void): Promise<Origin[]> {
  return Promise.all(
    Array.from({ length: count }, () =>
      rawOrigin(t, (socket) => {
        socket.on('data', (bytes) => {
          const heard = bytes.toString('latin1')
          if (heard.startsWith('GET /ok ')) socket.write(OK)
          else converse(socket, heard)
        })
      }),
    ),
  )
}

describe('an upload that the server does not read', () => {
  /** Answers at the first byte of an upload, and closes with the rest of it unread. */
  function earlyOrigin(t: TestContext, answer: string): Promise<Origin> {
    return rawOrigin(t, (socket) => {
      socket.once('data', (bytes) => {
        if (bytes.toString('latin1').startsWith('GET')) return void socket.on('data', () => socket.write(OK)).write(OK)
        socket.pause()
        socket.write(answer, () => socket.destroy())
      })
    })
  }

  for (const [framing, answer] of Object.entries({
    'of a stated length': 'HTTP/1.1 413 Content Too Large\r\nContent-Length: 9\r\n\r\ntoo large',
    'in chunks': 'HTTP/1.1 413 Content Too Large\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ntoo large\r\n0\r\n\r\n',
    'that ends with the connection': 'HTTP/1.1 413 Content Too Large\r\nConnection: close\r\n\r\ntoo large',
  })) {
    test(`has its early answer ${framing} passed on to the client, and counts against no server`, async (t) => {
      const origins = [await earlyOrigin(t, answer), await earlyOrigin(t, answer)]
      const limpet = await sharedLimpet(inTurn(origins))
      for (let i = 0; i < 20; i++) {
        const client = await RawClient.connect(t, limpet.port)
        client.say('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n')
        client.socket.write(Buffer.alloc(10_000_000))
        assert.match(await client.hear(/too large/), /^HTTP\/1.1 413 [\s\S]*\r\n\r\n[\s\S]*too large/)
        client.socket.destroy()
      }
      await assertAllServe(t, limpet, origins)
    })
  }

  test('counts against no server even if the kernel has taken all of it, since a reset shows that it was not read', async (t) => {
    const closes = (socket: Socket) => {
      socket.pause()
      socket.destroy()
    }
    const origins = await servers(t, 2, closes)
    const limpet = await sharedLimpet(inTurn(origins))
    for (let i = 0; i < 4; i++) {
      const client = await RawClient.connect(t, limpet.port)
      client.say('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n')
      client.socket.write(Buffer.alloc(500_000))
      assert.match(await client.hear(/<\/html>/), /^HTTP\/1.1 502 /)
      client.socket.destroy()
    }
    await assertAllServe(t, limpet, origins)
  })

  for (const method of ['PUT', 'POST']) {
    test(`by ${method} is sent once and counts against no server if that resets, even if all of it arrived in one piece`, async (t) => {
      let uploads = 0
      const resets = (socket: Socket) => {
        uploads++
        socket.resetAndDestroy()
      }
      const origins = await servers(t, 2, resets)
      const limpet = await sharedLimpet(inTurn(origins))
      const client = await RawClient.connect(t, limpet.port)
      client.say(`${method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n${'b'.repeat(20_000)}`)
      assert.match(await client.hear(/<\/html>/), /^HTTP\/1.1 502 /)
      assert.equal(uploads, 1)
      await assertAllServe(t, limpet, origins)
    })
  }

  test('is sent again from its head if its connection has to be replaced', async (t) => {
    const beginnings: string[] = []
    const origin = await rawOrigin(t, (socket) => {
      let isFirst = true
      let heard = ''
      socket.on('data', (bytes) => {
        if (heard === '') beginnings.push(bytes.toString('latin1').slice(0, 4))
        heard += bytes.toString('latin1')
        // Each connection answers a GET, and is gone when it is used again.
        if (heard.startsWith('GET ') && isFirst) socket.write(OK)
        else if (heard.startsWith('GET ')) socket.resetAndDestroy()
        else if (heard.endsWith('0\r\n\r\n')) socket.end(OK)
        isFirst = false
      })
    })
    const limpet = await sharedLimpet(inTurn([origin]))
    for (let i = 0; i < 40; i++) {
      const client = await RawClient.connect(t, limpet.port)
      client.say(GET)
      await client.take(/ok$/)
      client.say('PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
      setImmediate(() => client.say('4\r\nabcd\r\n0\r\n\r\n'))
      assert.match(await client.hear(/ok$|<\/html>/), /^HTTP\/1.1 /)
      client.socket.destroy()
    }
    for (const beginning of beginnings) assert.match(beginning, /^(GET |PUT )$/)
  })

  test('is a 502 if it stalls until the server gives up, and counts against no server', async (t) => {
    const origins = await servers(t, 2, (socket, heard) => heard.includes('half') && socket.destroy())
    const limpet = await sharedLimpet(inTurn(origins))
    for (let i = 0; i < 2; i++) {
      const client = await RawClient.connect(t, limpet.port)
      client.say('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n')
      assert.match(await client.goodbye(), /^HTTP\/1.1 502 /)
    }
    await assertAllServe(t, limpet, origins)
  })
})

describe('an answer that cannot be understood', () => {
  for (const [fault, answer] of Object.entries({
    'a control character in a field': 'HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 0\r\n\r\n',
    'a folded field': 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n',
    'too many fields': `HTTP/1.1 200 OK\r\n${'X: a\r\n'.repeat(300)}\r\n`,
    'a head beyond the limit': `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(70_000)}\r\n\r\n`,
    'two lengths': 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
  })) {
    test(`because of ${fault} is a 502, and takes no server out`, async (t) => {
      const origins = await servers(t, 2, (socket) => socket.write(answer))
      const limpet = await sharedLimpet(inTurn(origins))
      for (let i = 0; i < 3; i++) {
        const client = await RawClient.connect(t, limpet.port)
        client.say(GET)
        assert.match(await client.hear(/makes no sense/), /^HTTP\/1.1 502 /)
      }
      await assertAllServe(t, limpet, origins)
    })
  }

  test('within its body breaks off the client, and takes no server out', async (t) => {
    const begun: Socket[] = []
    const origins = await servers(t, 2, (socket) => {
      begun.push(socket)
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n')
    })
    const limpet = await sharedLimpet(inTurn(origins))
    const client = await RawClient.connect(t, limpet.port)
    client.say(GET)
    await client.hear(/half\r\n$/)
    begun[0]!.write('zz\r\n')
    assert.match(await client.goodbye(), /4\r\nhalf\r\n$/)
    await assertAllServe(t, limpet, origins)
  })

  test('counts as a bad answer if servers are judged by their answers', async (t) => {
    const origins = await servers(t, 3, (socket) => socket.write('nonsense\r\n\r\n'))
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${addressesOf(origins)}], health: { outlier: { consecutive5xx: 2 } } } }
    `
    const limpet = await sharedLimpet(config)
    const client = await RawClient.connect(t, limpet.port)
    for (let i = 0; i < 6; i++) {
      client.say(GET)
      await client.take(/makes no sense[\s\S]*<\/html>\s$/)
    }
    await limpet.errors.find(/is ejected for/)
    assert.doesNotMatch(limpet.errors.all.join('\n'), /is suspended/)
  })
})

describe('a request that makes servers close the connection', () => {
  test('is tried on two and no more, and counts against neither', async (t) => {
    let poisoned = 0
    const origins = await servers(t, 4, (socket) => {
      poisoned++
      socket.destroy()
    })
    const limpet = await sharedLimpet(inTurn(origins))
    const client = await RawClient.connect(t, limpet.port)
    client.say('GET /poison HTTP/1.1\r\nHost: a\r\n\r\n')
    assert.match(await client.take(/<\/html>\s$/), /^HTTP\/1.1 502 /)
    assert.equal(poisoned, 2)
    await assertAllServe(t, limpet, origins)
  })

  test('is not suspected if two servers refuse connections: a third one gets it', async (t) => {
    const dead = await Promise.all([rawOrigin(t, () => {}), rawOrigin(t, () => {})])
    for (const origin of dead) await origin.kill()
    const [good] = await servers(t, 1, (socket) => socket.write(OK))
    const limpet = await sharedLimpet(inTurn([...dead, good!]))
    const client = await RawClient.connect(t, limpet.port)
    client.say(GET)
    assert.match(await client.hear(/ok$/), /^HTTP\/1.1 200 /)
  })

  test('counts against the server if another one answers it', async (t) => {
    const bad = await rawOrigin(t, (socket) => socket.on('data', () => socket.destroy()))
    const [good] = await servers(t, 1, (socket) => socket.write(OK))
    const limpet = await sharedLimpet(inTurn([bad, good!]))
    const client = await RawClient.connect(t, limpet.port)
    client.say(GET)
    assert.match(await client.hear(/ok$/), /^HTTP\/1.1 200 /)
    await limpet.errors.find(new RegExp(`server ${bad.address} is suspended for 10 s \\(no-answer`))
  })
})

test('a body that Limpet has buffered whole is sent again for an idempotent method only', async (t) => {
  const bad = await rawOrigin(t, (socket) => socket.on('data', () => socket.destroy()))
  const heard: string[] = []
  const good = await rawOrigin(t, (socket) =>
    socket.on('data', (bytes) => {
      heard.push(bytes.toString('latin1'))
      socket.write(OK)
    }),
  )
  const body = 'x'.repeat(16 * 1024)
  for (const [method, status] of [
    ['PUT', 200],
    ['POST', 502],
  ] as const) {
    const limpet = await sharedLimpet(inTurn([bad, good]))
    const client = await RawClient.connect(t, limpet.port)
    client.say(`${method} / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    assert.match(await client.hear(/ok$|<\/html>/), new RegExp(`^HTTP/1.1 ${status} `))
  }
  assert.equal(heard.length, 1)
  assert.ok(heard[0]!.endsWith(`\r\n\r\n${body}`))
})
